"""What an entry may say."""

import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from healthprotocol.care.entries.model import Answer, AnswerValue, GivenScore, GivenValue, NewEntry
from healthprotocol.care.entries.rules.validation import CheckedEntry, check_entry
from healthprotocol.care.protocols.model import (
    Activity,
    AnswerOption,
    Measurement,
    Quantity,
    Questionnaire,
    QuestionnaireItem,
    ScoreBand,
    Scoring,
    ValueRange,
)
from tests.support.pure_plans import activity

TEMPERATURE = activity(
    more={
        "kind": "measurement",
        "measurement": Measurement(code="8310-5", unit="Cel", plausible_range=ValueRange(low=30, high=45)),
    }
)
PRESSURE = activity(
    more={
        "kind": "measurement",
        "measurement": Measurement(
            code="85354-9",
            unit="mm[Hg]",
            components=(
                Quantity(code="8480-6", unit="mm[Hg]", plausible_range=ValueRange(low=50)),
                Quantity(code="8462-4", unit="mm[Hg]", plausible_range=ValueRange(high=200)),
            ),
        ),
    }
)


def value(code: str, number: float, unit: str, *, confirmed: bool = False) -> GivenValue:
    return GivenValue(code=code, value=number, unit=unit, confirmed=confirmed)


def checked(of: Activity, **fields: Any) -> CheckedEntry:
    given: dict[str, Any] = {
        "client_id": UUID(int=1),
        "outcome": "completed",
        "effective_at": datetime(2026, 6, 1, tzinfo=UTC),
    }
    return check_entry(NewEntry(**{**given, **fields}), of, pointer="/entries/3")


def faults(of: Activity, **fields: Any) -> list[tuple[str, str]]:
    return [(one.pointer.removeprefix("/entries/3"), one.code) for one in checked(of, **fields).violations]


class TestValues:
    def test_are_kept_as_given_and_as_converted(self) -> None:
        (recorded,) = checked(TEMPERATURE, values=(value("8310-5", 98.6, "[degF]"),)).values

        assert (recorded.value, recorded.unit) == (98.6, "[degF]")
        assert (recorded.converted_value, recorded.converted_unit) == (37.0, "Cel")

    def test_of_several_components_come_together(self) -> None:
        found = checked(PRESSURE, values=(value("8480-6", 16, "kPa"), value("8462-4", 80, "mm[Hg]")))

        assert [one.converted_value for one in found.values] == [120.009852135, 80]
        assert found.violations == ()

    def test_may_be_missing(self) -> None:
        assert faults(PRESSURE) == []

    @pytest.mark.parametrize(
        ("given", "field", "code"),
        [
            (value("8867-4", 70, "/min"), "code", "unknown"),
            (value("8310-5", 37, "kg"), "unit", "not_convertible"),
            (value("8310-5", 37, "degrees"), "unit", "not_convertible"),
            (value("8310-5", 50, "Cel"), "value", "implausible"),
            (value("8310-5", 37, "[degF]"), "value", "implausible"),
            (value("8310-5", math.nan, "Cel"), "value", "malformed"),
            (value("8310-5", math.inf, "Cel"), "value", "malformed"),
            (value("8310-5", 1e308, "kK"), "value", "out_of_range"),
        ],
    )
    def test_that_cannot_be_taken_are_pointed_at(self, given: GivenValue, field: str, code: str) -> None:
        assert faults(TEMPERATURE, values=(given,)) == [(f"/values/0/{field}", code)]

    def test_outside_the_plausible_range_are_taken_when_confirmed(self) -> None:
        assert faults(TEMPERATURE, values=(value("8310-5", 29.5, "Cel", confirmed=True),)) == []
        assert faults(TEMPERATURE, values=(value("8310-5", 29.5, "Cel"),), confirmed=True) == []

    def test_a_range_may_be_open(self) -> None:
        values = (value("8480-6", 300, "mm[Hg]"), value("8462-4", 10, "mm[Hg]"))

        assert faults(PRESSURE, values=values) == []
        assert faults(PRESSURE, values=(value("8480-6", 49, "mm[Hg]"),)) == [("/values/0/value", "implausible")]

    def test_are_given_once_and_of_the_components(self) -> None:
        values = (value("8480-6", 120, "mm[Hg]"), value("8480-6", 121, "mm[Hg]"), value("85354-9", 1, "mm[Hg]"))

        assert faults(PRESSURE, values=values) == [("/values/1/code", "repeated"), ("/values/2/code", "unknown")]

    def test_of_what_is_not_measured_are_unknown(self) -> None:
        assert faults(activity(), values=(value("8310-5", 37, "Cel"),)) == [("/values/0/code", "unknown")]

    def test_no_detail_quotes_them(self) -> None:
        found = checked(TEMPERATURE, values=(value("8310-5", 77.123, "Cel"), value("8310-5", 1, "furlong")))

        told = " ".join(one.detail for one in found.violations)
        assert "77.123" not in told
        assert "furlong" not in told


