"""
Patients in SQL. Opened by this slice's service only.

`people` writes and reads them, `search` finds them exactly, `erasure` makes one of them nobody.
"""

from healthprotocol.care.patients.repository.erasure import erase
from healthprotocol.care.patients.repository.files import full_of
from healthprotocol.care.patients.repository.people import (
    PATIENTS,
    all_rows,
    get,
    ids_of_filter,
    insert,
    is_more_than,
    page,
    rows_of,
    save,
    taken_identifiers,
    time_zones,
)
from healthprotocol.care.patients.repository.search import (
    find_by_email,
    find_by_identifier,
    find_by_identifiers,
    find_by_name_birth,
    find_by_phone,
)

__all__ = [
    "PATIENTS",
    "all_rows",
    "erase",
    "find_by_email",
    "find_by_identifier",
    "find_by_identifiers",
    "find_by_name_birth",
    "find_by_phone",
    "full_of",
    "get",
    "ids_of_filter",
    "insert",
    "is_more_than",
    "page",
    "rows_of",
    "save",
    "taken_identifiers",
    "time_zones",
]
