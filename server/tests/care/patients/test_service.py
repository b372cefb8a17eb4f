"""Patients against a real database."""

import asyncio
from datetime import date
from uuid import UUID

import msgspec
import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.care.patients import service
from healthprotocol.care.patients.errors import IdentifierTaken, PatientNotFound
from healthprotocol.care.patients.model import Demographics, Identifier, PatientId
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Invalid, PreconditionFailed
from tests.support.people import Organisation

ELBE = Demographics(
    given_name="Anna",
    family_name="Elbe",
    birth_date=date(1950, 3, 2),
    email="anna.elbe@river.example",
    phone="+49 30 1234567",
    identifiers=(Identifier(system="urn:clinic", value="A-77"),),
    time_zone="Europe/Berlin",
)


async def _find(database: Database, actor: Actor, q: str) -> list[str]:
    async with database.transaction(actor.organisation_id, actor=actor) as tx:
        rows = (await service.page(tx, actor, ListQuery(), q=q)).items
    return [row.family_name for row in rows]


class TestCreateAtOnce:
    async def test_two_who_claim_the_same_numbers_do_not_block_each_other(
        self, database: Database, organisation: Organisation
    ) -> None:
        numbers = [Identifier(system="urn:clinic", value=f"B-{number}") for number in range(6)]

        async def create(identifiers: list[Identifier]) -> str:
            wanted = msgspec.structs.replace(ELBE, identifiers=tuple(identifiers))
            try:
                async with database.transaction(organisation.id, actor=organisation.clinician) as tx:
                    await service.create(tx, organisation.clinician, wanted)
            except IdentifierTaken:
                return "taken"
            return "made"

        outcomes = await asyncio.gather(*(create(numbers[::step]) for step in (1, -1) * 3))

        assert sorted(outcomes) == ["made"] + ["taken"] * 5


class TestCreate:
    async def test_reads_back_what_was_written(self, database: Database, organisation: Organisation) -> None:
        actor = organisation.clinician

        async with database.transaction(organisation.id, actor=actor) as tx:
            made = await service.create(tx, actor, ELBE)
        async with database.transaction(organisation.id, actor=actor) as tx:
            read = await service.get(tx, actor, made.id)

        assert read == made
        assert read.demographics.phone == "+49301234567"

    async def test_keeps_nothing_readable(self, database: Database, organisation: Organisation) -> None:
        actor = organisation.clinician

        async with database.transaction(organisation.id, actor=actor) as tx:
            await service.create(tx, actor, ELBE)
            stored = str(await tx.fetch("select p.*, i.* from patient p join patient_identifier i on true"))

        for secret in ("Elbe", "Anna", "1950", "river.example", "1234567", "A-77"):
            assert secret not in stored

    async def test_lists_every_fault_at_once(self, database: Database, organisation: Organisation) -> None:
        faulty = Demographics(
            given_name=" ", family_name="<b>", birth_date=date(2999, 1, 1), email="x", phone="12", time_zone="Mars/Base"
        )

        with pytest.raises(Invalid) as caught:
            async with database.transaction(organisation.id, actor=organisation.clinician) as tx:
                await service.create(tx, organisation.clinician, faulty)

        assert {fault.pointer for fault in caught.value.violations} == {
            "/given_name", "/family_name", "/birth_date", "/email", "/phone", "/time_zone",
        }  # fmt: skip

    async def test_an_identifier_is_never_two_persons(self, database: Database, organisation: Organisation) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id, actor=actor) as tx:
            await service.create(tx, actor, ELBE)

        with pytest.raises(IdentifierTaken):
            async with database.transaction(organisation.id, actor=actor) as tx:
                await service.create(tx, actor, ELBE)


class TestFind:
    @pytest.mark.parametrize(
        "q", ["elb", "anna el", "ELBE 1950-03-02", "Anna.Elbe@river.example", "+49 30 1234567", "a77", ""]
    )
    async def test_finds_by_name_and_by_every_index(
        self, database: Database, organisation: Organisation, q: str
    ) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id, actor=actor) as tx:
            await service.create(tx, actor, ELBE)

        assert await _find(database, actor, q) == ["Elbe"]
        assert await _find(database, actor, "oder") == []

    async def test_sees_nothing_of_another_organisation(
        self, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        async with database.transaction(organisation.id, actor=organisation.clinician) as tx:
            made = await service.create(tx, organisation.clinician, ELBE)

        outsider = other_organisation.clinician
        assert await _find(database, outsider, "elbe") == []
        with pytest.raises(PatientNotFound):
            async with database.transaction(other_organisation.id, actor=outsider) as tx:
                await service.get(tx, outsider, made.id)

    async def test_pages_through_people_in_order_of_their_names(
        self, database: Database, organisation: Organisation
    ) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id, actor=actor) as tx:
            for name in ("Weser", "Elbe", "Oder", "Isar", "Main"):
                await service.create(
                    tx, actor, Demographics(given_name="A", family_name=name, birth_date=date(1980, 1, 1))
                )

        names: list[str] = []
        token: str | None = None
        for _ in range(3):
            async with database.transaction(organisation.id, actor=actor) as tx:
                page = await service.page(tx, actor, ListQuery(order_by="name", page_size=2, page_token=token))
            token = page.next_page_token
            names += [row.family_name for row in page.items]

        assert names == ["Elbe", "Isar", "Main", "Oder", "Weser"]
        assert token is None


class TestUpdate:
    async def test_refuses_a_stale_revision(self, database: Database, organisation: Organisation) -> None:
        actor = organisation.clinician
        async with database.transaction(organisation.id, actor=actor) as tx:
            made = await service.create(tx, actor, ELBE)

        with pytest.raises(PreconditionFailed):
            async with database.transaction(organisation.id, actor=actor) as tx:
                await service.update(tx, actor, made.id, change=lambda d: d, status=None, expected_revision=9)

    async def test_unknown_is_not_found(self, database: Database, organisation: Organisation) -> None:
        with pytest.raises(PatientNotFound):
            async with database.transaction(organisation.id, actor=organisation.clinician) as tx:
                await service.archive(tx, organisation.clinician, PatientId(UUID(int=1)), expected_revision=None)
