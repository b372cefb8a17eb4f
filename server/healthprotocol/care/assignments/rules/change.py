"""
Changes of a running plan: adjust it, move it to another version, and see beforehand what a move does.

A change is a new segment from a local date on, today or later: the past stays as it was planned.
Source: care rules §1.3 and §3.6.
"""

from collections.abc import Mapping
from datetime import date, datetime

import msgspec

from healthprotocol.care.assignments.errors import (
    AlreadyOnVersion,
    AssignmentClosed,
    NothingLeftToPlan,
    PastCannotChange,
)
from healthprotocol.care.assignments.model import Adjustments, Assignment, Move, MovePreview, PlanChange, Segment
from healthprotocol.care.assignments.rules.lifecycle import is_open, last_day
from healthprotocol.care.assignments.rules.plan import Contents, planned_activities, segment_on
from healthprotocol.care.protocols.model import Activity
from healthprotocol.care.protocols.rules.local_time import calendar_of


def adjust(assignment: Assignment, adjustments: Adjustments, *, from_on: date, at: datetime) -> Assignment:
    """
    Give the patient other adjustments, instead of those there were, from the local date `from_on` on.

    They hold for changes of version that lie ahead, too. Check them first (`check_adjustments`).

    Raises:
        AssignmentClosed: it is closed.
        PastCannotChange: `from_on` is before today or the first day, or after the last.
    """
    _require_changeable(assignment, from_on, at)
    begun = msgspec.structs.replace(segment_on(assignment, from_on), from_on=from_on, adjustments=adjustments)
    kept = tuple(segment for segment in assignment.segments if segment.from_on < from_on)
    ahead = tuple(
        msgspec.structs.replace(segment, adjustments=adjustments)
        for segment in assignment.segments
        if segment.from_on > from_on
    )
    return msgspec.structs.replace(assignment, segments=(*kept, begun, *ahead), revision=assignment.revision + 1)


def move(assignment: Assignment, to: Move, *, duration_days: int, at: datetime) -> Assignment:
    """
    Let the assignment follow another version, of `duration_days`, from a local date on.

    The plan day goes on counting, or with `restart` is 1 on that date. The patient's adjustments stay unless others are
    given. Changes that were set for that date or later are dropped.

    Raises:
        AssignmentClosed: it is closed.
        PastCannotChange: the date is before today or the first day, or after the last.
        AlreadyOnVersion: it follows that version on that date, and no restart was asked for.
        NothingLeftToPlan: counting on, that version would be over before the date.

    Source: care rules §3.6.
    """
    from_on = to.from_on or first_changeable_day(assignment, at)
    _require_changeable(assignment, from_on, at)
    present = segment_on(assignment, from_on)
    if present.version == to.to_version and not to.restart:
        raise AlreadyOnVersion
    begun = Segment(
        version=to.to_version,
        from_on=from_on,
        plan_starts_on=from_on if to.restart else present.plan_starts_on,
        adjustments=present.adjustments if to.adjustments is None else to.adjustments,
    )
    ends_on = last_day(begun.plan_starts_on, duration_days=duration_days)
    if ends_on < from_on:
        raise NothingLeftToPlan
    kept = tuple(segment for segment in assignment.segments if segment.from_on < from_on)
    return msgspec.structs.replace(
        assignment, segments=(*kept, begun), ends_on=ends_on, revision=assignment.revision + 1
    )


def first_changeable_day(assignment: Assignment, at: datetime) -> date:
    """Return the first local date from which the plan can change: today, or the first day where that lies ahead."""
    return max(calendar_of(assignment.time_zone).local_date(at), assignment.starts_on)


def preview_move(before: Assignment, after: Assignment, contents: Contents, *, from_on: date) -> MovePreview:
    """
    Return what a move does from the local date `from_on` on, given the assignment before and after it.

    An activity begins or ends when it is planned only after or only before; it changes when it is planned in both and
    its definition, its times or their number differ.

    Raises:
        KeyError: `contents` lacks a version that is in force from that date on.

    Source: care rules §3.6.
    """
    old, new = (_rest_of_plan(assignment, contents, from_on) for assignment in (before, after))
    ordered = dict.fromkeys((*old, *new))
    changes = {key: _plan_change(key, old.get(key, _NOTHING), new.get(key, _NOTHING)) for key in ordered}
    return MovePreview(
        begins=tuple(change for change in changes.values() if not change.planned_before),
        ends=tuple(change for change in changes.values() if not change.planned_after),
        changes=tuple(
            change
            for key, change in changes.items()
            if change.planned_before and change.planned_after and (change.changed or old[key][1] != new[key][1])
        ),
        ends_on_before=before.ends_on,
        ends_on_after=after.ends_on,
    )


_Rest = tuple[tuple[Activity, ...], tuple[datetime, ...]]
_NOTHING: _Rest = ((), ())


def _rest_of_plan(assignment: Assignment, contents: Contents, from_on: date) -> Mapping[str, _Rest]:
    """Return, by activity key, the definitions in force and the local times planned from a date on."""
    rest: dict[str, _Rest] = {}
    for part in planned_activities(assignment, contents, from_on=from_on, to_on=assignment.ends_on):
        planned = () if part.is_taken_out else tuple(one.planned_local for one in part.planned())
        if planned:
            definitions, times = rest.get(part.activity.key, _NOTHING)
            rest[part.activity.key] = ((*definitions, part.activity), (*times, *planned))
    return rest


def _plan_change(key: str, old: _Rest, new: _Rest) -> PlanChange:
    changed: tuple[str, ...] = ()
    if old[0] and new[0]:
        changed = tuple(
            field for field in Activity.__struct_fields__ if getattr(old[0][-1], field) != getattr(new[0][-1], field)
        )
    return PlanChange(
        activity_key=key,
        title=(new[0] or old[0])[-1].title,
        planned_before=len(old[1]),
        planned_after=len(new[1]),
        changed=changed,
    )


def _require_changeable(assignment: Assignment, from_on: date, at: datetime) -> None:
    if not is_open(assignment):
        raise AssignmentClosed
    if not first_changeable_day(assignment, at) <= from_on <= assignment.ends_on:
        raise PastCannotChange
