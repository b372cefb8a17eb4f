"""
Clinical arithmetic of a care protocol, pure: when activities are due, what a unit and a score mean.

`schedule_check` says what is refused; `expansion` lays a schedule on the calendar by way of `cycles` (local days) or
`series` (elapsed time) and `local_time`; `units`, `loinc` and `scoring` read what was measured or answered.
"""
