"""
The id of an occurrence: opaque to clients, the same on every computation, resolvable without a search.

It holds the assignment, the activity's key, the planned local time and the slot, and nothing of the plan's version, so
that it survives every change of plan that keeps the occurrence. Source: care rules §3.2.

The bytes, in URL-safe base64: format (1), assignment (16), length of the key (1), the key with as many zero bytes as
bring it to a multiple of three, then the local date as its proleptic ordinal (3), microseconds since its midnight (5)
and the slot (1).
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error, b2a_base64
from datetime import date, datetime, timedelta
from uuid import UUID

from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.care.entries.model import Entry, OccurrenceId, OccurrenceRef

_FORMAT = 1
_HEAD_BYTES = 18
_TAIL_BYTES = 9
_LONGEST = 200
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def occurrence_id(
    assignment_id: AssignmentId, activity_key: str, *, planned_local: datetime, slot: int
) -> OccurrenceId:
    """Return the id of an occurrence. `planned_local` is naive; `slot` is from 1 to 255."""
    return with_prefix(id_prefix(assignment_id, activity_key), planned_local, slot)


def id_prefix(assignment_id: AssignmentId, activity_key: str) -> str:
    """Return what all ids of an activity in an assignment begin with: make it once for many occurrences."""
    key = activity_key.encode()
    padding = bytes(-len(key) % 3)
    return urlsafe_b64encode(bytes([_FORMAT]) + assignment_id.bytes + bytes([len(key)]) + key + padding).decode()


def with_prefix(prefix: str, planned_local: datetime, slot: int) -> OccurrenceId:
    """Return the id of an occurrence from the prefix of its activity."""
    seconds = planned_local.hour * 3_600 + planned_local.minute * 60 + planned_local.second
    microseconds = seconds * 1_000_000 + planned_local.microsecond
    tail = planned_local.toordinal() << 48 | microseconds << 8 | slot
    return OccurrenceId(
        prefix + b2a_base64(tail.to_bytes(_TAIL_BYTES, "big"), newline=False).translate(_URL_SAFE).decode()
    )


def parse_occurrence_id(text: str) -> OccurrenceRef | None:
    """
    Return what an id names, or None when it is none.

    Every occurrence has one id: a text that spells the same bytes otherwise is refused. Whether the plan holds the
    occurrence is not looked at.
    """
    if len(text) > _LONGEST or not text.isascii():
        return None
    try:
        raw = urlsafe_b64decode(text)
    except (Error, ValueError):
        return None
    ref = _read(raw)
    if ref is None or _write(ref) != text:
        return None
    return ref


def planned_on(entry: Entry) -> date | None:
    """Return the local date for which an entry's occurrence is planned, None for an unplanned one."""
    ref = None if entry.occurrence_id is None else parse_occurrence_id(entry.occurrence_id)
    return None if ref is None else ref.planned_local.date()


def _read(raw: bytes) -> OccurrenceRef | None:
    if len(raw) < _HEAD_BYTES + _TAIL_BYTES or raw[0] != _FORMAT:
        return None
    tail = raw[-_TAIL_BYTES:]
    try:
        key = raw[_HEAD_BYTES : _HEAD_BYTES + raw[_HEAD_BYTES - 1]].decode()
        planned_local = datetime.fromordinal(int.from_bytes(tail[:3], "big"))
        planned_local += timedelta(microseconds=int.from_bytes(tail[3:8], "big"))
    except (ValueError, OverflowError):
        return None
    if _KEY.fullmatch(key) is None:
        return None
    return OccurrenceRef(AssignmentId(UUID(bytes=raw[1:17])), key, planned_local, tail[8])


def _write(ref: OccurrenceRef) -> str:
    return occurrence_id(ref.assignment_id, ref.activity_key, planned_local=ref.planned_local, slot=ref.slot)
