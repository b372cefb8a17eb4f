"""
What the answers of a questionnaire add up to.

Source: care rules §4.4. Too few answers make a score unknown, never 0: an unanswered questionnaire is not a good day.
"""

from collections.abc import Mapping

from msgspec import Struct

from healthprotocol.care.protocols.model import Questionnaire, QuestionnaireItem, ScoreBand, Scoring

AnswerValue = str | bool | int | float
"""A choice is given by its option's `value`, a date as ISO text."""


class Score(Struct, frozen=True):
    """A questionnaire's score, how many scored items were answered, and the band it falls in, if any."""

    value: float
    answered: int
    band: ScoreBand | None = None


def score_answers(answers: Mapping[str, AnswerValue], questionnaire: Questionnaire) -> Score | None:
    """
    Return the score of answers by `link_id`, or None when nothing is scored or too few items were answered.

    Without `minimum_answered` every scored item must be answered. The mean is over the answered items. Answers of
    items that are not scored are ignored.

    Source: care rules §4.4.
    """
    scoring = questionnaire.scoring
    if scoring is None:
        return None
    items = scored_items(questionnaire, scoring)
    points = [
        _points(item, answers[item.link_id], is_reversed=item.link_id in scoring.reversed_items)
        for item in items
        if item.link_id in answers
    ]
    known = [value for value in points if value is not None]
    least = len(items) if scoring.minimum_answered is None else scoring.minimum_answered
    if not known or len(known) < least:
        return None
    total = sum(known)
    # Twelve decimals take off what binary fractions added: 0.1 + 0.2 is 0.3.
    value = round(total / len(known) if scoring.method == "mean" else total, 12)
    return Score(value, len(known), band_of(value, scoring))


def scored_items(questionnaire: Questionnaire, scoring: Scoring) -> list[QuestionnaireItem]:
    """Return the items that count: those named, else every numeric item and every choice whose options have scores."""
    if scoring.items is not None:
        return [item for item in questionnaire.items if item.link_id in scoring.items]
    return [item for item in questionnaire.items if _is_scored(item)]


def band_of(value: float, scoring: Scoring) -> ScoreBand | None:
    """Return the first band that holds the score, both ends inclusive, or None."""
    return next((band for band in scoring.bands if band.low <= value <= band.high), None)


def _is_scored(item: QuestionnaireItem) -> bool:
    return item.type in {"integer", "decimal"} or any(option.score is not None for option in item.options)


def _points(item: QuestionnaireItem, answer: AnswerValue, *, is_reversed: bool) -> float | None:
    """
    Return what one answer adds, or None when it adds nothing.

    A reversed item counts (highest + lowest) - points, over its options, or over its range when it is a number. A
    reversed number without both ends of a range cannot be turned round and adds nothing.
    """
    scores = [option.score for option in item.options if option.score is not None]
    if scores:
        points = next((option.score for option in item.options if option.value == answer), None)
        ends = (min(scores), max(scores))
    else:
        points = _number(item, answer)
        ends = _range_of(item)
    if points is None or not is_reversed:
        return points
    return None if ends is None else ends[0] + ends[1] - points


def _number(item: QuestionnaireItem, answer: AnswerValue) -> float | None:
    if item.type == "boolean" and isinstance(answer, bool):
        return float(answer)
    if item.type in {"integer", "decimal"} and not isinstance(answer, (bool, str)):
        return float(answer)
    return None


def _range_of(item: QuestionnaireItem) -> tuple[float, float] | None:
    if item.type == "boolean":
        return (0.0, 1.0)
    if item.range is None or item.range.low is None or item.range.high is None:
        return None
    return (item.range.low, item.range.high)
