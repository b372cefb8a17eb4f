"""What comes of a file does not depend on how many of its lines are written together."""

from collections.abc import Sequence
from random import Random
from typing import Any
from uuid import UUID

import pytest

from healthprotocol.care.patients import service as patients
from healthprotocol.care.transfers import repository
from healthprotocol.care.transfers.model import Noun
from healthprotocol.care.transfers.service.nouns import SIZES, Size
from healthprotocol.foundation.db.transaction import Database, Transaction
from tests.care.transfers.files import Ward, csv_of, make_ward
from tests.care.transfers.test_importing import PERSON_COLUMNS
from tests.support.people import Organisation

PLAN_COLUMNS = (
    "client_id",
    "patient_client_id",
    "patient_identifier_system",
    "patient_identifier_value",
    "protocol_title",
    "starts_on",
    "status",
    "adjustments",
)
RIVERS = ("Aller", "Bode", "Elbe", "Ems", "Havel", "Inn", "Isar", "Lahn", "Lech", "Main", "Naab", "Oder", "Saale")


@pytest.fixture
async def wards(database: Database, organisation: Organisation, other_organisation: Organisation) -> list[Ward]:
    return [await make_ward(database, one, patients=1) for one in (organisation, other_organisation)]


def person(random: Random) -> dict[str, Any]:
    """A line of a file in which few people stand often: under several names, faulty, archived, one as another."""
    return {
        "client_id": random.choice([*(f"k-{n}" for n in range(12)), None]),
        "given_name": random.choice(["Ada", "Bea", "<b>", ""]) if random.random() < 0.3 else "Ada",
        "family_name": random.choice(RIVERS),
        "birth_date": random.choice(["1960-01-01", "1970-02-03", "2160-01-01"])
        if random.random() < 0.2
        else "1960-01-01",
        "phone": random.choice([None, "+49 30 123456"]),
        "identifier_system": "urn:mrn" if random.random() < 0.7 else None,
        "identifier_value": random.choice(["0001", "00-01", "0002", "0003", "0004", "0005", "0006", "0007"]),
        "status": random.choice(["archived", "active", None, None, None]),
    }


def plan(random: Random, day: str) -> dict[str, Any]:
    by_key = random.random() < 0.6
    return {
        "client_id": random.choice([*(f"p-{n}" for n in range(25)), None]),
        "patient_client_id": f"k-{random.randrange(14)}" if by_key else None,
        "patient_identifier_system": None if by_key else "urn:mrn",
        "patient_identifier_value": None if by_key else f"000{random.randrange(9)}",
        "protocol_title": random.choice(["Heart at home"] * 6 + ["Nothing"]),
        "starts_on": random.choice([day] * 4 + ["2001-01-01"]),
        "status": random.choice(["active", "proposed", None]),
        "adjustments": random.choice(
            [None, None, '{"activities":[{"activity_key":"fever","skip":true}]}', '{"activities":1}']
        ),
    }


async def compared(
    wards: list[Ward], monkeypatch: pytest.MonkeyPatch, noun: Noun, body: bytes, **more: Any
) -> list[dict[str, Any]]:
    """Bring a file into two organisations, line by line into one and in blocks into the other."""
    results: list[dict[str, Any]] = []
    for ward, size in zip(wards, (Size(1, 40), Size(37, 64)), strict=True):
        monkeypatch.setitem(SIZES, noun, size)
        operation = await ward.begin(noun, body, **more)
        result = await ward.driven(operation)
        results.append({**result, "report": await ward.report(operation)})
    return results


async def people_of(ward: Ward) -> list[tuple[Any, ...]]:
    actor = ward.organisation.coordinator
    async with ward.database.transaction(ward.organisation.id, actor=actor) as tx:
        found, _ = await patients.exported(tx, actor, "", after=None, limit=200)
    return sorted(
        (one.status, one.revision, one.demographics.family_name, str(one.demographics)) for one in found
    )  # fmt: skip


