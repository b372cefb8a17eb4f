"""
The life of an assignment: proposed → active ⇄ paused → completed or stopped, and from anywhere entered in error.

Source: product.md (assignment) and care rules §1.1, §3.3, §3.5.
"""

from datetime import date, datetime, timedelta

import msgspec

from healthprotocol.care.assignments.errors import (
    AssignmentAlreadyPaused,
    AssignmentAlreadyStarted,
    AssignmentClosed,
    AssignmentNotPaused,
    AssignmentNotStarted,
)
from healthprotocol.care.assignments.model import NO_ADJUSTMENTS, Adjustments, Assignment, Pause, Segment
from healthprotocol.care.protocols.rules.local_time import ONE_DAY, calendar_of, is_time_zone
from healthprotocol.foundation.errors import Violation

EARLIEST_START = date(1900, 1, 1)
LATEST_START = date(2200, 12, 31)

_OPEN = {"proposed", "active", "paused"}


def check_start(starts_on: date, *, time_zone: str) -> list[Violation]:
    """Return what is wrong with where a plan would begin: the day, or the zone."""
    found: list[Violation] = []
    if not EARLIEST_START <= starts_on <= LATEST_START:
        found.append(Violation("/starts_on", "out_of_range", "Let the plan begin between the years 1900 and 2200."))
    if not is_time_zone(time_zone):
        found.append(Violation("/time_zone", "unknown", "Give the name of an IANA time zone, such as Europe/Berlin."))
    return found


def first_segment(*, version: int, starts_on: date, adjustments: Adjustments = NO_ADJUSTMENTS) -> Segment:
    """Return the segment with which an assignment begins: plan day 1 is its first day. Source: care rules §1.1."""
    return Segment(version=version, from_on=starts_on, plan_starts_on=starts_on, adjustments=adjustments)


def last_day(starts_on: date, *, duration_days: int) -> date:
    """Return the last of `duration_days` plan days, of which `starts_on` is the first. Source: care rules §1.1."""
    return starts_on + timedelta(days=duration_days - 1)


def is_open(assignment: Assignment) -> bool:
    """Say whether the assignment can still change: it is proposed, active or paused."""
    return assignment.status in _OPEN


def is_over(assignment: Assignment, at: datetime) -> bool:
    """Say whether the last local day has passed, so that nothing more is planned and every window is closed."""
    return at >= ends_at(assignment)


def ends_at(assignment: Assignment) -> datetime:
    """Return the end of the last local day, which no window passes. Source: care rules §3.1."""
    return calendar_of(assignment.time_zone).midnight_at(assignment.ends_on + ONE_DAY)


def start(assignment: Assignment) -> Assignment:
    """
    Let a proposed assignment count.

    Raises:
        AssignmentAlreadyStarted: it is active or paused.
        AssignmentClosed: it is closed.
    """
    _require_open(assignment)
    if assignment.status != "proposed":
        raise AssignmentAlreadyStarted
    return _changed(assignment, status="active")


def pause(assignment: Assignment, *, at: datetime, reason: str | None = None) -> Assignment:
    """
    Stop an active assignment from asking anything of the patient, from `at` until it is resumed.

    Raises:
        AssignmentAlreadyPaused: it is paused.
        AssignmentNotStarted: it is only proposed.
        AssignmentClosed: it is closed.

    Source: care rules §3.5.
    """
    _require_started(assignment)
    if assignment.status == "paused":
        raise AssignmentAlreadyPaused
    # Clocks of two nodes may differ by a little: a pause never begins before the last one ended.
    ended_at = assignment.pauses[-1].to_at if assignment.pauses else None
    begun = Pause(from_at=max(at, ended_at or at))
    return _changed(assignment, status="paused", pauses=(*assignment.pauses, begun), reason=reason)