MOOD = Questionnaire(
    items=(
        QuestionnaireItem(link_id="intro", text="Think of the last two weeks.", type="display", required=True),
        QuestionnaireItem(
            link_id="often",
            text="How often?",
            type="choice",
            required=True,
            options=(AnswerOption(value="never", score=0), AnswerOption(value="daily", score=3)),
        ),
        QuestionnaireItem(link_id="slept", text="Hours of sleep?", type="integer", range=ValueRange(low=0, high=24)),
        QuestionnaireItem(link_id="pain", text="How much pain?", type="decimal"),
        QuestionnaireItem(link_id="alone", text="Alone?", type="boolean"),
        QuestionnaireItem(link_id="since", text="Since when?", type="date"),
        QuestionnaireItem(link_id="why", text="Why?", type="text"),
    ),
    scoring=Scoring(method="sum", items=("often",), bands=(ScoreBand(low=3, high=3, label="often", severity="high"),)),
)
ASKED = activity(more={"kind": "questionnaire", "questionnaire": MOOD})


def answered(**answers: AnswerValue) -> tuple[Answer, ...]:
    return tuple(Answer(link_id=link_id, value=given) for link_id, given in answers.items())


class TestAnswers:
    def test_that_fit_are_scored(self) -> None:
        found = checked(
            ASKED,
            answers=answered(often="daily", slept=7, pain=2.5, alone=False, since="2026-05-01", why="No idea"),
        )

        assert found.violations == ()
        assert found.score == GivenScore(value=3, label="often", severity="high")

    def test_beyond_every_band_have_a_score_without_a_label(self) -> None:
        assert checked(ASKED, answers=answered(often="never")).score == GivenScore(value=0)

    def test_too_few_have_no_score(self) -> None:
        assert checked(ASKED).score is None
        assert checked(ASKED).violations == ()

    @pytest.mark.parametrize(
        ("answers", "code"),
        [
            ({"slept": "seven"}, "malformed"),
            ({"slept": 7.5}, "malformed"),
            ({"slept": True}, "malformed"),
            ({"slept": 25}, "out_of_range"),
            ({"pain": math.inf}, "malformed"),
            ({"alone": "no"}, "malformed"),
            ({"since": "yesterday"}, "malformed"),
            ({"since": "20260501"}, "malformed"),
            ({"why": 5}, "malformed"),
            ({"often": "weekly"}, "unknown"),
            ({"often": 3}, "malformed"),
        ],
    )
    def test_that_do_not_fit_are_pointed_at(self, answers: dict[str, AnswerValue], code: str) -> None:
        given = answered(**{"often": "never", **answers})

        index = next(place for place, one in enumerate(given) if one.link_id in answers)
        assert faults(ASKED, answers=given) == [(f"/answers/{index}/value", code)]
        assert checked(ASKED, answers=given).score is None

    def test_to_what_is_not_asked_are_unknown(self) -> None:
        found = faults(ASKED, answers=answered(often="never", intro="yes", other="yes"))

        assert found == [("/answers/1/link_id", "unknown"), ("/answers/2/link_id", "unknown")]
        assert faults(activity(), answers=answered(often="never")) == [("/answers/0/link_id", "unknown")]

    def test_come_once(self) -> None:
        found = faults(ASKED, answers=(*answered(often="never"), *answered(often="daily")))

        assert found == [("/answers/1/link_id", "repeated")]

    def test_to_required_items_must_be_there(self) -> None:
        found = checked(ASKED, answers=answered(why="No idea"))

        assert [(one.pointer, one.code) for one in found.violations] == [("/entries/3/answers", "required")]
        assert "Item 2" in found.violations[0].detail


class TestSkipped:
    def test_has_neither_values_nor_answers(self) -> None:
        found = faults(
            PRESSURE, outcome="skipped", values=(value("8480-6", 120, "mm[Hg]"),), answers=answered(often="never")
        )

        assert found == [("/values", "contradiction"), ("/answers", "contradiction")]

    def test_needs_nothing_else(self) -> None:
        assert checked(ASKED, outcome="skipped", reason="No time") == CheckedEntry((), None, ())
