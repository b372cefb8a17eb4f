"""Whether what a draft says holds together: every fault at once, each with its pointer."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from healthprotocol.care.protocols.model import (
    Activity,
    Measurement,
    Phase,
    ProtocolContent,
    Quantity,
    Questionnaire,
    ValueRange,
)
from healthprotocol.care.protocols.rules.loinc import is_loinc
from healthprotocol.care.protocols.rules.schedule_check import check_schedule
from healthprotocol.care.protocols.rules.units import is_unit
from healthprotocol.foundation.errors import Violation

MAX_ACTIVITIES = 500
SHORTEST_TITLE = 3


def check_content(content: ProtocolContent) -> list[Violation]:
    """Return every fault of a protocol's content; an empty list accepts it as a draft."""
    activities = list(islice(_activities(content), MAX_ACTIVITIES + 1))
    if len(activities) > MAX_ACTIVITIES:
        # Not looked at one by one: a body of a megabyte can hold ten thousand, each with a schedule to work out.
        too_many = Violation("/phases", "too_many", f"A protocol has at most {MAX_ACTIVITIES} activities.")
        return [*_phases(content), too_many]
    return [
        *_phases(content),
        *_keys(activities),
        *(fault for pointer, phase, one in activities for fault in _activity(content, pointer, phase, one)),
    ]


def check_publishable(content: ProtocolContent) -> list[Violation]:
    """Return what keeps a sound draft from being published: it must have something to do."""
    if any(phase.activities for phase in content.phases):
        return []
    return [Violation("/phases", "required", "Add a phase with at least one activity before publishing.")]


Placed = tuple[str, Phase, Activity]


def _activities(content: ProtocolContent) -> Iterator[Placed]:
    for i, phase in enumerate(content.phases):
        for j, activity in enumerate(phase.activities):
            yield f"/phases/{i}/activities/{j}", phase, activity


def _phases(content: ProtocolContent) -> Iterator[Violation]:
    if len(content.title.strip()) < SHORTEST_TITLE:
        yield Violation("/title", "too_short", f"The title must have at least {SHORTEST_TITLE} characters.")
    for index, phase in enumerate(content.phases):
        if phase.start_day > content.duration_days:
            yield Violation(
                f"/phases/{index}/start_day", "out_of_range", "The phase begins after the protocol's last day."
            )
        elif phase.start_day + phase.length_days - 1 > content.duration_days:
            yield Violation(
                f"/phases/{index}/length_days", "out_of_range", "The phase ends after the protocol's last day."
            )


def _keys(activities: Iterable[Placed]) -> Iterator[Violation]:
    seen: set[str] = set()
    for pointer, _, activity in activities:
        if activity.key in seen:
            yield Violation(f"{pointer}/key", "repeated", "Another activity of this protocol has this key.")
        seen.add(activity.key)


def _activity(content: ProtocolContent, pointer: str, phase: Phase, activity: Activity) -> Iterator[Violation]:
    if phase.start_day <= content.duration_days:
        yield from check_schedule(
            activity.schedule,
            phase_length_days=phase.length_days,
            duration_days=content.duration_days,
            phase_start_day=phase.start_day,
            pointer=f"{pointer}/schedule",
        )
    if activity.kind == "measurement" and activity.measurement is None:
        yield Violation(f"{pointer}/measurement", "required", "A measurement says what is measured.")
    if activity.kind == "questionnaire" and activity.questionnaire is None:
        yield Violation(f"{pointer}/questionnaire", "required", "A questionnaire has items.")
    if activity.measurement is not None:
        yield from _measurement(f"{pointer}/measurement", activity.measurement)
    if activity.questionnaire is not None:
        yield from _questionnaire(f"{pointer}/questionnaire", activity.questionnaire)


def _measurement(pointer: str, measurement: Measurement) -> Iterator[Violation]:
    yield from _quantity(pointer, measurement)
    for index, component in enumerate(measurement.components):
        yield from _quantity(f"{pointer}/components/{index}", component)
    counts = Counter(component.code for component in measurement.components)
    for index, component in enumerate(measurement.components):
        if counts[component.code] > 1:
            yield Violation(f"{pointer}/components/{index}/code", "repeated", "Each component has a code of its own.")


def _quantity(pointer: str, quantity: Measurement | Quantity) -> Iterator[Violation]:
    if not is_loinc(quantity.code):
        yield Violation(
            f"{pointer}/code", "unknown_code", "This is no LOINC code: its check digit or form does not fit."
        )
    if not is_unit(quantity.unit):
        yield Violation(f"{pointer}/unit", "unknown_unit", "This is no UCUM unit, such as mm[Hg], kg or mmol/L.")
    for name in ("plausible_range", "target_range", "alert_thresholds"):
        yield from _range(f"{pointer}/{name}", getattr(quantity, name))


def _range(pointer: str, values: ValueRange | None) -> Iterator[Violation]:
    if values is not None and values.low is not None and values.high is not None and values.low > values.high:
        yield Violation(pointer, "contradiction", "The low end lies above the high end.")


def _questionnaire(pointer: str, questionnaire: Questionnaire) -> Iterator[Violation]:
    if not any(item.type != "display" for item in questionnaire.items):
        yield Violation(f"{pointer}/items", "required", "A questionnaire has at least one question.")
    seen: set[str] = set()
    for index, item in enumerate(questionnaire.items):
        if item.link_id in seen:
            yield Violation(f"{pointer}/items/{index}/link_id", "repeated", "Another item has this link_id.")
        seen.add(item.link_id)
        if item.type == "choice" and not item.options:
            yield Violation(f"{pointer}/items/{index}/options", "required", "A choice has options.")
        values = [option.value for option in item.options]
        if len(set(values)) < len(values):
            yield Violation(f"{pointer}/items/{index}/options", "repeated", "Two options have the same value.")
        yield from _range(f"{pointer}/items/{index}/range", item.range)
    yield from _scoring(pointer, questionnaire, seen)


def _scoring(pointer: str, questionnaire: Questionnaire, link_ids: set[str]) -> Iterator[Violation]:
    scoring = questionnaire.scoring
    if scoring is None:
        return
    for name in ("items", "reversed_items"):
        for index, link_id in enumerate(getattr(scoring, name) or ()):
            if link_id not in link_ids:
                yield Violation(f"{pointer}/scoring/{name}/{index}", "unknown_code", "No item has this link_id.")
    if scoring.minimum_answered is not None and scoring.minimum_answered > len(questionnaire.items):
        yield Violation(f"{pointer}/scoring/minimum_answered", "out_of_range", "There are fewer items than that.")
    for index, band in enumerate(scoring.bands):
        if band.low > band.high:
            yield Violation(f"{pointer}/scoring/bands/{index}", "contradiction", "The low end lies above the high end.")
