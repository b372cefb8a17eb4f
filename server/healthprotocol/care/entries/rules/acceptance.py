"""
When an entry may be made for an occurrence, and whether it is late.

Source: care rules §3.4.
"""

from datetime import UTC, datetime, timedelta

from healthprotocol.care.entries.errors import OccurrenceClosed, OccurrenceNotApplicable, OccurrenceNotOpenYet
from healthprotocol.care.entries.model import LATE_DAYS, Due, Occurrence
from healthprotocol.care.protocols.rules.local_time import calendar_of
from healthprotocol.foundation.errors import Violation

# A phone's clock may be ahead of ours by this much before we doubt what it says.
CLOCK_TOLERANCE = timedelta(minutes=5)

# Nobody who is a patient now did anything before; and at the calendar's first days there is no zone to the east.
EARLIEST_AT = datetime(1900, 1, 1, tzinfo=UTC)


def require_acceptable(
    occurrence: Occurrence | Due,
    *,
    effective_at: datetime,
    at: datetime,
    time_zone: str,
    late_days: int = LATE_DAYS.default,
) -> bool:
    """
    Return whether an entry that is made at `at`, for what happened at `effective_at`, is late.

    It is late once the occurrence has closed. Before the occurrence opens both must lie on its local day.

    Raises:
        OccurrenceNotApplicable: nothing was due then.
        OccurrenceNotOpenYet: it is made, or is said to have happened, before that day.
        OccurrenceClosed: the occurrence closed more than `late_days` of 24 hours before `at`.

    Source: care rules §3.4.
    """
    if occurrence.state == "not_applicable":
        raise OccurrenceNotApplicable
    earliest_at = min(effective_at, at)
    if earliest_at < occurrence.opens_at:
        local_date = calendar_of(time_zone).local_date(earliest_at)
        if local_date != occurrence.planned_local.date():
            raise OccurrenceNotOpenYet
    if at > occurrence.closes_at + timedelta(days=late_days):
        raise OccurrenceClosed
    return at >= occurrence.closes_at


def check_effective_at(effective_at: datetime, *, at: datetime) -> list[Violation]:
    """Return what is wrong with when something is said to have happened: no zone, in the future, beyond all memory."""
    if effective_at.tzinfo is None:
        return [Violation("/effective_at", "malformed", "Give the instant with its offset, such as Z.")]
    if not EARLIEST_AT <= effective_at <= at + CLOCK_TOLERANCE:
        return [Violation("/effective_at", "out_of_range", "Give an instant that has passed.")]
    return []


def check_recorded_at(recorded_at: datetime, *, at: datetime) -> list[Violation]:
    """
    Return what is wrong with when another system is said to have recorded something: no zone, in the future, too early.

    Whether it was in time is then judged as of that instant. Source: care rules §3.4.
    """
    return [Violation("/recorded_at", one.code, one.detail) for one in check_effective_at(recorded_at, at=at)]
