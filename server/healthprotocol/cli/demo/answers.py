"""What patients of the demo measure and answer: a course for each code, from where it starts to where it is heading."""

from random import Random

import msgspec

from healthprotocol.care.protocols.model import Measurement, Quantity, Questionnaire, QuestionnaireItem

PHQ9_ITEM_OF_DANGER = "44260-8"


class Course(msgspec.Struct, frozen=True):
    """Values of one LOINC code in the definition's unit: at the start, two months treated well, and gone wrong."""

    start: float
    well: float
    danger: float
    noise: float
    digits: int = 0


class Value(msgspec.Struct, frozen=True):
    """A measured value in the unit it was read in."""

    code: str
    value: float
    unit: str


class Health(msgspec.Struct, frozen=True):
    """How it goes for somebody at one moment: `progress` from 0.0 (start) to 1.0 (two months on), well or in danger."""

    progress: float
    in_danger: bool
    person: str


COURSES = {
    "8480-6": Course(151, 127, 182, 6),
    "8462-4": Course(93, 80, 112, 4),
    "8867-4": Course(76, 70, 92, 5),
    "29463-7": Course(83, 80.5, 88, 0.4, 1),
    "14770-2": Course(5.4, 4.8, 7.2, 0.3, 1),
    "14743-9": Course(7.6, 6.6, 11.4, 0.7, 1),
    "72514-3": Course(6, 3, 9, 0.9),
    "8310-5": Course(36.8, 36.6, 38.3, 0.2, 1),
    "41950-7": Course(2600, 6400, 1500, 700),
    "19935-6": Course(365, 415, 195, 18),
    "93832-4": Course(5.4, 7.2, 3.4, 0.7, 1),
    "39126-8": Course(6.2, 1.8, 9.5, 0.2, 1),
    "39125-0": Course(3.8, 1.1, 6.0, 0.15, 1),
}

# In pregnancy pressure starts lower and weight goes up: the same codes, another course.
PREGNANCY_COURSES = {
    "8480-6": Course(112, 118, 146, 5),
    "8462-4": Course(70, 75, 94, 4),
    "29463-7": Course(71, 77, 80, 0.4, 1),
}

# Some read their device in the unit it shows. The service converts.
_OTHER_UNITS = {"29463-7": ("[lb_av]", 2.204_622_6, 0.0), "8310-5": ("[degF]", 1.8, 32.0)}


def measure(measurement: Measurement, health: Health, random: Random, *, pregnant: bool) -> tuple[Value, ...]:
    """Return what a device shows now, one value for each component."""
    courses = {**COURSES, **PREGNANCY_COURSES} if pregnant else COURSES
    quantities: tuple[Measurement | Quantity, ...] = measurement.components or (measurement,)
    return tuple(_read(quantity, courses[quantity.code], health, random) for quantity in quantities)


def answer(questionnaire: Questionnaire, health: Health, random: Random) -> dict[str, str | int | float | bool]:
    """Return an answer to every required item and most others."""
    reversed_items = questionnaire.scoring.reversed_items if questionnaire.scoring else ()
    answers: dict[str, str | int | float | bool] = {}
    for item in questionnaire.items:
        if item.type == "display" or (not item.required and random.random() < _LEFT_OUT):
            continue
        given = _choose(item, _severity(item, health, random, good_is_high=_good_is_high(questionnaire)), random)
        if item.link_id in reversed_items and item.options:
            given = item.options[-1 - _index(item, given)].value
        if given is not None:
            answers[item.link_id] = given
    return answers


_LEFT_OUT = 0.3
_YES = 0.8
_TEXTS = (
    "",
    "",
    "Nothing else, thank you.",
    "I would like to talk about it at the next visit.",
    "Evenings are harder.",
)


def _read(quantity: Measurement | Quantity, course: Course, health: Health, random: Random) -> Value:
    end = course.danger if health.in_danger else course.well
    # The same person is always a little above or below the course, whatever the day.
    offset = Random(f"{health.person}/{quantity.code}").gauss(0, course.noise)  # noqa: S311 - a story, not a secret
    value = course.start + (end - course.start) * health.progress + offset + random.gauss(0, course.noise)
    plausible = quantity.plausible_range
    if plausible is not None:
        low = plausible.low if plausible.low is not None else value
        high = plausible.high if plausible.high is not None else value
        value = min(max(value, low), high)
    value = round(value, course.digits)
    unit, factor, shift = _OTHER_UNITS.get(quantity.code, ("", 1.0, 0.0))
    if unit and hash_of(health.person) % 6 == 0:
        return Value(quantity.code, round(value * factor + shift, 1), unit)
    return Value(quantity.code, value if course.digits else int(value), quantity.unit)


def hash_of(text: str) -> int:
    """Return a number that is the same for a text on every machine and run (Python's own `hash` is not)."""
    return sum(ord(character) * (index + 1) for index, character in enumerate(text))


def _good_is_high(questionnaire: Questionnaire) -> bool:
    """Return whether a high score is the good end: its top band has no severity."""
    bands = questionnaire.scoring.bands if questionnaire.scoring else ()
    return bool(bands) and bands[-1].severity == "none"


def _severity(item: QuestionnaireItem, health: Health, random: Random, *, good_is_high: bool) -> float:
    """Return from 0.0 (best) to 1.0 (worst) how an item is felt now; turned round where a high score is good."""
    start, end = (0.5, 0.85) if health.in_danger else (0.55, 0.12)
    felt = start + (end - start) * health.progress + random.gauss(0, 0.12)
    if item.link_id == PHQ9_ITEM_OF_DANGER:
        felt -= 0.42
    felt = min(max(felt, 0.0), 1.0)
    return 1.0 - felt if good_is_high else felt


def _choose(item: QuestionnaireItem, severity: float, random: Random) -> str | int | float | bool | None:
    if item.options:
        return item.options[round(severity * (len(item.options) - 1))].value
    if item.type == "boolean":
        return severity > _YES
    if item.type in {"integer", "decimal"}:
        low = item.range.low if item.range and item.range.low is not None else 0
        high = item.range.high if item.range and item.range.high is not None else 10
        return round(low + (high - low) * severity * 0.6)
    return random.choice(_TEXTS) or None


def _index(item: QuestionnaireItem, given: str | float | bool | None) -> int:
    return next((index for index, option in enumerate(item.options) if option.value == given), 0)
