"""What a patient's record promises beyond being kept: who is told what, and what happens when nothing or much does."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.care.patients import service
from healthprotocol.care.patients.errors import (
    IdentifierTaken,
    PatientIsArchived,
    PatientNotFound,
    SearchTooBroad,
)
from healthprotocol.care.patients.model import (
    Address,
    Amendment,
    Demographics,
    Identifier,
    Patient,
    PatientArchived,
    PatientId,
)
from healthprotocol.care.patients.service import find
from healthprotocol.foundation.cache import CacheOptions
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import BadRequest, NotFound, PreconditionFailed
from tests.support.door import Door, opened
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database

BORN = date(1980, 1, 1)


def person(family_name: str, **more: Any) -> Demographics:
    fields: dict[str, Any] = {"given_name": "A", "family_name": family_name, "birth_date": BORN, **more}
    return Demographics(**fields)


class Ward:
    """One organisation's patients, each act in a transaction of its own."""

    def __init__(self, database: Database, organisation: Organisation) -> None:
        self.database = database
        self.actor: Actor = organisation.clinician

    def tx(self, actor: Actor | None = None) -> Any:
        return self.database.transaction(self.actor.organisation_id, actor=actor or self.actor)

    async def enrol(self, family_name: str, **more: Any) -> Patient:
        async with self.tx() as tx:
            return await service.create(tx, self.actor, person(family_name, **more))

    async def page(self, **asked: Any) -> tuple[list[str], str | None]:
        wanted: dict[str, Any] = dict(asked)
        actor, q = wanted.pop("actor", self.actor), wanted.pop("q", "")
        async with self.tx(actor) as tx:
            page = await service.page(tx, actor, ListQuery(**wanted), q=q)
        return [row.family_name for row in page.items], page.next_page_token

    async def actions(self) -> list[str]:
        async with self.tx() as tx:
            rows = await tx.fetch("select action from audit_event order by id")
        return [row["action"] for row in rows]


@pytest.fixture
def ward(database: Database, organisation: Organisation) -> Ward:
    return Ward(database, organisation)


class TestUpdate:
    async def test_that_changes_nothing_is_a_read(self, ward: Ward) -> None:
        made = await ward.enrol("Elbe")

        async with ward.tx() as tx:
            same = await service.update(
                tx, ward.actor, made.id, change=lambda d: d, status="active", expected_revision=1
            )

        assert same == made
        assert await ward.actions() == ["patient.create", "patient.read"]

    async def test_puts_other_identifiers_in_place(self, ward: Ward) -> None:
        first, second = Identifier(system="urn:a", value="A-1"), Identifier(system="urn:b", value="B-1")
        made = await ward.enrol("Elbe", identifiers=(first, second))

        async with ward.tx() as tx:
            await service.update(
                tx,
                ward.actor,
                made.id,
                change=lambda d: msgspec.structs.replace(d, identifiers=(second,), address=Address(city="Delta")),
                status=None,
                expected_revision=None,
            )
        async with ward.tx() as tx:
            read = await service.get(tx, ward.actor, made.id)

        assert read.demographics.identifiers == (second,)
        assert read.demographics.address == Address(city="Delta")
        assert (await ward.page(q="A1"))[0] == []
        assert (await ward.page(q="b1"))[0] == ["Elbe"]

    async def test_names_every_identifier_that_is_anothers(self, ward: Ward) -> None:
        taken = [Identifier(system="urn:a", value=f"A-{n}") for n in range(3)]
        await ward.enrol("Elbe", identifiers=tuple(taken))
        made = await ward.enrol("Oder")
        wanted = (Identifier(system="urn:a", value="free"), taken[2], taken[0])

        with pytest.raises(IdentifierTaken) as caught:
            async with ward.tx() as tx:
                await service.update(
                    tx,
                    ward.actor,
                    made.id,
                    change=lambda d: msgspec.structs.replace(d, identifiers=wanted),
                    status=None,
                    expected_revision=None,
                )

        assert [one.pointer for one in caught.value.violations] == ["/identifiers/1", "/identifiers/2"]

    async def test_two_who_claim_the_same_identifiers_never_wait_for_each_other(self, ward: Ward) -> None:
        claimed = [Identifier(system="urn:a", value=f"A-{n}") for n in range(20)]

        found = await asyncio.gather(
            ward.enrol("Elbe", identifiers=tuple(claimed)),
            ward.enrol("Oder", identifiers=tuple(reversed(claimed))),
            return_exceptions=True,
        )

        assert sorted(type(one).__name__ for one in found) == ["IdentifierTaken", "Patient"]


