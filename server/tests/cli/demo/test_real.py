"""A folder of real files becomes an organisation: every file has a line, and a bad one stops no other."""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest

from healthprotocol.assembly import SUBSCRIPTIONS
from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.patients import service as patients
from healthprotocol.cli.demo.real import RealReport, load_folder
from healthprotocol.cli.demo.synthea import read_bundle
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.events import Subscriptions
from healthprotocol.foundation.ids import AccountId, OrganisationId, new_id
from tests.support.shared_data import shared

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)

NATIVE = "healthprotocol: 1\ntitle: Evening walk\nduration_days: 7\nphases: []\n"
CARE_PLAN: dict[str, object] = {
    "resourceType": "CarePlan",
    "status": "active",
    "category": [{"text": "Self care"}],
    "period": {"start": "1994-01-19T10:35:11+00:00"},
    "activity": [
        {"detail": {"code": {"text": "Allergy education"}}},
        {"detail": {"code": {"text": "Allergy education"}}},
        {"detail": {"code": {"text": "Stretching exercises"}}},
    ],
}
PATIENT: dict[str, object] = {
    "resourceType": "Patient",
    "birthDate": "1992-12-25",
    "name": [{"family": "Oder5", "given": ["Warta88"]}],
    "gender": "male",
    "telecom": [{"system": "phone", "value": "555-274-1339"}],
    "address": [{"city": "Chelsea", "country": "US"}],
}


def _bundle(*resources: dict[str, object]) -> bytes:
    entries = [{"resource": resource} for resource in resources]
    return msgspec.json.encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})


async def _load(database: Database, path: Path) -> tuple[RealReport, Actor]:
    database.subscriptions = Subscriptions(SUBSCRIPTIONS)
    report = await load_folder(database, path, now=NOW, advance=lambda _done, _total: None)
    async with database.transaction(None) as tx:
        organisation_id = OrganisationId(await tx.fetchval("select max(id::text)::uuid from hp_organisations() as id"))
    return report, Actor(account_id=AccountId(new_id(NOW)), organisation_id=organisation_id, role="clinician")


class TestLoadFolder:
    async def test_says_of_every_file_what_became_of_it(self, database: Database, tmp_path: Path) -> None:
        (tmp_path / "walk.yaml").write_text(NATIVE)
        (tmp_path / "broken.json").write_text('{"resourceType": "PlanDefinition", ')
        (tmp_path / "people").mkdir()
        (tmp_path / "people" / "oder.json").write_bytes(_bundle(PATIENT, CARE_PLAN))
        (tmp_path / "people" / "torn.json").write_bytes(_bundle({"resourceType": "Patient"}, CARE_PLAN))
        (tmp_path / "notes.txt").write_text("not read at all")

        report, _ = await _load(database, tmp_path)

        assert {line.file: line.outcome for line in report.lines} == {
            "broken.json": "refused",
            "people/oder.json": "came in",
            "people/torn.json": "refused",
            "walk.yaml": "came in",
        }
        assert all(line.why for line in report.lines if line.outcome == "refused")
        assert report.counts["patients"] == report.counts["assignments"] == 1

    async def test_may_be_done_twice(self, database: Database, tmp_path: Path) -> None:
        (tmp_path / "oder.json").write_bytes(_bundle(PATIENT, CARE_PLAN))

        first, _ = await _load(database, tmp_path)
        second, _ = await _load(database, tmp_path)

        assert first.account != second.account
        assert first.counts == second.counts

    async def test_brings_in_the_shared_files(self, database: Database) -> None:
        report, actor = await _load(database, shared("synthea-r4").parent)

        outcomes = Counter(line.outcome for line in report.lines)
        assert outcomes["refused"] == 0, [line for line in report.lines if line.outcome == "refused"]
        assert report.counts["protocols"] >= 60
        assert report.counts["patients"] == 12
        async with database.transaction(actor.organisation_id, actor=actor, now=NOW) as tx:
            rows, _ = await patients.page(tx, actor, q="", filter="", order_by="", page_size=50, page_token=None)
            found, _ = await assignments.page(tx, actor, filter="", order_by="", page_size=50, page_token=None)
        assert len(rows) == 12
        assert Counter(one.status for one in found) == {"completed": 13, "active": 3}


class TestReadBundle:
    def test_gives_a_plan_without_end_for_the_present_year_of_it(self) -> None:
        person = read_bundle(_bundle(PATIENT, CARE_PLAN), today=date(2026, 11, 22))

        assert person is not None
        [plan] = person.plans
        assert date(2025, 11, 22) < plan.starts_on <= date(2026, 11, 22)
        assert plan.ended_on is None
        assert plan.content.duration_days == 365

    def test_takes_each_activity_once_and_makes_up_no_time(self) -> None:
        person = read_bundle(_bundle(PATIENT, CARE_PLAN), today=date(2026, 11, 22))

        assert person is not None
        activities = person.plans[0].content.phases[0].activities
        assert [(one.key, one.kind) for one in activities] == [
            ("allergy-education", "education"),
            ("stretching-exercises", "exercise"),
        ]
        assert all(one.schedule.frequency is None and not one.schedule.time_of_day for one in activities)

    def test_ends_a_plan_with_the_patient(self) -> None:
        died: dict[str, object] = {**PATIENT, "deceasedDateTime": "1994-02-02T00:00:00Z"}

        person = read_bundle(_bundle(died, CARE_PLAN), today=date(2026, 11, 22))

        assert person is not None
        assert person.died_on == date(1994, 2, 2)
        assert person.plans[0].ended_on == date(1994, 2, 2)

    def test_takes_off_the_digits_that_mark_invented_names(self) -> None:
        person = read_bundle(_bundle(PATIENT), today=date(2026, 11, 22))

        assert person is not None
        assert (person.demographics.given_name, person.demographics.family_name) == ("Warta", "Oder")

    def test_reads_nothing_of_a_bundle_about_nobody(self) -> None:
        assert read_bundle(_bundle({"resourceType": "Organization"}), today=date(2026, 11, 22)) is None

    def test_counts_what_it_does_not_read(self) -> None:
        observation: dict[str, object] = {"resourceType": "Observation"}

        person = read_bundle(_bundle(PATIENT, observation, observation), today=date(2026, 11, 22))

        assert person is not None
        assert person.unread == {"Observation": 2}

    @pytest.mark.parametrize("start", ["2018", "2018-13-01T00:00:00Z", "soon"])
    def test_leaves_out_a_plan_without_a_first_day(self, start: str) -> None:
        plan: dict[str, object] = {**CARE_PLAN, "period": {"start": start}}

        person = read_bundle(_bundle(PATIENT, plan), today=date(2026, 11, 22))

        assert person is not None
        assert person.plans == ()
