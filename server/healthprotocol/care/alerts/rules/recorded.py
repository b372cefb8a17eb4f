"""
Rules about what was recorded: a value outside its alert thresholds, a score in a band of high severity.

Source: care rules §6.
"""

from collections.abc import Collection, Sequence
from datetime import date

import msgspec

from healthprotocol.care.alerts.model import AlertDetail, Finding, OutOfRange
from healthprotocol.care.assignments.model import Assignment
from healthprotocol.care.assignments.rules.adjustments import adjusted_activity
from healthprotocol.care.assignments.rules.plan import Contents, segment_on
from healthprotocol.care.entries.model import Entry, EntryId
from healthprotocol.care.protocols.model import Activity, Measurement, ProtocolContent, Quantity


def recorded_findings(standing: Sequence[Entry], activity: Activity, *, new_ids: Collection[EntryId]) -> list[Finding]:
    """
    Return what the rules about values and scores say of one activity of a plan.

    `standing` are its entries that nothing replaces, from the oldest new one on, not empty, oldest first; `new_ids`
    those that have just been recorded. The newest decides whether a condition holds; any new one makes the rule fire.

    Source: care rules §6, "value above/below thresholds".
    """
    found: list[Finding] = []
    valued = [entry for entry in standing if entry.values]
    if valued and activity.measurement is not None:
        outside = {entry.id: out_of_range(entry, activity.measurement) for entry in valued}
        firing = [entry for entry in valued if outside[entry.id] and entry.id in new_ids]
        found.append(
            Finding(
                rule="value_out_of_range",
                activity_key=activity.key,
                holds=bool(outside[valued[-1].id]),
                fires=bool(firing),
                detail=_detail(activity, firing, values=outside[firing[-1].id] if firing else ()),
                entry_id=firing[-1].id if firing else None,
            )
        )
    scored = [entry for entry in standing if entry.score is not None]
    if scored:
        firing = [entry for entry in scored if is_high(entry) and entry.id in new_ids]
        found.append(
            Finding(
                rule="score_high",
                activity_key=activity.key,
                holds=is_high(scored[-1]),
                fires=bool(firing),
                detail=_detail(activity, firing),
                entry_id=firing[-1].id if firing else None,
            )
        )
    return found


def out_of_range(entry: Entry, measurement: Measurement) -> tuple[OutOfRange, ...]:
    """
    Return the values of an entry that lie outside the alert thresholds of their quantities; the ends are inside.

    Values are compared in the unit of the definition. A quantity without thresholds, or that the definition no longer
    has, is never outside.

    Source: care rules §6.
    """
    quantities: dict[str, Measurement | Quantity] = {part.code: part for part in measurement.components}
    quantities = quantities or {measurement.code: measurement}
    found: list[OutOfRange] = []
    for value in entry.values:
        quantity = quantities.get(value.code)
        limits = None if quantity is None else quantity.alert_thresholds
        if quantity is None or limits is None:
            continue
        is_below = limits.low is not None and value.converted_value < limits.low
        is_above = limits.high is not None and value.converted_value > limits.high
        if is_below or is_above:
            found.append(
                OutOfRange(
                    code=value.code,
                    value=value.converted_value,
                    unit=value.converted_unit,
                    display=quantity.display,
                    low=limits.low,
                    high=limits.high,
                )
            )
    return tuple(found)


def is_high(entry: Entry) -> bool:
    """Say whether an entry's score lies in a band of high severity. Source: care rules §6; bands are §4.4."""
    return entry.score is not None and entry.score.severity == "high"


def definition_of(assignment: Assignment, contents: Contents, activity_key: str, *, on: date) -> Activity | None:
    """
    Return the activity as the plan in force on a local date has it, adjusted to the patient.

    Where that version has it no more, as the newest one that does; None when no version of the plan has it.

    Source: care rules §1.3.
    """
    in_force = segment_on(assignment, on)
    others = sorted(assignment.segments, key=lambda segment: segment.version, reverse=True)
    for segment in (in_force, *others):
        activity = _activity(contents[segment.version], activity_key)
        if activity is not None:
            return adjusted_activity(activity, segment.adjustments.of(activity_key))
    return None


def _activity(content: ProtocolContent, activity_key: str) -> Activity | None:
    return next((one for phase in content.phases for one in phase.activities if one.key == activity_key), None)


def _detail(activity: Activity, firing: Sequence[Entry], *, values: tuple[OutOfRange, ...] = ()) -> AlertDetail:
    if not firing:
        return AlertDetail(title=activity.title)
    detail = AlertDetail(title=activity.title, values=values, effective_at=firing[-1].effective_at)
    score = firing[-1].score
    return detail if score is None else msgspec.structs.replace(detail, score=score.value, label=score.label)
