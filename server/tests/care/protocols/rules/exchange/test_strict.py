"""Every fault of a value at once, each with its pointer and none with the value."""

from datetime import date, time
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent, QuestionnaireItem, Schedule
from healthprotocol.care.protocols.rules.exchange.documents import Json
from healthprotocol.care.protocols.rules.exchange.overlay import plain
from healthprotocol.care.protocols.rules.exchange.strict import convert
from tests.care.protocols.contents import contents


def faults(value: Json, kind: type[Any] = ProtocolContent) -> dict[str, str]:
    converted, violations = convert(value, kind)
    assert converted is None
    return {violation.pointer: violation.code for violation in violations}


class TestConvert:
    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(contents())
    def test_agrees_with_the_model_on_what_is_sound(self, content: ProtocolContent) -> None:
        converted, violations = convert(plain(msgspec.to_builtins(content)), ProtocolContent)

        assert violations == []
        assert converted == content

    def test_finds_every_fault(self) -> None:
        value: Json = {
            "title": "ab",
            "duration_days": 400,
            "surprise": 1,
            "tags": [7, "x" * 41],
            "category": 1,
            "phases": [{"title": "", "start_day": 0, "activities": [{"key": "-", "kind": "dance", "title": 1}]}, 3],
            "kept": {},
        }

        assert faults(value) == {
            "/title": "too_short",
            "/duration_days": "too_large",
            "/surprise": "unknown_field",
            "/tags/0": "wrong_type",
            "/tags/1": "too_long",
            "/category": "wrong_type",
            "/phases/0/title": "too_short",
            "/phases/0/start_day": "too_small",
            "/phases/0/length_days": "required",
            "/phases/0/activities/0/key": "pattern",
            "/phases/0/activities/0/kind": "not_allowed",
            "/phases/0/activities/0/title": "wrong_type",
            "/phases/1": "wrong_type",
            "/kept": "wrong_type",
        }

    @pytest.mark.parametrize(
        ("field", "value", "code"),
        [
            ("count", "3", "wrong_type"),
            ("count", True, "wrong_type"),
            ("count", Decimal("1.5"), "wrong_type"),
            ("period", True, "wrong_type"),
            ("period", Decimal("1e400"), "wrong_type"),
            ("period", "1", "wrong_type"),
            ("timeOfDay", ["25:00"], "format"),
            ("timeOfDay", ["8:00"], "format"),
            ("timeOfDay", [8], "format"),
            ("dayOfWeek", ["mon"] * 8, "too_many"),
            ("dayOfWeek", ["monday"], "not_allowed"),
            ("boundsPeriod", {"start": "2026-02-30"}, "format"),
            ("boundsPeriod", {"start": "2026-2-3"}, "format"),
            ("boundsPeriod", {"start": 3}, "format"),
            ("offsets_minutes", [-1], "too_small"),
        ],
    )
    def test_refuses_a_schedule_that_is_not_one(self, field: str, value: Json, code: str) -> None:
        assert list(faults({field: value}, Schedule).values()) == [code]

    def test_takes_numbers_as_they_are_written(self) -> None:
        schedule, _ = convert({"count": Decimal("3.0"), "period": Decimal("1.5"), "periodUnit": "h"}, Schedule)

        assert schedule == Schedule(count=3, period=1.5, period_unit="h")

    def test_takes_times_without_seconds(self) -> None:
        value: Json = {"timeOfDay": ["08:00", "20:30:15"], "boundsPeriod": {"end": "2026-03-01"}}

        schedule, _ = convert(value, Schedule)

        assert schedule is not None
        assert schedule.time_of_day == (time(8), time(20, 30, 15))
        assert schedule.bounds_period is not None
        assert schedule.bounds_period.end == date(2026, 3, 1)

    def test_takes_null_for_what_may_be_absent(self) -> None:
        activity, _ = convert({"key": "walk", "kind": "task", "title": "Walk", "instructions": None}, Activity)

        assert activity == Activity(key="walk", kind="task", title="Walk")

    def test_refuses_null_for_what_must_be_there(self) -> None:
        assert faults({"title": None, "start_day": 1, "length_days": 1}, Phase) == {"/title": "wrong_type"}

    def test_refuses_what_is_neither_true_nor_false(self) -> None:
        item: Json = {"link_id": "1", "text": "", "type": "text", "required": "yes"}

        assert faults(item, QuestionnaireItem) == {"/required": "wrong_type"}

    def test_stops_after_a_hundred_faults(self) -> None:
        wrong: list[Json] = [1] * 2000
        value: Json = {"title": "Walks", "duration_days": 1, "tags": wrong[:20], "kept": wrong}

        _, violations = convert(value, ProtocolContent)

        assert len(violations) == 100

    def test_never_tells_the_value_or_a_name_that_is_none(self) -> None:
        value: Json = {"title": "S3cret" * 50, "duration_days": "S3cret", "S3cret value!": 1}

        _, violations = convert(value, ProtocolContent)

        assert not any("S3cret" in violation.pointer + violation.detail for violation in violations)
        assert len(violations) == 3
