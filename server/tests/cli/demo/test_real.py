"""A folder of real files becomes an organisation: every file has a line, and a bad one stops no other."""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from healthprotocol.api.paging import ListQuery
from healthprotocol.assembly import SUBSCRIPTIONS
from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import Assignment
from healthprotocol.care.patients import service as patients
from healthprotocol.cli.demo.real import RealReport, load_folder
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


async def _assignments(database: Database, actor: Actor) -> list[Assignment]:
    async with database.transaction(actor.organisation_id, actor=actor, now=NOW) as tx:
        found = await assignments.page(tx, actor, ListQuery())
    return found.items


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

    async def test_brings_in_all_shared_files(self, database: Database) -> None:
        report, _ = await _load(database, shared("synthea-r4").parent)

        outcomes = Counter(line.outcome for line in report.lines)
        assert outcomes["refused"] == 0, [line for line in report.lines if line.outcome == "refused"]
        assert report.counts["protocols"] >= 60

    async def test_brings_in_the_people_of_synthea(self, database: Database) -> None:
        report, actor = await _load(database, shared("synthea-r4"))

        assert report.counts["patients"] == 12
        async with database.transaction(actor.organisation_id, actor=actor, now=NOW) as tx:
            rows = (await patients.page(tx, actor, ListQuery())).items
        states = Counter(one.status for one in await _assignments(database, actor))
        assert len(rows) == 12
        assert states == {"completed": 12, "active": 3, "stopped": 1}

    async def test_lets_a_plan_that_runs_begin_today_and_leaves_one_that_is_over_where_it_was(
        self, database: Database, tmp_path: Path
    ) -> None:
        over = {**CARE_PLAN, "status": "completed", "period": {"start": "2018-01-13", "end": "2018-02-03"}}
        (tmp_path / "oder.json").write_bytes(_bundle(PATIENT, CARE_PLAN, over))

        _, actor = await _load(database, tmp_path)

        found = await _assignments(database, actor)
        assert sorted((one.status, one.starts_on) for one in found) == [
            ("active", date(2026, 11, 22)),
            ("completed", date(2018, 1, 13)),
        ]

    async def test_stops_what_ran_for_somebody_who_died(self, database: Database, tmp_path: Path) -> None:
        (tmp_path / "oder.json").write_bytes(_bundle({**PATIENT, "deceasedDateTime": "1994-02-02"}, CARE_PLAN))

        _, actor = await _load(database, tmp_path)

        assert [one.status for one in await _assignments(database, actor)] == ["stopped"]

    async def test_makes_one_protocol_of_plans_that_say_the_same(self, database: Database, tmp_path: Path) -> None:
        for number in range(3):
            named = {**PATIENT, "name": [{"family": f"Oder{number}", "given": ["Warta"]}]}
            (tmp_path / f"{number}.json").write_bytes(_bundle(named, CARE_PLAN))

        report, _ = await _load(database, tmp_path)

        assert (report.counts["patients"], report.counts["protocols"]) == (3, 1)