class TestArchive:
    async def test_closes_the_record_until_it_is_active_again(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[object] = []

        async def publish(_tx: Transaction, event: object) -> None:
            told.append(event)

        made = await ward.enrol("Elbe")
        monkeypatch.setattr(Transaction, "publish", publish)

        async with ward.tx() as tx:
            archived = await service.archive(tx, ward.actor, made.id, expected_revision=1)
            again = await service.archive(tx, ward.actor, made.id, expected_revision=None)
            with pytest.raises(PatientIsArchived):
                await service.update(tx, ward.actor, made.id, change=lambda d: d, status=None, expected_revision=None)
            with pytest.raises(PatientIsArchived):
                await service.require_active(tx, made.id)
            back = await service.update(
                tx, ward.actor, made.id, change=lambda d: d, status="active", expected_revision=None
            )
            assert await service.require_active(tx, made.id) == "UTC"
            gone = await service.update(
                tx, ward.actor, made.id, change=lambda d: d, status="archived", expected_revision=None
            )

        assert [one.revision for one in (archived, again, back, gone)] == [2, 2, 3, 4]
        assert told == [PatientArchived(made.id)] * 2

    async def test_refuses_a_stale_revision(self, ward: Ward) -> None:
        made = await ward.enrol("Elbe")

        with pytest.raises(PreconditionFailed):
            async with ward.tx() as tx:
                await service.archive(tx, ward.actor, made.id, expected_revision=7)


class TestSight:
    async def test_of_a_patient_is_herself(self, ward: Ward, organisation: Organisation) -> None:
        elbe, oder = await ward.enrol("Elbe"), await ward.enrol("Oder")
        herself = organisation.patient(elbe.id)

        assert (await ward.page(actor=herself))[0] == ["Elbe"]
        assert (await ward.page(actor=herself, q="od"))[0] == []
        async with ward.tx(herself) as tx:
            assert (await service.get(tx, herself, elbe.id)).id == elbe.id
            assert set(await service.names(tx, herself, [elbe.id, oder.id])) == {elbe.id}
            for unseen in (oder.id, PatientId(UUID(int=1))):
                with pytest.raises(NotFound) as caught:
                    await service.get(tx, herself, unseen)
                assert type(caught.value) is NotFound
                with pytest.raises(NotFound):
                    await service.archive(tx, herself, unseen, expected_revision=None)
                with pytest.raises(NotFound):
                    await service.update(tx, herself, unseen, change=lambda d: d, status=None, expected_revision=None)

    async def test_an_auditor_sees_nobody(self, ward: Ward, organisation: Organisation) -> None:
        await ward.enrol("Elbe")

        assert (await ward.page(actor=organisation.auditor))[0] == []


class TestFind:
    async def test_reads_only_what_a_filter_selects(self, ward: Ward) -> None:
        elbe = await ward.enrol("Elbe", identifiers=(Identifier(system="urn:a", value="A-1"),))
        await ward.enrol("Elster")
        async with ward.tx() as tx:
            await service.archive(tx, ward.actor, elbe.id, expected_revision=None)

        assert (await ward.page(q="el", filter='status = "active"'))[0] == ["Elster"]
        assert (await ward.page(q="a1", filter='status = "active"'))[0] == []
        assert (await ward.page(q="a1", filter='status = "archived"'))[0] == ["Elbe"]

    @pytest.mark.parametrize("q", ["nobody@river.example", "+49 30 000000", "no@such@mail", "+1", "Elbe 1950-13-45"])
    async def test_what_no_index_knows_is_nobody(self, ward: Ward, q: str) -> None:
        await ward.enrol("Elbe")

        assert (await ward.page(q=q))[0] == []

    async def test_finds_a_record_number_in_any_system(self, ward: Ward) -> None:
        for n, name in enumerate(("Elbe", "Oder", "Isar")):
            await ward.enrol(name, identifiers=(Identifier(system=f"urn:{n}", value="K-7"),))

        assert (await ward.page(q="k7"))[0] == ["Elbe", "Isar", "Oder"]

    async def test_reads_all_names_once(self, ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
        await ward.enrol("Elbe")
        await ward.enrol("Oder")
        assert (await ward.page(q="el"))[0] == ["Elbe"]
        monkeypatch.setattr(find.repository, "names", None)

        assert (await ward.page(q="od"))[0] == ["Oder"]
        assert (await ward.page(order_by="name", filter='status = "active"'))[0] == ["Elbe", "Oder"]

    async def test_knows_who_is_new_who_is_called_otherwise_and_who_is_gone(self, ward: Ward) -> None:
        elbe = await ward.enrol("Elbe")
        assert (await ward.page(q="e"))[0] == (await ward.page(q="1980-01-01 e"))[0] == ["Elbe"]

        eder = await ward.enrol("Eder")
        assert (await ward.page(q="e"))[0] == ["Eder", "Elbe"]
        async with ward.tx() as tx:
            renamed = [Amendment(eder.id, lambda old: msgspec.structs.replace(old, family_name="Isar"))]
            await service.amend_many(tx, ward.actor, renamed)
        assert (await ward.page(q="e"))[0] == ["Elbe"]
        async with ward.tx() as tx:
            await service.update(
                tx,
                ward.actor,
                elbe.id,
                change=lambda old: msgspec.structs.replace(old, birth_date=date(1981, 1, 1)),
                status=None,
                expected_revision=None,
            )
        assert (await ward.page(q="1980-01-01 e"))[0] == []
        assert (await ward.page(q="1981-01-01 e"))[0] == ["Elbe"]
        async with ward.tx() as tx:
            await service.erase(tx, ward.actor, elbe.id, reason="asked for")
        assert (await ward.page(q="e"))[0] == []

    async def test_misses_nobody_whom_another_process_enrolled(
        self, cluster: Cluster, database_name: str, ward: Ward, organisation: Organisation
    ) -> None:
        await ward.enrol("Elbe")
        # It hears nothing, and asks nobody by itself.
        there = await open_database(cluster, database_name, cache=CacheOptions(bound_seconds=3600.0))
        ward_there = Ward(there, organisation)
        assert (await ward_there.page(q="e"))[0] == ["Elbe"]

        await ward.enrol("Eder")

        assert (await ward_there.page(q="e"))[0] == ["Eder", "Elbe"]
        await there.close()

    async def test_by_part_of_a_name_has_its_limit(self, ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(find, "MAX_SEARCHED", 2)
        for name in ("Elbe", "Oder"):
            await ward.enrol(name, email=f"{name}@river.example")
        assert (await ward.page(q="el"))[0] == ["Elbe"]
        assert (await ward.page(order_by="name"))[0] == ["Elbe", "Oder"]

        await ward.enrol("Isar")

        with pytest.raises(SearchTooBroad):
            await ward.page(q="el")
        assert (await ward.page(q="oder@river.example"))[0] == ["Oder"]
        names, token = await ward.page(order_by="name", page_size=2)
        rest, end = await ward.page(order_by="name", page_size=2, page_token=token)
        assert (names, rest, end) == (["Isar", "Oder"], ["Elbe"], None)


class TestOrder:
    async def test_goes_by_name_both_ways(self, ward: Ward) -> None:
        for name in ("Isar", "Elbe", "Oder"):
            await ward.enrol(name)

        first, token = await ward.page(order_by="name desc", page_size=2)

        assert (await ward.page(order_by="name  asc"))[0] == ["Elbe", "Isar", "Oder"]
        assert first + (await ward.page(order_by="name desc", page_size=2, page_token=token))[0] == [
            "Oder",
            "Isar",
            "Elbe",
        ]
        with pytest.raises(BadRequest):
            await ward.page(order_by="name", page_size=2, page_token=token)

    async def test_of_a_search_is_the_one_asked_for(self, ward: Ward) -> None:
        for name in ("Este", "Elbe", "Oder", "Eder"):
            await ward.enrol(name, email=f"{name}@river.example")

        first, token = await ward.page(q="e", order_by="created_at desc", page_size=2)

        assert (await ward.page(q="e"))[0] == ["Eder", "Elbe", "Este"]
        assert (await ward.page(q="e", order_by="name desc"))[0] == ["Este", "Elbe", "Eder"]
        assert first == ["Eder", "Elbe"]
        assert (await ward.page(q="e", order_by="created_at desc", page_size=2, page_token=token))[0] == ["Este"]
        assert (await ward.page(q="elbe@river.example", order_by="updated_at"))[0] == ["Elbe"]

    @pytest.mark.parametrize("q", ["", "e"])
    @pytest.mark.parametrize("order", ["family_name", "name, created_at", "name down"])
    async def test_that_there_is_not_is_refused_and_told_of_names(self, ward: Ward, q: str, order: str) -> None:
        with pytest.raises(BadRequest) as caught:
            await ward.page(q=q, order_by=order)

        assert [one.pointer for one in caught.value.violations] == ["/order_by"]
        assert caught.value.violations[0].detail.endswith("or by itself name.")


class TestPages:
    async def test_go_on_where_a_person_is_gone(self, ward: Ward) -> None:
        people = {name: await ward.enrol(name) for name in ("Elbe", "Isar", "Main", "Oder")}
        asked = {"order_by": "name", "page_size": 2, "filter": 'status = "active"'}
        names, token = await ward.page(**asked)

        async with ward.tx() as tx:
            await service.archive(tx, ward.actor, people["Isar"].id, expected_revision=None)
        rest, end = await ward.page(**asked, page_token=token)

        assert names == ["Elbe", "Isar"]
        assert set(rest) <= {"Main", "Oder"}
        assert "Oder" in rest
        assert end is None

    async def test_of_another_question_are_refused(self, ward: Ward) -> None:
        for name in ("Elbe", "Isar", "Main"):
            await ward.enrol(name)
        _, token = await ward.page(order_by="name", page_size=1)

        for other in ({"q": "el"}, {"filter": 'status = "active"', "order_by": "name"}):
            with pytest.raises(BadRequest):
                await ward.page(**other, page_token=token)


class TestErased:
    async def test_a_patient_without_a_key_is_gone_from_everywhere(self, ward: Ward) -> None:
        elbe, oder = await ward.enrol("Elbe"), await ward.enrol("Oder")
        async with ward.tx() as tx:
            await tx.keys.destroy_subject(tx, elbe.id)

        assert (await ward.page())[0] == ["Oder"]
        assert (await ward.page(q="elb"))[0] == []
        async with ward.tx() as tx:
            assert set(await service.names(tx, ward.actor, [elbe.id, oder.id])) == {oder.id}
            with pytest.raises(NotFound):
                await service.get(tx, ward.actor, elbe.id)


class TestTimeZones:
    async def test_of_nobody_are_not_found(self, ward: Ward) -> None:
        async with ward.tx() as tx:
            for ask in (service.time_zone_of, service.require_active):
                with pytest.raises(PatientNotFound):
                    await ask(tx, PatientId(UUID(int=1)))

    async def test_ids_of_a_filter_come_in_order(self, ward: Ward) -> None:
        made = [(await ward.enrol(name, time_zone="Europe/Berlin")).id for name in ("Elbe", "Oder", "Isar")]
        await ward.enrol("Main")

        async with ward.tx() as tx:
            asked = 'time_zone = "Europe/Berlin"'
            first = await service.ids_of_filter(tx, asked, after=None, limit=2)
            rest = await service.ids_of_filter(tx, asked, after=first[-1], limit=2)
            zones = await service.active_time_zones(tx, made)

        assert first + rest == sorted(made)
        assert set(zones.values()) == {("active", "Europe/Berlin")}


class TestStatements:
    async def test_reading_a_patient_asks_the_database_once(self, ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
        made = await ward.enrol("Elbe", identifiers=(Identifier(system="urn:a", value="A-1"),))
        async with ward.tx() as tx:
            await service.get(tx, ward.actor, made.id)
        asked: list[str] = []
        for name in ("fetch", "fetchrow", "fetchval", "execute"):
            original = getattr(Transaction, name)

            async def counted(tx: Transaction, sql: str, *args: object, _original: Any = original) -> Any:
                # What the cache tells the others of the enrolment is of nobody.
                if tx.actor is not None:
                    asked.append(" ".join(sql.split()[:3]))
                return await _original(tx, sql, *args)

            monkeypatch.setattr(Transaction, name, counted)

        async with ward.tx() as tx:
            await service.get(tx, ward.actor, made.id)

        assert asked == ["select p.id, p.status,", "insert into audit_event"]


@pytest.fixture
async def door(database: Database, organisation: Organisation) -> AsyncIterator[Door]:
    async with opened(database, {"clinician": organisation.clinician}) as one:
        yield one


class TestOverHttp:
    async def test_what_is_sent_is_put_in_place_and_null_empties(self, door: Door) -> None:
        whole = {
            "given_name": " Anna  Maria ",
            "family_name": "Elbe",
            "birth_date": "1950-03-02",
            "sex": "female",
            "email": "anna@river.example",
            "phone": "+49 30 1234567",
            "address": "Delta 1\n12345 Mouth",
            "language": "de",
            "time_zone": "Europe/Berlin",
            "identifiers": [{"system": "urn:a", "value": "A-1"}],
        }
        made = await door.ask("clinician", "POST", "/patients", whole)
        path = f"/patients/{made.json()['id']}"
        emptied = {"sex": None, "email": None, "phone": None, "address": {"city": "Mouth"}, "identifiers": None}

        changed = await door.ask("clinician", "PATCH", path, emptied, If_Match='"r1"')
        listed = await door.ask("clinician", "GET", "/patients?order_by=name")
        archived = await door.ask("clinician", "DELETE", path)
        refused = await door.ask("clinician", "PATCH", path, {"language": "en"}, If_Match=archived.headers["etag"])
        back = await door.ask("clinician", "PATCH", path, {"status": "active"}, If_Match=archived.headers["etag"])

        assert (made.json()["given_name"], made.json()["address"]) == ("Anna Maria", {"text": "Delta 1\n12345 Mouth"})
        after = changed.json()
        assert (after["sex"], after["email"], after["phone"], after["identifiers"]) == ("unknown", None, None, [])
        assert (after["address"], after["language"]) == ({"city": "Mouth"}, "de")
        assert [one["family_name"] for one in listed.json()["items"]] == ["Elbe"]
        assert (archived.json()["status"], refused.status_code, back.json()["status"]) == ("archived", 409, "active")

    async def test_a_taken_identifier_is_told_by_its_place(self, door: Door) -> None:
        elbe = {
            "given_name": "A", "family_name": "Elbe", "birth_date": "1950-03-02",
            "identifiers": [{"system": "urn:a", "value": "Zx9secretQ"}],
        }  # fmt: skip
        await door.ask("clinician", "POST", "/patients", elbe)

        again = await door.ask("clinician", "POST", "/patients", elbe)

        assert again.status_code == 409
        assert [error["pointer"] for error in again.json()["errors"]] == ["/identifiers/0"]
        assert "Zx9secretQ" not in again.text

    async def test_faults_of_shape_and_of_rules_are_told_at_once(self, door: Door) -> None:
        sent = {
            "family_name": "<b>", "birth_date": "2950-03-02", "sex": "river", "email": "nobody", "phone": "12",
            "time_zone": "Delta/Mouth", "langauge": "de",
        }  # fmt: skip

        refused = await door.ask("clinician", "POST", "/patients", sent)

        assert refused.status_code == 422
        assert {error["pointer"]: error["code"] for error in refused.json()["errors"]} == {
            "/given_name": "required",
            "/sex": "not_allowed",
            "/langauge": "unknown_field",
            "/family_name": "not_allowed",
            "/birth_date": "out_of_range",
            "/email": "format",
            "/phone": "format",
            "/time_zone": "unknown_code",
        }

    async def test_a_change_is_told_of_both_kinds_of_faults_and_of_nothing_that_it_leaves(self, door: Door) -> None:
        elbe = {"given_name": "A", "family_name": "Elbe", "birth_date": "1950-03-02"}
        made = await door.ask("clinician", "POST", "/patients", elbe)
        path = f"/patients/{made.json()['id']}"

        refused = await door.ask("clinician", "PATCH", path, {"sex": "river", "email": "nobody"}, If_Match="*")
        after = await door.ask("clinician", "GET", path)

        assert [error["pointer"] for error in refused.json()["errors"]] == ["/sex", "/email"]
        assert after.headers["etag"] == made.headers["etag"]
