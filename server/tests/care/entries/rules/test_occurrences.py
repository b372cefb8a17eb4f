"""Occurrences of an assignment, and how each stands."""

from datetime import date, datetime, time, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthprotocol.care.assignments.model import (
    ActivityAdjustment,
    Adjustments,
    Assignment,
    AssignmentStatus,
    Pause,
)
from healthprotocol.care.assignments.rules.change import adjust
from healthprotocol.care.assignments.rules.lifecycle import pause, resume, stop
from healthprotocol.care.entries.model import (
    Entry,
    EntryId,
    Occurrence,
    OccurrenceId,
    OccurrenceRef,
    RecordedOutcome,
    StandingEntry,
)
from healthprotocol.care.entries.rules.occurrence_ids import occurrence_id, parse_occurrence_id, planned_on
from healthprotocol.care.entries.rules.occurrences import Standing, occurrences, standing_entries
from healthprotocol.care.protocols.model import ProtocolContent, Schedule
from healthprotocol.foundation.ids import AccountId
from tests.support.pure_plans import DAY, ISAR, MONDAY, activity, assigned, content, instant, local, moved
from tests.support.schedules import ZONES, is_accepted, schedules

WALKS = content(activity("walk", time_of_day=(time(8), time(18))))
LONG_AGO = instant("2020-01-01T00:00")
LATER = instant("2030-01-01T00:00")


def on(
    day: date,
    *,
    assignment: Assignment | None = None,
    plan: ProtocolContent = WALKS,
    standing: Standing | None = None,
    at: datetime = LONG_AGO,
) -> list[Occurrence]:
    found = occurrences(assignment or assigned(), {1: plan}, from_on=day, to_on=day, standing=standing or {}, at=at)
    return list(found)


def id_of(key: str, planned: str, slot: int = 1) -> OccurrenceId:
    return occurrence_id(ISAR, key, planned_local=local(planned), slot=slot)


def ref_of(one: Occurrence) -> OccurrenceRef:
    return OccurrenceRef(one.assignment_id, one.activity_key, one.planned_local, one.slot)


class TestOccurrences:
    def test_say_what_where_and_when(self) -> None:
        morning, evening = on(MONDAY)

        assert morning == Occurrence(
            id=id_of("walk", "2026-06-01T08:00"),
            assignment_id=ISAR,
            activity_key="walk",
            kind="task",
            title="Walk",
            planned_at=instant("2026-06-01T08:00"),
            planned_local=local("2026-06-01T08:00"),
            slot=1,
            opens_at=instant("2026-06-01T08:00"),
            closes_at=instant("2026-06-02T00:00"),
            state="not_yet_open",
        )
        assert evening.planned_local == local("2026-06-01T18:00")

    def test_come_by_planned_time_then_as_the_protocol_lists_them_then_by_slot(self) -> None:
        plan = content(
            activity("zinc", time_of_day=(time(8),)),
            activity("apple", time_of_day=(time(8),)),
            activity("water", frequency=2, period=1, period_unit="d"),
        )

        found = on(MONDAY, plan=plan)

        assert [(one.activity_key, one.slot) for one in found] == [
            ("water", 1),
            ("water", 2),
            ("zinc", 1),
            ("apple", 1),
        ]

    def test_nothing_lies_outside_the_assignment(self) -> None:
        assert on(MONDAY - DAY) == []
        assert on(MONDAY + 30 * DAY) == []

    def test_a_long_range_is_the_days_after_each_other(self) -> None:
        days = [one for day in range(30) for one in on(MONDAY + day * DAY)]

        whole = occurrences(assigned(), {1: WALKS}, from_on=date.min, to_on=date.max, standing={}, at=LONG_AGO)

        assert list(whole) == days

    def test_are_made_as_they_are_asked_for(self) -> None:
        later = moved(
            assigned(duration_days=90), to_version=2, duration_days=90, from_on=MONDAY + 60 * DAY, at=LONG_AGO
        )

        found = occurrences(later, {1: WALKS}, from_on=MONDAY, to_on=MONDAY + 89 * DAY, standing={}, at=LONG_AGO)

        assert next(found).planned_local == local("2026-06-01T08:00")


