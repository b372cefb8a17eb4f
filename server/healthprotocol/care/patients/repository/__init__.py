"""
Patients in SQL. Opened by this slice's service only.

`write` writes them, `people` reads them, `finders` tells by which indexes they are found, `search` finds them,
`erasure` makes one of them nobody.
"""

from healthprotocol.care.patients.repository.erasure import erase
from healthprotocol.care.patients.repository.files import full_of, hold
from healthprotocol.care.patients.repository.finders import EMAIL, IDENTIFIER, NAME_BIRTH, PATIENTS, PHONE
from healthprotocol.care.patients.repository.people import (
    among,
    get,
    ids_of_filter,
    in_order,
    is_more_than,
    names,
    page,
    rows_of,
    time_zones,
)
from healthprotocol.care.patients.repository.search import (
    find_by_email,
    find_by_identifier,
    find_by_identifiers,
    find_by_name_birth,
    find_by_phone,
)
from healthprotocol.care.patients.repository.write import insert, save, taken_identifiers

__all__ = [
    "EMAIL",
    "IDENTIFIER",
    "NAME_BIRTH",
    "PATIENTS",
    "PHONE",
    "among",
    "erase",
    "find_by_email",
    "find_by_identifier",
    "find_by_identifiers",
    "find_by_name_birth",
    "find_by_phone",
    "full_of",
    "get",
    "hold",
    "ids_of_filter",
    "in_order",
    "insert",
    "is_more_than",
    "names",
    "page",
    "rows_of",
    "save",
    "taken_identifiers",
    "time_zones",
]
