"""What a schedule plans: the vectors, a second implementation, and what must always hold."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from healthprotocol.care.protocols.model import Schedule
from healthprotocol.care.protocols.rules.expansion import Frame, Planned, planned_between
from healthprotocol.care.protocols.rules.schedule_check import check_schedule
from tests.support.brute_force import brute_force
from tests.support.schedules import frames, is_accepted, schedules
from tests.support.shared_data import shared

DAY = timedelta(days=1)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def everything(schedule: Schedule, frame: Frame) -> list[Planned]:
    return planned_between(schedule, frame, from_on=frame.anchor_on - DAY, to_on=frame.ends_on + DAY)


class TestVectors:
    def test_every_vector_holds(self) -> None:
        vectors = json.loads(shared("recurrence/vectors.json").read_text())
        looked_at = 0

        for vector in [*vectors["named"], *vectors["random"]]:
            schedule, frame = _vector(vector)
            assert [_told(one) for one in everything(schedule, frame)] == vector["expected"], vector["id"]
            looked_at += 1

        print(f"{looked_at} recurrence vectors hold")
        assert looked_at >= 170

    def test_no_vector_that_occurs_is_refused(self) -> None:
        vectors = json.loads(shared("recurrence/vectors.json").read_text())

        for vector in [*vectors["named"], *vectors["random"]]:
            schedule, _ = _vector(vector)
            phase, days = vector["phase"], vector["duration_days"]
            refused = check_schedule(
                schedule,
                phase_start_day=phase["start_day"],
                phase_length_days=phase["length_days"],
                duration_days=days,
            )
            assert not (vector["expected"] and refused), vector["id"]

    def test_every_refused_vector_is_refused(self) -> None:
        vectors = json.loads(shared("recurrence/vectors.json").read_text())
        accepted = []

        for vector in vectors["refused"]:
            try:
                schedule = msgspec.convert(vector["schedule"], Schedule)
            except msgspec.ValidationError:
                continue
            if not check_schedule(schedule, phase_length_days=365, duration_days=365):
                accepted.append(vector["why"])

        assert len(vectors["refused"]) >= 15
        assert accepted == []


def _vector(vector: dict[str, Any]) -> tuple[Schedule, Frame]:
    starts_on = date.fromisoformat(vector["starts_on"])
    ends_on = starts_on + timedelta(days=vector["duration_days"] - 1)
    anchor_on = starts_on + timedelta(days=vector["phase"]["start_day"] - 1)
    last_on = min(ends_on, anchor_on + timedelta(days=vector["phase"]["length_days"] - 1))
    frame = Frame(time_zone=vector["time_zone"], anchor_on=anchor_on, last_on=last_on, ends_on=ends_on)
    return msgspec.convert(vector["schedule"], Schedule), frame


def _told(one: Planned) -> dict[str, Any]:
    def utc(at: datetime) -> str:
        return at.isoformat().replace("+00:00", "Z")

    return {
        "planned_at": utc(one.planned_at),
        "planned_local": one.planned_local.isoformat(),
        "slot": one.slot,
        "opens_at": utc(one.opens_at),
        "closes_at": utc(one.closes_at),
    }


class TestAgainstBruteForce:
    @given(schedules(), frames())
    @settings(unhurried, max_examples=400)
    def test_both_plan_the_same(self, schedule: Schedule, frame: Frame) -> None:
        assume(is_accepted(schedule))

        assert everything(schedule, frame) == brute_force(schedule, frame)
