"""The beginning of an assignment, for one patient or many."""

from datetime import date, time, timedelta
from uuid import UUID

import pytest

from healthprotocol.care.assignments.model import (
    NO_ADJUSTMENTS,
    ActivityAdjustment,
    Adjustments,
    AssignmentStatus,
    DayPart,
    NewAssignment,
)
from healthprotocol.care.assignments.rules.enrolment import (
    MOST_NAMED,
    added_up,
    assignment_of,
    check_first_day,
    check_new,
    fitting,
    sort_out,
)
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.ids import AccountId, OrganisationId
from tests.support.pure_plans import ISAR, MONDAY, activity, assigned, content, instant

NOW = instant("2026-05-20T09:00")
WALK, SWIM = (ActivityAdjustment(activity_key=key, skip=True) for key in ("walk", "swim"))


def wanted(*, adjustments: Adjustments = NO_ADJUSTMENTS, is_proposed: bool = False) -> NewAssignment:
    given = assigned()
    return NewAssignment(
        protocol_id=given.protocol_id,
        patient_id=given.patient_id,
        starts_on=MONDAY,
        adjustments=adjustments,
        is_proposed=is_proposed,
    )


class TestCheck:
    def test_every_fault_at_once(self) -> None:
        unknown = wanted(adjustments=Adjustments(activities=(SWIM,)))

        found = check_new(unknown, content(activity("walk")), time_zone="Mars/Olympus", at=NOW)

        assert [one.pointer for one in found] == ["/time_zone", "/adjustments/activities/0/activity_key"]

    @pytest.mark.parametrize("days", [-367, 732])
    def test_a_day_far_off_is_refused(self, days: int) -> None:
        found = check_first_day(NOW.date() + timedelta(days=days), at=NOW)

        assert [(one.pointer, one.code) for one in found] == [("/starts_on", "out_of_range")]

    @pytest.mark.parametrize("days", [-366, 0, 731])
    def test_a_day_within_reach_passes(self, days: int) -> None:
        assert check_first_day(NOW.date() + timedelta(days=days), at=NOW) == []

    def test_a_day_of_another_age_is_refused_once(self) -> None:
        assert len(check_first_day(date(1066, 10, 14), at=NOW)) == 1


class TestAssignmentOf:
    @pytest.mark.parametrize(("is_proposed", "status"), [(True, "proposed"), (False, "active")])
    def test_is_what_was_wanted(self, is_proposed: bool, status: AssignmentStatus) -> None:
        actor = Actor(account_id=AccountId(UUID(int=4)), organisation_id=OrganisationId(UUID(int=1)), role="clinician")

        made = assignment_of(
            actor, wanted(is_proposed=is_proposed), id=ISAR, version=1, duration_days=30, time_zone="UTC", at=NOW
        )

        assert (made.status, made.starts_on, made.ends_on) == (status, MONDAY, date(2026, 6, 30))
        assert made.segments == assigned().segments
        assert (made.assigned_by, made.assigned_at, made.updated_at) == (actor.account_id, NOW, NOW)


class TestFitting:
    def test_keeps_what_the_version_has_and_the_patients_day(self) -> None:
        parts = (DayPart(when="CM", time=time(9)),)

        kept = fitting(Adjustments(activities=(WALK, SWIM), day_parts=parts), content(activity("walk")))

        assert kept == Adjustments(activities=(WALK,), day_parts=parts)


class TestCohort:
    def test_sorts_out_who_cannot_take_it_and_why(self) -> None:
        ids = [UUID(int=number) for number in range(4)]
        found = {ids[0]: ("active", "UTC"), ids[1]: ("active", "Asia/Kolkata"), ids[2]: ("archived", "UTC")}

        cohort = sort_out([*ids, ids[0]], found, following={ids[1]})

        assert cohort.assignable == {ids[0]: "UTC"}
        assert (cohort.already_assigned, cohort.archived, cohort.unknown) == ((ids[1],), (ids[2],), (ids[3],))
        assert cohort.counts() == {"requested": 4, "already_assigned": 1, "archived": 1, "unknown": 1}


class TestAddedUp:
    def test_adds_a_batch_to_those_before(self) -> None:
        first = added_up(None, {"assigned": 2, "unknown": 1}, unknown=[UUID(int=1)])

        both = added_up(first, {"assigned": 3, "unknown": 1}, unknown=[UUID(int=2)])

        assert both == {"assigned": 5, "unknown": 2, "unknown_ids": [str(UUID(int=1)), str(UUID(int=2))]}

    def test_names_only_the_first_unknown(self) -> None:
        result = added_up({}, {}, unknown=[UUID(int=number) for number in range(MOST_NAMED + 5)])

        names = result["unknown_ids"]
        assert isinstance(names, list)
        assert len(names) == MOST_NAMED
