"""A dry run says what the import would, also of lines that lean on others far before them; nothing is written."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from healthprotocol.care.transfers import jobs
from healthprotocol.care.transfers.model import Noun
from healthprotocol.care.transfers.service import claims
from healthprotocol.care.transfers.service.nouns import SIZES, Size
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs.registry import Job
from tests.care.transfers.files import ENTRY_COLUMNS, Ward, csv_of, make_ward
from tests.care.transfers.test_blocks import PLAN_COLUMNS, RIVERS
from tests.care.transfers.test_erasing import erase
from tests.care.transfers.test_importing import PERSON_COLUMNS
from tests.support.people import Organisation

FIGURES = ("lines", "created", "updated", "skipped", "failed")


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    return await make_ward(database, organisation, patients=4)


async def compared(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, noun: Noun, columns: Sequence[str], lines: Any, **more: Any
) -> dict[str, Any]:
    """Try a file in batches of two lines, bring it in as one batch, and return what both said."""
    body = csv_of(columns, lines)
    monkeypatch.setitem(SIZES, noun, Size(2, 2, read_bytes=SIZES[noun].read_bytes))
    tried = await ward.bring(noun, body, dry_run=True, **more)
    monkeypatch.setitem(SIZES, noun, Size(200, 200, read_bytes=SIZES[noun].read_bytes))
    done = await ward.bring(noun, body, **more)

    assert [tried[name] for name in FIGURES] == [done[name] for name in FIGURES]
    assert tried["faults"] == done["faults"]
    return done


def person(key: str | None, number: str | None, name: str = "Weser", born: str = "1960-01-01", **more: Any) -> Any:
    given = more.pop("given_name", "Ada")
    system = None if number is None else "urn:mrn"
    return {
        "client_id": key, "given_name": given, "family_name": name, "birth_date": born, "identifier_system": system,
        "identifier_value": number, **more,
    }  # fmt: skip


class TestPatients:
    async def test_are_known_by_what_lines_of_earlier_batches_claimed(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lines = [
            person("k-1", "0001"), person("k-2", "0002", "Ems"),
            person("k-1", "0001"), person("k-3", "0001"),
            person("k-4", "0001", "Oder", "1977-07-07", given_name="Bea"), person("k-1", "0002"),
            person("k-3", None), person("k-5", "0005"),
            person(None, "00-05"), person("k-1", "0007"),
            person("k-8", "0007", "Aller"), person("k-8", "0007", "Aller"),
        ]  # fmt: skip

        done = await compared(ward, monkeypatch, "patients", PERSON_COLUMNS, lines)

        assert (done["created"], done["skipped"], done["failed"]) == (4, 6, 2)
        assert [(one["line"], one["code"]) for one in done["faults"]] == [(6, "of_another"), (7, "ambiguous")]

    async def test_who_are_here_are_known_by_a_client_id_that_an_earlier_batch_tied_to_them(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await ward.bring("patients", csv_of(PERSON_COLUMNS, [person(None, "0001")]))
        lines = [person("k-1", "0001"), person("k-2", None), person("k-1", None), person("k-3", None)]

        done = await compared(ward, monkeypatch, "patients", PERSON_COLUMNS, lines)

        assert (done["created"], done["skipped"]) == (2, 2)

    async def test_are_updated_where_an_earlier_batch_would_have_made_them(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lines = [person(f"k-{number % 3}", None, RIVERS[number]) for number in range(9)]

        done = await compared(ward, monkeypatch, "patients", PERSON_COLUMNS, lines, existing="update")

        assert (done["created"], done["updated"]) == (3, 6)

    @pytest.mark.parametrize("seed", [1, 2, 3])
    async def test_of_a_file_of_few_people_become_the_same(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch, seed: int
    ) -> None:
        random = Random(seed)
        lines = [
            person(
                random.choice(["k-1", "k-2", "k-3", "k-4", None]),
                random.choice(["0001", "0002", "0003", "0004", None]),
                random.choice(RIVERS[:2]),
                random.choice(["1960-01-01", "1970-02-03", "2160-01-01"]),
                given_name=random.choice(["Ada", "Bea"]),
            )
            for _ in range(60)
        ]

        done = await compared(ward, monkeypatch, "patients", PERSON_COLUMNS, lines)

        assert min(done["created"], done["skipped"], done["failed"]) > 1


class TestAssignments:
    async def test_are_known_by_the_client_id_of_an_earlier_batch(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        people = [person(f"k-{number}", None, RIVERS[number]) for number in range(4)]
        await ward.bring("patients", csv_of(PERSON_COLUMNS, people))
        day = ward.plans[0].starts_on.isoformat()
        lines = [
            {"client_id": key, "patient_client_id": f"k-{number}", "protocol_title": "Heart at home", "starts_on": day}
            for number, key in enumerate(("p-0", "p-1", "p-0", "p-1"))
        ]

        done = await compared(ward, monkeypatch, "assignments", PLAN_COLUMNS, lines)

        assert (done["created"], done["skipped"]) == (2, 2)

    @pytest.mark.parametrize("apart", [1, 2], ids=["of one batch", "of an earlier batch"])
    async def test_are_refused_on_days_of_another(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch, apart: int
    ) -> None:
        await enrol(ward, 3)
        # The plan of Aller is four weeks long: its last day is taken, and the day behind it is free.
        first, *others = plan(ward, "p-0", 0, 0), plan(ward, "p-1", 1, 0), plan(ward, "p-2", 2, 0)
        lines = [
            first,
            *others[: apart - 1],
            plan(ward, "p-3", 0, 27),
            plan(ward, "p-4", 1, 28),
            plan(ward, "p-5", 0, 28),
        ]

        done = await compared(ward, monkeypatch, "assignments", PLAN_COLUMNS, lines)

        assert [(one["line"], one["code"]) for one in done["faults"]] == [(1 + 1 + apart, "already_assigned")]
        assert done["created"] == len(lines) - 1

    async def test_that_were_refused_claim_neither_days_nor_client_id(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await enrol(ward, 2)
        lines = [
            plan(ward, "p-0", 0, 0), plan(ward, "p-1", 1, 0),
            plan(ward, "p-2", 0, 20), plan(ward, "p-2", 0, 28),
            plan(ward, None, 0, 40), plan(ward, None, 0, 56),
            plan(ward, "p-2", 0, 84), plan(ward, "p-3", 0, 84),
        ]  # fmt: skip

        done = await compared(ward, monkeypatch, "assignments", PLAN_COLUMNS, lines)

        assert (done["created"], done["skipped"]) == (5, 1)
        assert [one["line"] for one in done["faults"]] == [4, 6]

    @pytest.mark.parametrize("seed", [1, 2, 3])
    async def test_of_a_file_of_few_people_become_the_same(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch, seed: int
    ) -> None:
        random = Random(seed)
        await enrol(ward, 4)
        lines = [
            plan(
                ward, random.choice([*(f"p-{n}" for n in range(30)), None]), random.randrange(4), random.randrange(300)
            )
            for _ in range(60)
        ]

        done = await compared(ward, monkeypatch, "assignments", PLAN_COLUMNS, lines)

        assert min(done["created"], done["skipped"], done["failed"]) > 1

    async def test_that_another_dry_run_tried_are_free(self, ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
        await enrol(ward, 2)
        monkeypatch.setitem(SIZES, "assignments", Size(1, 1))
        body = csv_of(PLAN_COLUMNS, [plan(ward, "p-0", 0, 0), plan(ward, "p-1", 1, 0)])

        tried = [await ward.bring("assignments", body, dry_run=True) for _ in range(2)]

        assert [one["created"] for one in tried] == [2, 2]


def plan(ward: Ward, key: str | None, number: int, day: int) -> dict[str, Any]:
    first = ward.plans[0].starts_on + timedelta(days=day)
    return {
        "client_id": key, "patient_client_id": f"k-{number}", "protocol_title": "Heart at home",
        "starts_on": first.isoformat(),
    }  # fmt: skip


async def enrol(ward: Ward, count: int) -> None:
    people = [person(f"k-{number}", None, RIVERS[number]) for number in range(count)]
    await ward.bring("patients", csv_of(PERSON_COLUMNS, people))


class TestEntries:
    async def test_are_known_by_the_client_id_of_an_earlier_batch(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, two, three, four = ward.entries(4, plans=1)
        *_, of_another = ward.entries(2)
        taken = {**four, "client_id": two["client_id"]}
        lines = [one, two, one, taken, three, two, {**of_another, "client_id": one["client_id"]}]

        done = await compared(ward, monkeypatch, "entries", ENTRY_COLUMNS, lines)

        assert (done["created"], done["skipped"], done["failed"]) == (4, 2, 1)


class TestClaims:
    async def test_are_there_while_it_goes_on_and_swept_when_it_is_over(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(SIZES, "patients", Size(2, 2))
        monkeypatch.setattr(claims, "SWEPT_AT_ONCE", 3)
        body = csv_of(PERSON_COLUMNS, [person(f"k-{number}", None, RIVERS[number]) for number in range(6)])
        operation = await ward.batch(await ward.begin("patients", body, dry_run=True))

        await sweep(ward)
        during = await ward.count("import_claim")
        await ward.driven(operation)
        await sweep(ward)

        # By client_id, and by the three marks that tell people apart.
        assert during == 2 * 4
        assert await ward.count("import_claim") == 0

    async def test_go_when_somebody_is_erased(self, ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(SIZES, "patients", Size(1, 1))
        body = csv_of(PERSON_COLUMNS, [person("k-1", None), person("k-2", None, "Ems")])
        await ward.batch(await ward.begin("patients", body, dry_run=True))
        assert await ward.count("import_claim") > 0

        await erase(ward, ward.patient_ids[0])

        assert await ward.count("import_claim") == 0

    async def test_of_days_are_there_as_long_and_go_with_the_others(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await enrol(ward, 4)
        monkeypatch.setitem(SIZES, "assignments", Size(2, 2))
        monkeypatch.setattr(claims, "SWEPT_AT_ONCE", 3)
        body = csv_of(PLAN_COLUMNS, [plan(ward, None, number, 0) for number in range(4)])
        tried = await ward.begin("assignments", body, dry_run=True)
        ended = await ward.batch(await ward.begin("assignments", body, dry_run=True))

        await ward.driven(tried)
        await sweep(ward)
        during = await ward.count("import_claimed_plan")
        await erase(ward, ward.patient_ids[0])

        assert (during, ended.is_over) == (2, False)
        assert await ward.count("import_claimed_plan") == 0

    async def test_are_none_of_a_file_of_one_batch_nor_of_one_that_is_brought_in(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        body = csv_of(PERSON_COLUMNS, [person("k-1", None), person("k-2", None, "Ems")])
        await ward.bring("patients", body, dry_run=True)
        monkeypatch.setitem(SIZES, "patients", Size(1, 1))
        await ward.bring("patients", body)

        assert await ward.count("import_claim") == 0


async def sweep(ward: Ward) -> None:
    job = Job(
        id=0,
        name=jobs.SWEEP,
        attempt=1,
        most_attempts=1,
        payload={},
        organisation_id=ward.organisation.id,
        context=RequestContext(request_id="sweep"),
        stopping=asyncio.Event(),
    )
    await jobs.sweep(ward.database, job)
