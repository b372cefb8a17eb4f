"""
The life of an assignment, pure.

`lifecycle` starts, pauses, resumes and closes it; `change` adjusts and moves its plan and shows beforehand what a move
does; `adjustments` says what is different for one patient; `plan` lays it all on the patient's calendar.
"""
