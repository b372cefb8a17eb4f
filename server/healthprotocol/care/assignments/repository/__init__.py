"""
Assignments in SQL. Opened by this slice's service only.

`plans` writes and reads them, `many` those of a file, or of a cohort, at once.
"""

from healthprotocol.care.assignments.repository.many import following, hold, insert_rows, taken
from healthprotocol.care.assignments.repository.plans import (
    ASSIGNMENTS,
    NewRows,
    forget_patient,
    get,
    hold_plans,
    ids_after,
    insert,
    insert_many,
    of_ids,
    of_patient,
    open_of_patient,
    page,
    save,
)

__all__ = [
    "ASSIGNMENTS",
    "NewRows",
    "following",
    "forget_patient",
    "get",
    "hold",
    "hold_plans",
    "ids_after",
    "insert",
    "insert_many",
    "insert_rows",
    "of_ids",
    "of_patient",
    "open_of_patient",
    "page",
    "save",
    "taken",
]
