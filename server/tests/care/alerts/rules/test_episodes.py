"""A rule fires once an episode; an episode ends after its quiet time; what people do with an alert."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.care.alerts.errors import AlertIsResolved
from healthprotocol.care.alerts.model import AlertId, AlertRule, Episode, Finding
from healthprotocol.care.alerts.rules import episodes
from healthprotocol.care.alerts.rules.episodes import QUIET, judge
from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.care.patients.model import PatientId
from healthprotocol.foundation.ids import AccountId

NOW = datetime(2026, 3, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
NURSE = AccountId(UUID(int=7))


def episode(rule: AlertRule = "missed_in_row", *, clear_since: datetime | None = None) -> Episode:
    return Episode(
        id=AlertId(UUID(int=1)),
        patient_id=PatientId(UUID(int=2)),
        assignment_id=AssignmentId(UUID(int=3)),
        rule=rule,
        activity_key="walk",
        severity="moderate",
        status="open",
        opened_at=NOW - timedelta(days=3),
        clear_since=clear_since,
    )


def finding(*, holds: bool, fires: bool | None = None, rule: AlertRule = "missed_in_row") -> Finding:
    return Finding(rule=rule, activity_key="walk", holds=holds, fires=holds if fires is None else fires)


class TestJudge:
    def test_opens_what_fires_and_does_not_run(self) -> None:
        fires = finding(holds=True)

        judged = judge([], [fires, finding(holds=False, rule="score_high")], at=NOW)

        assert judged.opening == (fires,)
        assert judged.episodes == ()

    def test_does_not_fire_again_while_it_runs(self) -> None:
        judged = judge([episode()], [finding(holds=True)], at=NOW)

        assert (judged.episodes, judged.opening) == ((episode(),), ())

    def test_begins_the_quiet_time_when_it_holds_no_more(self) -> None:
        for at in (NOW, NOW + HOUR):
            [after] = judge([episode(clear_since=NOW)], [finding(holds=False)], at=at).episodes
            assert after.clear_since == NOW
        [first] = judge([episode()], [finding(holds=False)], at=NOW).episodes
        assert first.clear_since == NOW

    def test_forgets_it_when_it_holds_again(self) -> None:
        [after] = judge([episode(clear_since=NOW - HOUR)], [finding(holds=True)], at=NOW).episodes

        assert after.clear_since is None

    def test_begins_it_anew_when_it_held_for_a_moment(self) -> None:
        [after] = judge([episode(clear_since=NOW - HOUR)], [finding(holds=False, fires=True)], at=NOW).episodes

        assert after.clear_since == NOW

    def test_ends_after_it_and_may_fire_again_at_once(self) -> None:
        over = episode(clear_since=NOW - QUIET - HOUR)
        fires = finding(holds=True)

        judged = judge([over], [fires], at=NOW)

        assert judged.episodes[0].ended_at == NOW - HOUR
        assert judged.opening == (fires,)

    def test_leaves_an_episode_alone_whose_rule_was_not_looked_at(self) -> None:
        assert judge([episode()], [], at=NOW).episodes == (episode(),)

    def test_takes_a_rule_without_a_finding_as_holding_no_more(self) -> None:
        [after] = judge([episode()], [], at=NOW, looked_at=episodes.PLANNED).episodes

        assert after.clear_since == NOW

    @given(st.lists(st.tuples(st.integers(1, 80), st.booleans()), max_size=40))
    def test_never_fires_twice_within_the_quiet_time(self, steps: list[tuple[int, bool]]) -> None:
        running: Episode | None = None
        at, last_held = NOW, None
        for hours, holds in steps:
            at += hours * HOUR
            judged = judge([] if running is None else [running], [finding(holds=holds)], at=at)
            running = next((one for one in judged.episodes if one.ended_at is None), None)
            if judged.opening:
                assert last_held is None or at - last_held > QUIET
                running = episode()
            if holds:
                last_held = at
                assert running is not None


class TestEnd:
    def test_settles_what_the_patient_answered_herself(self) -> None:
        ended = episodes.end(episode(), at=NOW)

        assert (ended.status, ended.resolved_at, ended.resolved_by, ended.revision) == ("resolved", NOW, None, 2)

    @pytest.mark.parametrize("rule", sorted(episodes.NEEDS_A_PERSON))
    def test_leaves_danger_to_a_person(self, rule: AlertRule) -> None:
        assert episodes.end(episode(rule), at=NOW).status == "open"

    def test_leaves_what_is_resolved_as_it_is(self) -> None:
        resolved = episodes.resolve(episode(), by=NURSE, at=NOW - HOUR)

        ended = episodes.end(resolved, at=NOW)

        assert (ended.resolved_by, ended.resolved_at, ended.revision) == (NURSE, NOW - HOUR, 2)


class TestWithdraw:
    def test_settles_even_danger(self) -> None:
        ended = episodes.withdraw(episode("value_out_of_range"), at=NOW)

        assert (ended.status, ended.ended_at) == ("resolved", NOW)


class TestAcknowledge:
    def test_names_the_first_who_did(self) -> None:
        first = episodes.acknowledge(episode(), by=NURSE, at=NOW)
        second = episodes.acknowledge(first, by=AccountId(UUID(int=8)), at=NOW + HOUR)

        assert (first.status, first.acknowledged_by, first.acknowledged_at) == ("acknowledged", NURSE, NOW)
        assert second == first

    def test_of_what_is_resolved_is_refused(self) -> None:
        resolved = episodes.resolve(episode(), by=NURSE, at=NOW)

        with pytest.raises(AlertIsResolved):
            episodes.acknowledge(resolved, by=NURSE, at=NOW)


class TestResolve:
    def test_leaves_the_episode_running(self) -> None:
        resolved = episodes.resolve(episode(), by=NURSE, at=NOW)

        assert (resolved.status, resolved.resolved_by, resolved.ended_at) == ("resolved", NURSE, None)
        assert judge([resolved], [finding(holds=True)], at=NOW).opening == ()

    def test_twice_is_refused(self) -> None:
        resolved = episodes.resolve(episode(), by=NURSE, at=NOW)

        with pytest.raises(AlertIsResolved):
            episodes.resolve(resolved, by=NURSE, at=NOW)


class TestEscalation:
    def test_is_quicker_for_what_is_worse_and_never_for_what_is_low(self) -> None:
        assert episodes.escalates_at("high", opened_at=NOW) == NOW + HOUR
        assert episodes.escalates_at("moderate", opened_at=NOW) == NOW + 24 * HOUR
        assert episodes.escalates_at("low", opened_at=NOW) is None
