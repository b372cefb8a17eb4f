"""
An assignment's plan on the patient's calendar: for each segment in force, which activity lies where.

Source: care rules §1.1-1.3.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from msgspec import Struct

from healthprotocol.care.assignments.model import Assignment, Segment
from healthprotocol.care.assignments.rules.adjustments import adjusted_activity
from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent
from healthprotocol.care.protocols.rules.expansion import Frame, Planned, planned_between
from healthprotocol.care.protocols.rules.local_time import ONE_DAY

Contents = Mapping[int, ProtocolContent]
"""What the versions of a protocol say, by version number: those that the segments name."""


class PlannedActivity(Struct, frozen=True):
    """
    An activity, adjusted to the patient, on the local dates `from_on` … `to_on` of one segment.

    `is_taken_out` says that an adjustment skips it: what it plans is shown, and is not due.
    """

    segment: Segment
    phase: Phase
    activity: Activity
    frame: Frame
    from_on: date
    to_on: date
    shift_minutes: int
    is_taken_out: bool

    def planned(self) -> list[Planned]:
        """Return what is planned on these dates, sorted by planned local time."""
        return planned_between(
            self.activity.schedule,
            self.frame,
            from_on=self.from_on,
            to_on=self.to_on,
            shift_minutes=self.shift_minutes,
        )


def planned_activities(
    assignment: Assignment, contents: Contents, *, from_on: date, to_on: date
) -> Iterator[PlannedActivity]:
    """
    Yield what the plan holds between two local dates, both inclusive: segments by date, activities as written.

    Raises:
        KeyError: `contents` lacks the version of a segment that is in force on these dates.

    Source: care rules §1.2 and §1.3.
    """
    for segment, first, last in segments_between(assignment, from_on=from_on, to_on=to_on):
        content = contents[segment.version]
        plan_ends_on = segment.plan_starts_on + timedelta(days=content.duration_days - 1)
        for phase in content.phases:
            anchor_on = segment.plan_starts_on + timedelta(days=phase.start_day - 1)
            last_on = min(anchor_on + timedelta(days=phase.length_days - 1), plan_ends_on, assignment.ends_on)
            if anchor_on > last or last_on < first:
                continue
            frame = Frame(
                time_zone=assignment.time_zone,
                anchor_on=anchor_on,
                last_on=last_on,
                ends_on=assignment.ends_on,
                day_parts=tuple((part.when, part.time) for part in segment.adjustments.day_parts),
            )
            for activity in phase.activities:
                adjustment = segment.adjustments.of(activity.key)
                yield PlannedActivity(
                    segment=segment,
                    phase=phase,
                    activity=adjusted_activity(activity, adjustment),
                    frame=frame,
                    from_on=first,
                    to_on=last,
                    shift_minutes=(adjustment.shift_minutes or 0) if adjustment is not None else 0,
                    is_taken_out=adjustment is not None and adjustment.skip,
                )


def segments_between(assignment: Assignment, *, from_on: date, to_on: date) -> Iterator[tuple[Segment, date, date]]:
    """Yield each segment in force between two local dates, with its first and last date there."""
    for index, segment in enumerate(assignment.segments):
        first, last = max(segment.from_on, from_on), min(assignment.ends_on, to_on)
        if index + 1 < len(assignment.segments):
            last = min(last, assignment.segments[index + 1].from_on - ONE_DAY)
        if first <= last:
            yield segment, first, last


def segment_on(assignment: Assignment, day: date) -> Segment:
    """Return the segment in force on a local date; before the first day, the first. Source: care rules §1.3."""
    in_force = [segment for segment in assignment.segments if segment.from_on <= day]
    return in_force[-1] if in_force else assignment.segments[0]
