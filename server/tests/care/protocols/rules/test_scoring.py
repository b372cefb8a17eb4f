"""What answers add up to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.care.protocols.model import (
    AnswerOption,
    Questionnaire,
    QuestionnaireItem,
    ScoreBand,
    Scoring,
    ValueRange,
)
from healthprotocol.care.protocols.rules.scoring import AnswerValue, score_answers

OFTEN = tuple(AnswerOption(value=f"v{score}", score=score) for score in range(4))


def choice(link_id: str) -> QuestionnaireItem:
    return QuestionnaireItem(link_id=link_id, text="How often?", type="choice", options=OFTEN)


def number(link_id: str, low: float | None = None, high: float | None = None) -> QuestionnaireItem:
    limits = None if low is None and high is None else ValueRange(low=low, high=high)
    return QuestionnaireItem(link_id=link_id, text="How much?", type="decimal", range=limits)


def value_of(answers: dict[str, AnswerValue], asked: list[QuestionnaireItem], **scoring: Any) -> float | None:
    questionnaire = Questionnaire(items=tuple(asked), scoring=_scoring(**scoring))
    score = score_answers(answers, questionnaire)
    return None if score is None else score.value


def _scoring(**fields: Any) -> Scoring:
    given: dict[str, Any] = {"method": "sum", **fields}
    return Scoring(**given)


class TestScore:
    def test_a_sum_adds_the_options_scores(self) -> None:
        assert value_of({"a": "v2", "b": "v3"}, [choice("a"), choice("b")]) == 5

    def test_a_mean_is_over_the_answered_items(self) -> None:
        items = [choice("a"), choice("b"), choice("c")]

        assert value_of({"a": "v2", "b": "v3"}, items, method="mean", minimum_answered=2) == 2.5

    def test_too_few_answers_are_unknown_and_not_zero(self) -> None:
        assert value_of({"a": "v0"}, [choice("a"), choice("b")]) is None
        assert value_of({"a": "v0"}, [choice("a"), choice("b")], minimum_answered=1) == 0
        assert value_of({}, [choice("a")], minimum_answered=1) is None

    def test_nothing_to_score_is_unknown(self) -> None:
        assert value_of({}, []) is None
        assert score_answers({"a": "v1"}, Questionnaire(items=(choice("a"),))) is None

    def test_a_reversed_item_is_turned_round(self) -> None:
        assert value_of({"a": "v3"}, [choice("a")], reversed_items=("a",)) == 0
        assert value_of({"a": 2}, [number("a", 1, 5)], reversed_items=("a",)) == 4

    def test_a_reversed_number_without_a_range_counts_as_unanswered(self) -> None:
        assert value_of({"a": 2}, [number("a")], reversed_items=("a",)) is None
        assert value_of({"a": 2}, [number("a", low=1)], reversed_items=("a",)) is None
        assert value_of({"a": 2}, [number("a", high=5)], reversed_items=("a",)) is None

    def test_a_yes_is_one_and_a_reversed_yes_none(self) -> None:
        item = QuestionnaireItem(link_id="a", text="Did you?", type="boolean")

        assert value_of({"a": True}, [item], items=("a",)) == 1
        assert value_of({"a": True}, [item], items=("a",), reversed_items=("a",)) == 0
        assert value_of({"a": "yes"}, [item], items=("a",)) is None

    def test_items_that_are_not_named_do_not_count(self) -> None:
        assert value_of({"a": "v2", "b": "v3"}, [choice("a"), choice("b")], items=("b",)) == 3

    @pytest.mark.parametrize("answer", ["v9", 2, True])
    def test_an_answer_that_is_no_option_counts_as_unanswered(self, answer: AnswerValue) -> None:
        assert value_of({"a": answer}, [choice("a")]) is None

    @pytest.mark.parametrize("answer", ["2", True])
    def test_a_number_given_as_something_else_counts_as_unanswered(self, answer: AnswerValue) -> None:
        assert value_of({"a": answer}, [number("a")]) is None

    def test_text_is_never_scored(self) -> None:
        item = QuestionnaireItem(link_id="t", text="Why?", type="text")

        assert value_of({"a": "v1", "t": "so"}, [choice("a"), item]) == 1
        assert value_of({"t": "so"}, [item], items=("t",)) is None

    def test_binary_fractions_leave_no_trace(self) -> None:
        assert value_of({"a": 0.1, "b": 0.2}, [number("a"), number("b")]) == 0.3

    @given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
    def test_turning_all_items_round_turns_the_sum_round(self, scores: list[int]) -> None:
        items = [choice(str(index)) for index in range(len(scores))]
        answers: dict[str, AnswerValue] = {str(index): f"v{score}" for index, score in enumerate(scores)}

        turned = value_of(answers, items, reversed_items=tuple(answers))

        assert turned == 3 * len(scores) - sum(scores)


class TestBand:
    BANDS = (ScoreBand(low=0, high=4, label="minimal"), ScoreBand(low=5, high=9, label="mild", severity="low"))

    @pytest.mark.parametrize(("answer", "label"), [(4, "minimal"), (5, "mild"), (9, "mild")])
    def test_both_ends_belong_to_it(self, answer: int, label: str) -> None:
        questionnaire = Questionnaire(items=(number("a"),), scoring=Scoring(method="sum", bands=self.BANDS))

        score = score_answers({"a": answer}, questionnaire)

        assert score is not None
        assert score.band is not None
        assert score.band.label == label

    def test_a_score_beyond_all_bands_has_none(self) -> None:
        questionnaire = Questionnaire(items=(number("a"),), scoring=Scoring(method="sum", bands=self.BANDS))

        score = score_answers({"a": 12}, questionnaire)

        assert score is not None
        assert score.band is None
        assert score.answered == 1
