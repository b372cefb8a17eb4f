"""
What is due and what was done, pure.

`occurrence_ids` names an occurrence, `occurrences` computes them with their state, `acceptance` says when an entry may
be made, and `validation` what it may say.
"""
