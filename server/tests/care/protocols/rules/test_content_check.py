"""Whether a draft holds together: every fault at once, each with its place."""

from typing import Any

import pytest

from healthprotocol.care.protocols.model import (
    Activity,
    AnswerOption,
    Measurement,
    Phase,
    ProtocolContent,
    Quantity,
    Questionnaire,
    QuestionnaireItem,
    ScoreBand,
    Scoring,
    ValueRange,
)
from healthprotocol.care.protocols.rules.content_check import check_content, check_publishable

PLACE = "/phases/0/activities/0"
MOOD = QuestionnaireItem(
    link_id="mood", text="How are you?", type="choice", options=(AnswerOption(value="a"), AnswerOption(value="b"))
)


def content(*activities: Activity, **more: Any) -> ProtocolContent:
    phase = Phase(title="All", start_day=1, length_days=10, activities=activities)
    fields: dict[str, Any] = {"title": "A plan", "duration_days": 10, "phases": (phase,), **more}
    return ProtocolContent(**fields)


def faults(checked: ProtocolContent) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in check_content(checked)]


def of_questionnaire(**fields: Any) -> list[tuple[str, str]]:
    asked: dict[str, Any] = {"items": (MOOD,), **fields}
    found = faults(content(Activity(key="q", kind="questionnaire", title="Q", questionnaire=Questionnaire(**asked))))
    return [(pointer.removeprefix(f"{PLACE}/questionnaire"), code) for pointer, code in found]


class TestProtocol:
    def test_a_sound_one_has_no_fault(self) -> None:
        assert faults(content(Activity(key="a", kind="task", title="A"))) == []

    def test_a_title_is_more_than_blanks(self) -> None:
        assert faults(content(title="a    ")) == [("/title", "too_short")]

    @pytest.mark.parametrize(
        ("start_day", "length_days", "fault"),
        [(11, 1, "/phases/0/start_day"), (5, 7, "/phases/0/length_days")],
    )
    def test_a_phase_lies_inside(self, start_day: int, length_days: int, fault: str) -> None:
        phase = Phase(title="Late", start_day=start_day, length_days=length_days)

        assert faults(content(phases=(phase,))) == [(fault, "out_of_range")]

    def test_a_key_is_used_once_in_all_phases(self) -> None:
        phases = tuple(
            Phase(title=f"{n}", start_day=n, length_days=1, activities=(Activity(key="a", kind="task", title="A"),))
            for n in (1, 2)
        )

        assert faults(content(phases=phases)) == [("/phases/1/activities/0/key", "repeated")]

    def test_there_is_something_to_do_before_it_is_published(self) -> None:
        assert [fault.pointer for fault in check_publishable(content())] == ["/phases"]
        assert check_publishable(content(Activity(key="a", kind="task", title="A"))) == []


class TestMeasurement:
    def test_says_what_is_measured(self) -> None:
        bare = (Activity(key="m", kind="measurement", title="M"), Activity(key="q", kind="questionnaire", title="Q"))

        assert faults(content(*bare)) == [
            (f"{PLACE}/measurement", "required"),
            ("/phases/0/activities/1/questionnaire", "required"),
        ]

    def test_has_real_codes_units_and_ranges_in_each_component(self) -> None:
        part = Quantity(code="8480-6", unit="mm[Hg]")
        bad = Quantity(code="8480-5", unit="mmHgs", target_range=ValueRange(low=9, high=1))
        measurement = Measurement(code="85354-9", unit="mm[Hg]", components=(part, part, bad))

        found = faults(content(Activity(key="m", kind="measurement", title="M", measurement=measurement)))

        assert found == [
            (f"{PLACE}/measurement/components/2/code", "unknown_code"),
            (f"{PLACE}/measurement/components/2/unit", "unknown_unit"),
            (f"{PLACE}/measurement/components/2/target_range", "contradiction"),
            (f"{PLACE}/measurement/components/0/code", "repeated"),
            (f"{PLACE}/measurement/components/1/code", "repeated"),
        ]


class TestQuestionnaire:
    def test_asks_something(self) -> None:
        display = QuestionnaireItem(link_id="d", text="Read this", type="display")

        assert of_questionnaire(items=(display,)) == [("/items", "required")]

    def test_has_items_and_options_of_their_own(self) -> None:
        double = AnswerOption(value="a")
        items = (
            MOOD,
            QuestionnaireItem(link_id="mood", text="Again?", type="choice"),
            QuestionnaireItem(link_id="x", text="Which?", type="choice", options=(double, double)),
            QuestionnaireItem(link_id="y", text="How much?", type="decimal", range=ValueRange(low=2, high=1)),
        )

        assert of_questionnaire(items=items) == [
            ("/items/1/link_id", "repeated"),
            ("/items/1/options", "required"),
            ("/items/2/options", "repeated"),
            ("/items/3/range", "contradiction"),
        ]

    def test_is_scored_by_items_that_are_there(self) -> None:
        scoring = Scoring(
            method="sum",
            items=("mood", "sleep"),
            reversed_items=("pain",),
            minimum_answered=2,
            bands=(ScoreBand(low=0, high=4, label="low"), ScoreBand(low=9, high=5, label="wrong")),
        )

        assert of_questionnaire(scoring=scoring) == [
            ("/scoring/items/1", "unknown_code"),
            ("/scoring/reversed_items/0", "unknown_code"),
            ("/scoring/minimum_answered", "out_of_range"),
            ("/scoring/bands/1", "contradiction"),
        ]
        assert of_questionnaire(scoring=Scoring(method="mean")) == []