class TestState:
    @pytest.mark.parametrize(
        ("at", "state"),
        [
            ("2026-06-01T07:59", "not_yet_open"),
            ("2026-06-01T08:00", "open"),
            ("2026-06-01T23:59", "open"),
            ("2026-06-02T00:00", "missed"),
        ],
    )
    def test_follows_the_window(self, at: str, state: str) -> None:
        assert on(MONDAY, at=instant(at))[0].state == state

    @pytest.mark.parametrize("outcome", ["completed", "skipped"])
    def test_is_that_of_its_entry(self, outcome: str) -> None:
        entry = StandingEntry(EntryId(UUID(int=7)), "completed" if outcome == "completed" else "skipped", late=True)

        one, other = on(MONDAY, standing={id_of("walk", "2026-06-01T08:00"): entry}, at=LATER)

        assert (one.state, one.entry_id, one.late) == (outcome, EntryId(UUID(int=7)), True)
        assert (other.state, other.entry_id, other.late) == ("missed", None, False)

    def test_what_is_planned_in_a_pause_is_not_due(self) -> None:
        paused = pause(assigned(), at=instant("2026-06-01T08:00"))
        resumed = resume(paused, at=instant("2026-06-02T08:00"))

        assert [one.state for one in on(MONDAY, assignment=paused)] == ["not_applicable", "not_applicable"]
        assert [one.state for one in on(MONDAY, assignment=resumed)] == ["not_applicable", "not_applicable"]
        assert [one.state for one in on(MONDAY + DAY, assignment=paused)] == ["not_applicable", "not_applicable"]
        assert [one.state for one in on(MONDAY + DAY, assignment=resumed)] == ["not_yet_open", "not_yet_open"]

    def test_what_was_planned_before_a_pause_stays_due(self) -> None:
        paused = pause(assigned(), at=instant("2026-06-01T08:01"))

        assert [one.state for one in on(MONDAY, assignment=paused, at=LATER)] == ["missed", "not_applicable"]

    def test_what_is_planned_at_the_stop_or_later_is_not_due(self) -> None:
        stopped = stop(assigned(), at=instant("2026-06-01T18:00"), reason="no")

        assert [one.state for one in on(MONDAY, assignment=stopped, at=LATER)] == ["missed", "not_applicable"]

    def test_what_is_taken_out_is_not_due(self) -> None:
        adjustments = Adjustments(activities=(ActivityAdjustment(activity_key="walk", skip=True),))

        found = on(MONDAY, assignment=assigned(adjustments=adjustments), at=LATER)

        assert [one.state for one in found] == ["not_applicable", "not_applicable"]

    @pytest.mark.parametrize("status", ["proposed", "entered_in_error"])
    def test_of_a_plan_that_does_not_count_nothing_is_due(self, status: AssignmentStatus) -> None:
        found = on(MONDAY, assignment=assigned(status=status), at=LATER)

        assert [one.state for one in found] == ["not_applicable", "not_applicable"]

    def test_an_entry_stands_though_the_plan_was_paused(self) -> None:
        paused = pause(assigned(), at=instant("2026-06-01T08:00"))
        entry = StandingEntry(EntryId(UUID(int=7)), "completed")

        one, _ = on(MONDAY, assignment=paused, standing={id_of("walk", "2026-06-01T08:00"): entry})

        assert one.state == "completed"

    @given(st.lists(st.integers(0, 3_000), max_size=8), st.integers(0, 3_000))
    @settings(deadline=None)
    def test_a_pause_covers_its_beginning_and_not_its_end(self, minutes: list[int], planned: int) -> None:
        begin = instant("2026-06-01T00:00")
        ends = [begin + timedelta(minutes=one) for one in sorted(minutes)]
        pauses = tuple(
            Pause(from_at=from_at, to_at=to_at) for from_at, to_at in zip(ends[::2], ends[1::2], strict=False)
        )
        assignment = msgspec.structs.replace(assigned(), pauses=pauses)

        for one in occurrences(assignment, {1: WALKS}, from_on=MONDAY, to_on=MONDAY + 2 * DAY, standing={}, at=LATER):
            is_paused = any(
                pause.to_at is not None and pause.from_at <= one.planned_at < pause.to_at for pause in pauses
            )
            assert one.state == ("not_applicable" if is_paused else "missed")


