"""Acts on what was planned and what happened: `plan` computes it, `record` keeps entries, `read` shows them."""

from healthprotocol.care.entries.service.bring import Bringing
from healthprotocol.care.entries.service.erasure import on_patient_erased
from healthprotocol.care.entries.service.plan import (
    Explained,
    PlannedDay,
    Today,
    computed,
    computed_each,
    occurrences_of,
    preview,
    standing_of,
    today,
)
from healthprotocol.care.entries.service.read import (
    LISTING,
    client_ids,
    get,
    last_recorded_at,
    measurements,
    page,
    since,
)
from healthprotocol.care.entries.service.record import Item, Recorded, hold, record, record_one, retract

__all__ = [
    "LISTING",
    "Bringing",
    "Explained",
    "Item",
    "PlannedDay",
    "Recorded",
    "Today",
    "client_ids",
    "computed",
    "computed_each",
    "get",
    "hold",
    "last_recorded_at",
    "measurements",
    "occurrences_of",
    "on_patient_erased",
    "page",
    "preview",
    "record",
    "record_one",
    "retract",
    "since",
    "standing_of",
    "today",
]
