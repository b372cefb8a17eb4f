"""
What an entry may say: values in units and ranges, answers that fit their items.

Every fault has its pointer, and no detail quotes a value. Source: care rules §4.3 and §4.4.
"""

import math
from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from healthprotocol.care.entries.model import (
    Answer,
    AnswerValue,
    Entry,
    GivenScore,
    GivenValue,
    NewEntry,
    RecordedValue,
)
from healthprotocol.care.protocols.model import (
    Activity,
    Measurement,
    Quantity,
    Questionnaire,
    QuestionnaireItem,
    ValueRange,
)
from healthprotocol.care.protocols.rules.scoring import score_answers
from healthprotocol.care.protocols.rules.units import UnitsDiffer, convert
from healthprotocol.foundation.errors import Violation


class CheckedEntry(Struct, frozen=True):
    """What an entry says, converted and scored, or why it cannot be taken; `violations` empty means that it can."""

    values: tuple[RecordedValue, ...]
    score: GivenScore | None
    violations: tuple[Violation, ...]


def check_entry(entry: NewEntry, activity: Activity, *, pointer: str = "") -> CheckedEntry:
    """
    Return an entry's values as given and converted, its score, and every fault with its place under `pointer`.

    What was skipped has no values and no answers. A completed activity may come without them: it was done, but not
    written down.

    Source: care rules §4.3 and §4.4.
    """
    found: list[Violation] = []
    if entry.outcome == "skipped":
        for field, is_given in (("values", bool(entry.values)), ("answers", bool(entry.answers))):
            if is_given:
                detail = "What was skipped has none: leave them out, or say completed."
                found.append(Violation(f"{pointer}/{field}", "contradiction", detail))
        return CheckedEntry((), None, tuple(found))
    values, faults = check_values(
        entry.values, activity.measurement, is_confirmed=entry.confirmed, pointer=f"{pointer}/values"
    )
    found.extend(faults)
    found.extend(check_answers(entry.answers, activity.questionnaire, pointer=f"{pointer}/answers"))
    score = None if found or activity.questionnaire is None else _score(entry.answers, activity.questionnaire)
    return CheckedEntry(tuple(values), score, tuple(found))


def says_the_same(entry: Entry, sent: NewEntry) -> bool:
    """
    Return whether what is sent says what an entry says already, however its instant and its place were written.

    Source: care rules §4.2.
    """
    is_same_place = entry.occurrence_id == sent.occurrence_id and sent.activity_key in {None, entry.activity_key}
    given = tuple((one.code, one.value, one.unit) for one in sent.values)
    return (
        is_same_place
        and (entry.outcome, entry.effective_at) == (sent.outcome, sent.effective_at)
        and (entry.reason, entry.note, entry.answers) == (sent.reason, sent.note, sent.answers)
        and tuple((one.code, one.value, one.unit) for one in entry.values) == given
    )


def check_values(
    given: Sequence[GivenValue], measurement: Measurement | None, *, is_confirmed: bool, pointer: str
) -> tuple[list[RecordedValue], list[Violation]]:
    """
    Return the values that are sound, converted to the units of their definitions, and what is wrong with the others.

    Of a measurement with components only those are measured, each at most once. `is_confirmed` speaks for all values;
    each can also speak for itself.

    Source: care rules §4.3.
    """
    recorded: list[RecordedValue] = []
    found: list[Violation] = []
    if not given:
        return recorded, found
    by_code = _quantities(measurement)
    seen: set[str] = set()
    for index, one in enumerate(given):
        place = f"{pointer}/{index}"
        quantity = by_code.get(one.code)
        if quantity is None:
            found.append(Violation(f"{place}/code", "unknown", "The activity does not measure this."))
            continue
        if one.code in seen:
            found.append(Violation(f"{place}/code", "repeated", "Give each value once."))
        seen.add(one.code)
        converted = _convert(one, quantity, is_confirmed=is_confirmed or one.confirmed, place=place)
        if isinstance(converted, Violation):
            found.append(converted)
        else:
            recorded.append(converted)
    return recorded, found