class TestWhatAlwaysHolds:
    @given(
        st.lists(schedules().filter(is_accepted), min_size=1, max_size=3),
        st.sampled_from(ZONES),
        st.integers(0, 100_000),
    )
    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_of_any_plan(self, parts: list[Schedule], zone: str, minutes: int) -> None:
        activities = [
            msgspec.structs.replace(activity(f"part-{index}"), schedule=one) for index, one in enumerate(parts)
        ]
        plan = {1: content(*activities, start_day=2, length_days=20)}
        assignment = assigned(time_zone=zone, starts_on=date(2026, 3, 20))
        at = instant("2026-03-20T00:00") + timedelta(minutes=minutes)

        found = list(occurrences(assignment, plan, from_on=date.min, to_on=date.max, standing={}, at=at))

        assert len({one.id for one in found}) == len(found)
        assert [one.planned_local for one in found] == sorted(one.planned_local for one in found)
        for one in found:
            assert date(2026, 3, 21) <= one.planned_local.date() <= date(2026, 4, 9)
            assert (one.state == "not_yet_open") == (at < one.opens_at)
            assert (one.state == "missed") == (at >= one.closes_at and at >= one.opens_at)
        for one in found[:: max(1, len(found) // 5)]:
            assert parse_occurrence_id(one.id) == ref_of(one)


class TestIds:
    def test_survive_a_change_of_plan_that_keeps_the_occurrence(self) -> None:
        more = content(activity("swim", period=1, period_unit="d"), activity("walk", time_of_day=(time(8),)))
        after = moved(assigned(), to_version=2, duration_days=30, from_on=MONDAY, at=LONG_AGO)

        before = {one.id for one in on(MONDAY)}
        after = occurrences(after, {2: more}, from_on=MONDAY, to_on=MONDAY, standing={}, at=LONG_AGO)

        assert before & {one.id for one in after} == {id_of("walk", "2026-06-01T08:00")}

    def test_lead_back_to_the_occurrence(self) -> None:
        for one in on(MONDAY + 3 * DAY):
            assert parse_occurrence_id(one.id) == ref_of(one)

    def test_go_when_an_adjustment_moves_the_time(self) -> None:
        shifted = Adjustments(activities=(ActivityAdjustment(activity_key="walk", shift_minutes=30),))
        adjusted = adjust(assigned(), shifted, from_on=MONDAY + DAY, at=instant("2026-06-01T12:00"))

        assert [one.id for one in on(MONDAY, assignment=adjusted)] == [one.id for one in on(MONDAY)]
        assert not {one.id for one in on(MONDAY + DAY, assignment=adjusted)} & {one.id for one in on(MONDAY + DAY)}


def entry(
    number: int, *, outcome: RecordedOutcome = "completed", replaces: int | None = None, planned: str | None = "08:00"
) -> Entry:
    at = instant("2026-06-01T09:00") + timedelta(minutes=number)
    return Entry(
        id=EntryId(UUID(int=number)),
        client_id=UUID(int=number),
        patient_id=assigned().patient_id,
        assignment_id=ISAR,
        activity_key="walk",
        outcome=outcome,
        effective_at=at,
        recorded_at=at,
        recorded_by=AccountId(UUID(int=4)),
        occurrence_id=None if planned is None else id_of("walk", f"2026-06-01T{planned}"),
        replaces=None if replaces is None else EntryId(UUID(int=replaces)),
    )


class TestPlannedOn:
    def test_is_the_local_date_of_the_occurrence(self) -> None:
        assert planned_on(entry(1, planned="23:30")) == MONDAY
        assert planned_on(entry(1, planned=None)) is None


class TestStandingEntries:
    def test_the_newest_counts(self) -> None:
        standing = standing_entries([entry(2, outcome="skipped"), entry(1), entry(3, planned="18:00")])

        assert {one.entry_id.int: one.outcome for one in standing.values()} == {2: "skipped", 3: "completed"}

    def test_a_correction_counts_instead(self) -> None:
        standing = standing_entries([entry(1), entry(2, outcome="skipped", replaces=1)])

        assert [(one.entry_id.int, one.outcome) for one in standing.values()] == [(2, "skipped")]

    def test_a_retraction_leaves_nothing(self) -> None:
        assert standing_entries([entry(1), entry(2, outcome="retracted", replaces=1)]) == {}

    def test_a_retraction_of_one_lets_another_count(self) -> None:
        standing = standing_entries([entry(1), entry(2), entry(3, outcome="retracted", replaces=2)])

        assert [one.entry_id.int for one in standing.values()] == [1]

    def test_an_unplanned_one_is_of_no_occurrence(self) -> None:
        assert standing_entries([entry(1, planned=None)]) == {}

    def test_of_two_recorded_at_once_the_later_id_counts(self) -> None:
        one, other = entry(1), msgspec.structs.replace(entry(2), recorded_at=entry(1).recorded_at)

        assert [one.entry_id.int for one in standing_entries([other, one]).values()] == [2]
