"""The people of the demo and what they do: as many as promised, the same every time, each in her own way."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from healthprotocol.care.patients.rules import settle
from healthprotocol.care.protocols.model import Activity
from healthprotocol.care.protocols.rules.expansion import Frame, planned_between
from healthprotocol.cli.demo.answers import COURSES, PREGNANCY_COURSES
from healthprotocol.cli.demo.behaviour import Deed, Due, Story, deed
from healthprotocol.cli.demo.library import protocol
from healthprotocol.cli.demo.people import (
    DRAFTS,
    PROTOCOLS,
    Behaviour,
    Person,
    Plan,
    clinics,
    demographics,
    starts_on,
)

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


def _occurrences(plan: Plan, person: Person, now: datetime) -> Iterator[tuple[Activity, Due]]:
    zone = ZoneInfo(person.time_zone)
    today = now.astimezone(zone).date()
    begins_on = starts_on(plan, today)
    content = protocol(plan.protocol)
    ends_on = begins_on + timedelta(days=content.duration_days - 1)
    for phase in content.phases:
        anchor_on = begins_on + timedelta(days=phase.start_day - 1)
        last_on = anchor_on + timedelta(days=phase.length_days - 1)
        frame = Frame(time_zone=person.time_zone, anchor_on=anchor_on, last_on=last_on, ends_on=ends_on)
        for activity in phase.activities:
            for one in planned_between(activity.schedule, frame, from_on=begins_on, to_on=today):
                yield (
                    activity,
                    Due(
                        occurrence_id=f"{activity.key}/{one.planned_local.isoformat()}/{one.slot}",
                        activity_key=activity.key,
                        planned_at=one.planned_at,
                        planned_local=one.planned_local,
                        slot=one.slot,
                        opens_at=one.opens_at,
                        closes_at=one.closes_at,
                    ),
                )


def _story(plan: Plan, person: Person, now: datetime) -> Story:
    zone = ZoneInfo(person.time_zone)
    begins_on = starts_on(plan, now.astimezone(zone).date())
    return Story(
        person=person.name,
        protocol=plan.protocol,
        behaviour=plan.behaviour,
        time_zone=person.time_zone,
        began_at=datetime(begins_on.year, begins_on.month, begins_on.day, tzinfo=zone),
    )


def _told(plan: Plan, person: Person, now: datetime = NOW) -> list[tuple[Activity, Due, Deed | None]]:
    story = _story(plan, person, now)
    return [(activity, due, deed(story, activity, due, until=now)) for activity, due in _occurrences(plan, person, now)]


def _plans(behaviour: Behaviour, *, at_least_days: int) -> Iterator[tuple[Plan, Person]]:
    for person in clinics()[0].people:
        for plan in person.plans:
            if plan.behaviour == behaviour and plan.started_days_ago >= at_least_days:
                yield plan, person


def _share_done(behaviour: Behaviour) -> float:
    closed = [
        done is not None and done.outcome == "completed"
        for plan, person in _plans(behaviour, at_least_days=30)
        for _, due, done in _told(plan, person)
        if due.closes_at <= NOW
    ]
    return sum(closed) / len(closed)


class TestPeople:
    def test_are_sixty_with_ninety_plans(self) -> None:
        first, second = clinics()

        assert len(first.people) == 60
        assert sum(len(person.plans) for person in first.people) == 90
        assert len({person.name for person in (*first.people, *second.people)}) == 64

    def test_have_demographics_without_fault_on_any_day(self) -> None:
        for today in (date(2026, 11, 22), date(2028, 2, 29), date(2027, 1, 1)):
            for person in (*clinics()[0].people, *clinics()[1].people):
                known = demographics(person, today)
                _, faults = settle(known, today=today)
                assert faults == []
                assert (today - known.birth_date).days // 365.25 in {person.age - 1, person.age}

    def test_live_in_several_time_zones(self) -> None:
        zones = Counter(person.time_zone for person in clinics()[0].people)

        assert len(zones) >= 8

    def test_follow_protocols_of_their_own_clinic(self) -> None:
        for clinic in clinics():
            followed = {plan.protocol for person in clinic.people for plan in person.plans}
            assert followed <= set(clinic.protocols) - set(DRAFTS)
        assert {plan.protocol for person in clinics()[0].people for plan in person.plans} == set(PROTOCOLS)

    def test_include_the_one_who_signs_in_with_much_to_do_today(self) -> None:
        clinic = clinics()[0]
        account = next(account for account in clinic.accounts if account.role == "patient")
        person = next(person for person in clinic.people if person.name == account.patient)
        today = NOW.astimezone(ZoneInfo(person.time_zone)).date()

        due_today = [
            activity
            for plan in person.plans
            for activity, due in _occurrences(plan, person, NOW)
            if due.planned_local.date() == today
        ]

        assert {activity.kind for activity in due_today} >= {"measurement", "medication", "questionnaire", "exercise"}
        assert 5 <= len(due_today) <= 15


class TestDeeds:
    def test_are_the_same_every_time(self) -> None:
        plan, person = next(_plans("patchy", at_least_days=40))

        assert _told(plan, person) == _told(plan, person)

    def test_are_the_same_tomorrow_but_for_what_happened_since(self) -> None:
        person = clinics()[0].people[0]
        plan = person.plans[0]
        earlier = Plan(protocol=plan.protocol, started_days_ago=plan.started_days_ago - 1, behaviour=plan.behaviour)

        before = [done for _, _, done in _told(earlier, person, NOW - timedelta(days=1)) if done]
        after = [done for _, _, done in _told(plan, person) if done]

        assert after[: len(before)] == before or set(map(repr, before)) <= set(map(repr, after))
        assert len(after) > len(before)

    def test_lie_in_the_past_and_after_the_occurrence_opened(self) -> None:
        for behaviour in ("steady", "patchy", "danger"):
            for plan, person in _plans(behaviour, at_least_days=5):
                for _, due, done in _told(plan, person):
                    assert done is None or due.opens_at <= done.effective_at < NOW

    def test_follow_from_the_way_of_each_patient(self) -> None:
        steady, patchy, dropped = _share_done("steady"), _share_done("patchy"), _share_done("dropped_out")

        assert steady > 0.88
        assert 0.45 < patchy < 0.68
        assert dropped < 0.45
        assert 0.75 < _share_done("danger") < 0.9

    def test_stop_for_those_who_dropped_out(self) -> None:
        for plan, person in _plans("dropped_out", at_least_days=30):
            last = max((done.effective_at for _, _, done in _told(plan, person) if done), default=None)
            assert last is None or NOW - last > timedelta(days=3)

    def test_answer_what_the_activity_asks(self) -> None:
        for plan, person in _plans("steady", at_least_days=5):
            for activity, _, done in _told(plan, person):
                if done is None or done.outcome != "completed":
                    continue
                assert bool(done.values) == (activity.measurement is not None)
                if activity.questionnaire is not None:
                    required = {item.link_id for item in activity.questionnaire.items if item.required}
                    assert required <= set(done.answers or {})


class TestValues:
    def test_cross_the_alert_threshold_for_those_in_danger_only(self) -> None:
        crossing: Counter[str] = Counter()
        for behaviour in ("steady", "danger"):
            for plan, person in _plans(behaviour, at_least_days=30):
                crossing[behaviour] += _crossings(plan, person)

        assert crossing["danger"] > 50
        assert crossing["steady"] < crossing["danger"] / 10

    @pytest.mark.parametrize("courses", [COURSES, PREGNANCY_COURSES])
    def test_have_a_course_for_each_code(self, courses: dict[str, object]) -> None:
        codes = {
            quantity.code
            for name in PROTOCOLS
            for phase in protocol(name).phases
            for activity in phase.activities
            if activity.measurement
            for quantity in (activity.measurement.components or (activity.measurement,))
        }

        assert set(courses) <= codes
        assert codes <= set(COURSES)


def _crossings(plan: Plan, person: Person) -> int:
    count = 0
    for activity, _, done in _told(plan, person):
        if done is None or activity.measurement is None:
            continue
        quantities = activity.measurement.components or (activity.measurement,)
        for quantity, value in zip(quantities, done.values, strict=False):
            limits = quantity.alert_thresholds
            if limits is None or value.unit != quantity.unit:
                continue
            count += (limits.high is not None and value.value > limits.high) or (
                limits.low is not None and value.value < limits.low
            )
    return count