def check_answers(answers: Sequence[Answer], questionnaire: Questionnaire | None, *, pointer: str) -> list[Violation]:
    """
    Return what is wrong with the answers to a questionnaire, or to none.

    Whoever answers at all answers every required item.
    """
    found: list[Violation] = []
    if not answers:
        return found
    items = {} if questionnaire is None else {item.link_id: item for item in questionnaire.items}
    seen: set[str] = set()
    for index, answer in enumerate(answers):
        item = items.get(answer.link_id)
        if item is None or item.type == "display":
            found.append(Violation(f"{pointer}/{index}/link_id", "unknown", "The questionnaire does not ask this."))
            continue
        if answer.link_id in seen:
            found.append(Violation(f"{pointer}/{index}/link_id", "repeated", "Answer each item once."))
        seen.add(answer.link_id)
        fault = _answer_fault(item, answer.value)
        if fault is not None:
            found.append(Violation(f"{pointer}/{index}/value", *fault))
    for number, item in enumerate(items.values(), 1):
        if item.required and item.type != "display" and item.link_id not in seen:
            found.append(Violation(pointer, "required", f"Item {number} of the questionnaire needs an answer."))
    return found


def _quantities(measurement: Measurement | None) -> dict[str, Measurement | Quantity]:
    if measurement is None:
        return {}
    if measurement.components:
        return {part.code: part for part in measurement.components}
    return {measurement.code: measurement}


def _convert(
    given: GivenValue, quantity: Measurement | Quantity, *, is_confirmed: bool, place: str
) -> RecordedValue | Violation:
    if not math.isfinite(given.value):
        return Violation(f"{place}/value", "malformed", "Give a number.")
    try:
        converted = convert(given.value, unit=given.unit, to=quantity.unit)
    except UnitsDiffer:
        detail = f"Give a UCUM unit that converts to {quantity.unit}."
        return Violation(f"{place}/unit", "not_convertible", detail)
    if not math.isfinite(converted):
        return Violation(f"{place}/value", "out_of_range", "Give a number that the definition's unit can hold.")
    if not is_confirmed and not _is_within(converted, quantity.plausible_range):
        detail = "This is outside the plausible range: check it, and send it again with confirmed if it is meant."
        return Violation(f"{place}/value", "implausible", detail)
    return RecordedValue(
        code=given.code,
        value=given.value,
        unit=given.unit,
        converted_value=converted,
        converted_unit=quantity.unit,
    )


def _is_within(value: float, limits: ValueRange | None) -> bool:
    if limits is None:
        return True
    return (limits.low is None or value >= limits.low) and (limits.high is None or value <= limits.high)


def _answer_fault(item: QuestionnaireItem, value: AnswerValue) -> tuple[str, str] | None:
    """Return (code, detail) of what is wrong with an answer, or None."""
    if item.type == "boolean":
        return None if isinstance(value, bool) else ("malformed", "Answer true or false.")
    if item.type in {"integer", "decimal"}:
        return _number_fault(item, value)
    if not isinstance(value, str):
        return "malformed", "Answer with text."
    if item.type == "choice" and value not in {option.value for option in item.options}:
        return "unknown", "Answer with the value of one of the options."
    if item.type == "date" and not _is_date(value):
        return "malformed", "Answer with a date, such as 2026-03-07."
    return None


def _number_fault(item: QuestionnaireItem, value: AnswerValue) -> tuple[str, str] | None:
    if isinstance(value, (bool, str)) or not math.isfinite(value):
        return "malformed", "Answer with a number."
    if item.type == "integer" and value != int(value):
        return "malformed", "Answer with a whole number."
    if not _is_within(value, item.range):
        return "out_of_range", "Answer within the range of the item."
    return None


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("2026-03-07")


def _score(answers: Sequence[Answer], questionnaire: Questionnaire) -> GivenScore | None:
    score = score_answers({answer.link_id: answer.value for answer in answers}, questionnaire)
    if score is None:
        return None
    band = score.band
    return GivenScore(
        value=score.value,
        label=None if band is None else band.label,
        severity=None if band is None else band.severity,
    )
