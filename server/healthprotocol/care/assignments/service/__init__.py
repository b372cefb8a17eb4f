"""
Acts on assignments.

`assign` gives a protocol to a patient, `bulk` to many, `bring` to each line of a file its own; `change` and `move` are
what happens to a plan that runs; `read` is for this slice's routes and for the slices above. Every act and every read
by an actor is recorded.
"""

from healthprotocol.care.assignments.service.assign import assign
from healthprotocol.care.assignments.service.bring import assign_many, faults_of, hold, hold_new
from healthprotocol.care.assignments.service.bulk import BULK, assign_batch, preview_bulk, submit_bulk
from healthprotocol.care.assignments.service.change import (
    adjust,
    complete,
    mark_entered_in_error,
    pause,
    resume,
    start,
    stop,
)
from healthprotocol.care.assignments.service.erasure import on_patient_erased
from healthprotocol.care.assignments.service.move import move, preview_move
from healthprotocol.care.assignments.service.read import (
    LISTING,
    MOST_AT_ONCE,
    by_ids,
    get,
    get_visible,
    ids_after,
    load_with_contents,
    of_patient,
    page,
    titled,
)

__all__ = [
    "BULK",
    "LISTING",
    "MOST_AT_ONCE",
    "adjust",
    "assign",
    "assign_batch",
    "assign_many",
    "by_ids",
    "complete",
    "faults_of",
    "get",
    "get_visible",
    "hold",
    "hold_new",
    "ids_after",
    "load_with_contents",
    "mark_entered_in_error",
    "move",
    "of_patient",
    "on_patient_erased",
    "page",
    "pause",
    "preview_bulk",
    "preview_move",
    "resume",
    "start",
    "stop",
    "submit_bulk",
    "titled",
]