async def keys_of(ward: Ward) -> list[dict[str, Any]]:
    return await ward.rows(
        """
        select k.noun, count(distinct k.row_id) as rows, count(*) as keys from import_key k group by k.noun order by 1
        """
    )


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("existing", ["skip", "update"])
class TestPatients:
    async def test_in_blocks_become_the_same_as_line_by_line(
        self, wards: list[Ward], monkeypatch: pytest.MonkeyPatch, existing: str, seed: int
    ) -> None:
        random = Random(seed)
        body = csv_of([*PERSON_COLUMNS, "status"], [person(random) for _ in range(120)])

        alone, together = await compared(wards, monkeypatch, "patients", body, existing=existing)

        assert alone == together
        assert alone["created"] > 5
        assert alone["failed"] > 5
        assert await people_of(wards[0]) == await people_of(wards[1])
        assert await keys_of(wards[0]) == await keys_of(wards[1])


class TestOnePerson:
    async def test_on_every_line_becomes_the_same_as_line_by_line(
        self, wards: list[Ward], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        random = Random(5)
        lines = [{**person(random), "given_name": "Ada", "client_id": "k-1", "status": None} for _ in range(90)]
        body = csv_of([*PERSON_COLUMNS, "status"], lines)

        alone, together = await compared(wards, monkeypatch, "patients", body, existing="update")

        assert alone == together
        assert (alone["created"], alone["updated"] > 50) == (1, True)
        assert await people_of(wards[0]) == await people_of(wards[1])
        assert await keys_of(wards[0]) == await keys_of(wards[1])

    @pytest.mark.parametrize("turns", [1, 3], ids=["on every line", "on every third line"])
    async def test_is_looked_for_some_few_times_a_line(
        self, wards: list[Ward], monkeypatch: pytest.MonkeyPatch, turns: int
    ) -> None:
        rows_of, asked = repository.rows_of, [0]

        async def counted(tx: Transaction, noun: Any, keys: Sequence[str]) -> dict[str, UUID]:
            asked[0] += len(keys)
            return await rows_of(tx, noun, keys)

        monkeypatch.setattr(repository, "rows_of", counted)
        monkeypatch.setitem(SIZES, "patients", Size(60, 60))
        lines = [
            {"client_id": f"k-{number % turns}", "given_name": "Ada", "family_name": RIVERS[number % 13],
             "birth_date": "1960-01-01"}
            for number in range(60)
        ]  # fmt: skip

        result = await wards[0].bring("patients", csv_of(PERSON_COLUMNS, lines), existing="update")

        assert (result["created"], result["failed"]) == (turns, 0)
        # Once for the whole part, and then no line more than three times.
        assert asked[0] <= 60 + 3 * 60


class TestAssignments:
    async def test_in_blocks_become_the_same_as_line_by_line(
        self, wards: list[Ward], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        day = wards[0].plans[0].starts_on.isoformat()
        random = Random(3)
        people = [
            {"client_id": f"k-{n}", "given_name": "Ada", "family_name": river, "birth_date": "1960-01-01",
             "identifier_system": "urn:mrn", "identifier_value": f"000{n}"}
            for n, river in enumerate(RIVERS[:9])
        ]  # fmt: skip
        for ward in wards:
            await ward.bring("patients", csv_of(PERSON_COLUMNS, people))
        body = csv_of(PLAN_COLUMNS, [plan(random, day) for _ in range(120)])

        alone, together = await compared(wards, monkeypatch, "assignments", body)

        assert alone == together
        assert (alone["created"] > 5, alone["skipped"] > 5, alone["failed"] > 20) == (True, True, True)
        shown = "select status, time_zone, segments::text, starts_on, adjustments_ct is null as plain from assignment"
        both = [sorted(map(str, await ward.rows(shown))) for ward in wards]
        assert both[0] == both[1]
        told = "select count(*) from audit_event where action = 'assignment.create'"
        assert await wards[0].rows(told) == await wards[1].rows(told)
        watched = "select count(*) from alert_watch"
        assert await wards[0].rows(watched) == await wards[1].rows(watched)