def resume(assignment: Assignment, *, at: datetime, shift: bool = False) -> Assignment:
    """
    Let a paused assignment go on; with `shift` the rest of the plan moves by the whole local days paused.

    Changes of plan that lie ahead move with it, for they were set for a day of the plan.

    Raises:
        AssignmentNotPaused: it is proposed or active.
        AssignmentClosed: it is closed.

    Source: care rules §3.5.
    """
    _require_open(assignment)
    if assignment.status != "paused":
        raise AssignmentNotPaused
    begun = assignment.pauses[-1]
    to_at = max(at, begun.from_at)
    calendar = calendar_of(assignment.time_zone)
    # Days paused before the plan began took nothing of it.
    lost_from_at = max(begun.from_at, calendar.midnight_at(assignment.starts_on))
    days = whole_days_between(lost_from_at, to_at, time_zone=assignment.time_zone) if shift else 0
    resumed_on = calendar.local_date(to_at)
    if resumed_on > assignment.ends_on + timedelta(days=days):
        # What was left of the last day has gone by: there is no rest to move.
        days = 0
    ended = msgspec.structs.replace(begun, to_at=to_at, shift_days=days)
    return _changed(
        assignment,
        status="active",
        pauses=(*assignment.pauses[:-1], ended),
        segments=_shifted(assignment.segments, from_on=resumed_on, days=days),
        ends_on=assignment.ends_on + timedelta(days=days),
        reason=None,
    )


def whole_days_between(from_at: datetime, to_at: datetime, *, time_zone: str) -> int:
    """
    Return how many whole days the patient's wall clock went on from `from_at` to `to_at`.

    From Monday 10:00 to Wednesday 09:00 it is one; to 10:00, two. So the plan goes on where it stopped, and no hour of
    it is asked twice.
    """
    calendar = calendar_of(time_zone)
    return max(0, (calendar.local(to_at) - calendar.local(from_at)).days)


def stop(assignment: Assignment, *, at: datetime, reason: str) -> Assignment:
    """
    End a started assignment before its time; what was planned from `at` on is no longer due.

    Raises:
        AssignmentNotStarted: it is only proposed.
        AssignmentClosed: it is closed.
    """
    _require_started(assignment)
    return _changed(assignment, status="stopped", stopped_at=at, reason=reason)


def complete(assignment: Assignment, *, at: datetime) -> Assignment:
    """
    End a started assignment as done; what was planned from `at` on is no longer due.

    Raises:
        AssignmentNotStarted: it is only proposed.
        AssignmentClosed: it is closed.
    """
    _require_started(assignment)
    return _changed(assignment, status="completed", stopped_at=at, reason=None)


def mark_entered_in_error(assignment: Assignment, *, reason: str | None = None) -> Assignment:
    """
    Say that there should never have been this assignment: nothing of it is, or was, due.

    Raises:
        AssignmentClosed: it is marked so already.
    """
    if assignment.status == "entered_in_error":
        raise AssignmentClosed
    return _changed(assignment, status="entered_in_error", reason=reason)


def _require_open(assignment: Assignment) -> None:
    if not is_open(assignment):
        raise AssignmentClosed


def _require_started(assignment: Assignment) -> None:
    _require_open(assignment)
    if assignment.status == "proposed":
        raise AssignmentNotStarted


def _shifted(segments: tuple[Segment, ...], *, from_on: date, days: int) -> tuple[Segment, ...]:
    """Return the segments with everything from `from_on` on moved; the segment in force then is cut in two."""
    if days == 0:
        return segments
    moved_by = timedelta(days=days)
    shifted: list[Segment] = []
    for index, segment in enumerate(segments):
        begins_later = segment.from_on >= from_on
        ends_later = index + 1 == len(segments) or segments[index + 1].from_on >= from_on
        if not begins_later:
            shifted.append(segment)
        if begins_later or ends_later:
            begins_on = segment.from_on + moved_by if begins_later else from_on
            starts_on = segment.plan_starts_on + moved_by
            shifted.append(msgspec.structs.replace(segment, from_on=begins_on, plan_starts_on=starts_on))
    return tuple(shifted)


def _changed(assignment: Assignment, **changes: object) -> Assignment:
    return msgspec.structs.replace(assignment, revision=assignment.revision + 1, **changes)
