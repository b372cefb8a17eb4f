"""
What is different for one patient: whether it fits the protocol, and what an activity becomes by it.

Source: product.md (assignment: per-patient adjustments); care rules §1.3 and §3.3.
"""

from collections.abc import Iterator

import msgspec

from healthprotocol.care.assignments.model import ActivityAdjustment, Adjustments, TargetRange
from healthprotocol.care.protocols.model import Activity, Measurement, Phase, ProtocolContent, Quantity, Schedule
from healthprotocol.care.protocols.rules.cycles import MICROSECONDS, is_timed
from healthprotocol.care.protocols.rules.day_parts import DEFAULT_DAY_PARTS
from healthprotocol.care.protocols.rules.schedule_check import check_schedule
from healthprotocol.foundation.errors import Violation

Place = tuple[str, ActivityAdjustment, Phase, Activity]
"""Where an adjustment stands in the input, the adjustment, and what it is of."""


def check_adjustments(adjustments: Adjustments, content: ProtocolContent, *, pointer: str = "") -> list[Violation]:
    """Return every reason why adjustments do not fit a protocol's content, each with its place under `pointer`."""
    by_key = {activity.key: (phase, activity) for phase in content.phases for activity in phase.activities}
    found: list[Violation] = []
    seen: set[str] = set()
    for index, one in enumerate(adjustments.activities):
        place = f"{pointer}/activities/{index}"
        if one.activity_key in seen:
            found.append(Violation(f"{place}/activity_key", "repeated", "Say all of an activity in one place."))
        seen.add(one.activity_key)
        if one.activity_key not in by_key:
            found.append(Violation(f"{place}/activity_key", "unknown", "The protocol has no activity with this key."))
            continue
        phase, activity = by_key[one.activity_key]
        found.extend(_check_times((place, one, phase, activity), content.duration_days))
        found.extend(_check_targets(place, one, activity.measurement))
    found.extend(_check_day_parts(adjustments, pointer))
    return found


def adjusted_activity(activity: Activity, adjustment: ActivityAdjustment | None) -> Activity:
    """
    Return the activity as it is for the patient: its schedule and target ranges replaced as the adjustment says.

    A shift in minutes is not in the schedule, since it may cross midnight: pass it to `planned_between`.
    """
    if adjustment is None:
        return activity
    measurement = activity.measurement
    if measurement is not None and adjustment.target_ranges:
        measurement = _with_targets(measurement, adjustment.target_ranges)
    return msgspec.structs.replace(
        activity, schedule=_adjusted_schedule(activity.schedule, adjustment), measurement=measurement
    )


def _adjusted_schedule(schedule: Schedule, adjustment: ActivityAdjustment) -> Schedule:
    if adjustment.schedule is not None:
        return adjustment.schedule
    if adjustment.time_of_day:
        # The new times say all that these said.
        return msgspec.structs.replace(
            schedule,
            time_of_day=adjustment.time_of_day,
            when=(),
            offset=None,
            offsets_minutes=(),
            frequency=None,
            frequency_max=None,
        )
    return schedule


def _with_targets(measurement: Measurement, targets: tuple[TargetRange, ...]) -> Measurement:
    by_code = {target.code: target.range for target in targets}
    components = tuple(
        msgspec.structs.replace(part, target_range=by_code.get(part.code, part.target_range))
        for part in measurement.components
    )
    own = by_code.get(measurement.code, measurement.target_range)
    return msgspec.structs.replace(measurement, target_range=own, components=components)


def _check_times(place: Place, duration_days: int) -> Iterator[Violation]:
    pointer, one, phase, activity = place
    given = [
        field
        for field, is_given in (
            ("shift_minutes", one.shift_minutes is not None),
            ("time_of_day", bool(one.time_of_day)),
            ("schedule", one.schedule is not None),
        )
        if is_given
    ]
    for field in given[1:]:
        yield Violation(
            f"{pointer}/{field}", "contradiction", f"Give one change of times; there is {given[0]} already."
        )
    if one.skip and given:
        yield Violation(f"{pointer}/skip", "contradiction", "An activity that is taken out has no times to change.")
    if one.shift_minutes is not None and not _has_times(activity.schedule):
        yield Violation(f"{pointer}/shift_minutes", "contradiction", "This activity names no times to shift.")
    if len(given) == 1 and given[0] != "shift_minutes":
        for fault in check_schedule(
            _adjusted_schedule(activity.schedule, one),
            phase_start_day=phase.start_day,
            phase_length_days=phase.length_days,
            duration_days=duration_days,
        ):
            # What the new times contradict stands in the protocol, not in this input: point at the times.
            inner = fault.pointer if given[0] == "schedule" else ""
            yield Violation(f"{pointer}/{given[0]}{inner}", fault.code, fault.detail)


def _check_day_parts(adjustments: Adjustments, pointer: str) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, part in enumerate(adjustments.day_parts):
        place = f"{pointer}/day_parts/{index}"
        if part.when not in DEFAULT_DAY_PARTS:
            yield Violation(
                f"{place}/when", "unknown", "Name one part of the day or one meal: before and after follow it."
            )
        if part.when in seen:
            yield Violation(f"{place}/when", "repeated", "This part of the day has a time already.")
        seen.add(part.when)


def _has_times(schedule: Schedule) -> bool:
    return is_timed(schedule) or (schedule.period is not None and schedule.period_unit in MICROSECONDS)


def _check_targets(pointer: str, one: ActivityAdjustment, measurement: Measurement | None) -> Iterator[Violation]:
    parts: tuple[Measurement | Quantity, ...] = () if measurement is None else (measurement, *measurement.components)
    codes = {part.code for part in parts}
    for index, target in enumerate(one.target_ranges):
        place = f"{pointer}/target_ranges/{index}"
        if target.code not in codes:
            yield Violation(f"{place}/code", "unknown", "The activity does not measure this.")
        low, high = target.range.low, target.range.high
        if low is not None and high is not None and low > high:
            yield Violation(f"{place}/range/high", "contradiction", "Let high be no less than low.")
