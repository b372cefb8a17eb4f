"""Many patients at once: each with its own result, or with `atomic` all of them or none."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx2
import pytest

from healthprotocol.foundation.db.transaction import Database, Transaction
from tests.foundation.jobs.workers import eventually
from tests.support.door import Door, opened
from tests.support.people import Organisation
from tests.support.waiting import is_waited_for

RECORD = "urn:example:record"


@pytest.fixture
async def door(database: Database, organisation: Organisation, other_organisation: Organisation) -> AsyncIterator[Door]:
    actors = {
        "coordinator": organisation.coordinator,
        "auditor": organisation.auditor,
        "self": organisation.patient(UUID(int=5)),
        "outsider": other_organisation.admin,
    }
    async with opened(database, actors) as door:
        yield door


def person(name: str, *numbers: str, **more: Any) -> dict[str, Any]:
    identifiers = [{"system": RECORD, "value": number} for number in numbers]
    return {"given_name": name, "family_name": "Aue", "birth_date": "1960-02-29", "identifiers": identifiers, **more}


async def send(
    door: Door, act: str, items: list[Any], *, who: str | None = "coordinator", atomic: bool = False, **headers: str
) -> httpx2.Response:
    return await door.ask(who, "POST", f"/patients/batch-{act}", {"items": items, "atomic": atomic}, **headers)


async def names(door: Door) -> list[str]:
    listed = (await door.ask("coordinator", "GET", "/patients?order_by=name")).json()["items"]
    return sorted(item["given_name"] for item in listed)


async def enrolled(door: Door, *people: dict[str, Any]) -> list[str]:
    answer = await send(door, "create", list(people), atomic=True)
    return [result["item"]["id"] for result in answer.json()["results"]]


class TestFaults:
    async def test_of_shape_and_of_rules_are_told_at_once_for_each_item(self, door: Door) -> None:
        [elbe] = await enrolled(door, person("Elbe"))

        made = await send(door, "create", [person("Oder", sex="river", email="nobody"), person("Main")])
        changed = await send(door, "update", [{"id": elbe, "sex": "river", "phone": "12"}, {"email": "nobody"}])

        told = [
            [error["pointer"] for error in result.get("problem", {"errors": []})["errors"]]
            for answer in (made, changed)
            for result in answer.json()["results"]
        ]
        assert told == [["/sex", "/email"], [], ["/sex", "/phone"], ["/id", "/email"]]


class TestWhoMay:
    @pytest.mark.parametrize(("who", "status"), [(None, 401), ("self", 403), ("auditor", 403)])
    @pytest.mark.parametrize("act", ["create", "update", "delete"])
    async def test_only_those_who_enrol(self, door: Door, who: str | None, status: int, act: str) -> None:
        answer = await send(door, act, [person("Elbe")], who=who)

        assert answer.status_code == status

    async def test_another_organisation_finds_nobody(self, door: Door) -> None:
        [elbe] = await enrolled(door, person("Elbe"))

        changed = await send(door, "update", [{"id": elbe, "given_name": "Styx"}], who="outsider")
        archived = await send(door, "delete", [{"id": elbe}], who="outsider")

        assert [answer.json()["results"][0]["status"] for answer in (changed, archived)] == [404, 404]
        assert await names(door) == ["Elbe"]


class TestCreate:
    async def test_enrols_all_that_can_be(self, door: Door) -> None:
        items = [person("Elbe", "1"), person("Oder", birth_date="soon"), {"unknown": 1}, person("Saale", "2")]

        answer = await send(door, "create", items)

        assert answer.status_code == 207
        results = answer.json()["results"]
        assert [(one["index"], one["status"]) for one in results] == [(0, 201), (1, 422), (2, 422), (3, 201)]
        assert results[1]["problem"]["errors"][0]["pointer"] == "/birth_date"
        assert results[3]["item"]["identifiers"] == [{"system": RECORD, "value": "2"}]
        assert await names(door) == ["Elbe", "Saale"]

    async def test_an_identifier_is_the_first_ones(self, door: Door) -> None:
        await enrolled(door, person("Elbe", "1"))

        answer = await send(door, "create", [person("Oder", "7", "1"), person("Saale", "2"), person("Unstrut", "2")])

        oder, saale, unstrut = answer.json()["results"]
        assert (oder["status"], oder["problem"]["errors"][0]["pointer"]) == (409, "/identifiers/1")
        assert (saale["status"], unstrut["status"]) == (201, 409)

    async def test_none_when_one_fails_and_they_belong_together(self, door: Door) -> None:
        answer = await send(
            door, "create", [person("Elbe"), person("Oder", birth_date="soon"), person("Saale", sex="?")], atomic=True
        )

        assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (422, "items-failed")
        assert [one["pointer"] for one in answer.json()["errors"]] == ["/items/1/birth_date", "/items/2/sex"]
        assert await names(door) == []

    async def test_costs_as_many_statements_for_a_hundred_as_for_two(
        self, door: Door, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await enrolled(door, person("Warm"))
        counted = [await _statements(door, monkeypatch, count) for count in (2, 100)]

        assert counted[0] == counted[1]

    async def test_leaves_an_event_of_each(self, door: Door, database: Database, organisation: Organisation) -> None:
        ids = await enrolled(door, person("Elbe"), person("Saale"))

        async with database.transaction(organisation.id) as tx:
            rows = await tx.fetch("select subject_id from audit_event where action = 'patient.create'")
        assert {str(row["subject_id"]) for row in rows} == set(ids)

    async def test_the_same_key_again_enrols_nobody_twice(self, door: Door) -> None:
        first = await send(door, "create", [person("Elbe")], idempotency_key="once")

        second = await send(door, "create", [person("Elbe")], idempotency_key="once")

        assert second.json() == first.json()
        assert await names(door) == ["Elbe"]

    @pytest.mark.parametrize("count", [0, 501])
    async def test_refuses_none_and_too_many(self, door: Door, count: int) -> None:
        answer = await send(door, "create", [{}] * count)

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/items")


async def _statements(door: Door, monkeypatch: pytest.MonkeyPatch, count: int) -> int:
    seen: list[str] = []
    with monkeypatch.context() as patched:
        for name in ("fetch", "fetchrow", "fetchval", "execute"):
            original = getattr(Transaction, name)

            def counting(self: Transaction, sql: str, *args: object, original: Any = original) -> Any:
                # What the cache tells the others is of nobody, and comes when it comes.
                if self.actor is not None:
                    seen.append(sql)
                return original(self, sql, *args)

            patched.setattr(Transaction, name, counting)
        await enrolled(door, *(person(f"River {count} {number}", f"{count}-{number}") for number in range(count)))
    return len(seen)


class TestUpdate:
    async def test_changes_each_by_itself(self, door: Door) -> None:
        elbe, saale = await enrolled(door, person("Elbe", "1"), person("Saale", "2"))
        items = [
            {"id": elbe, "given_name": "Moldau"},
            {"id": saale, "revision": 9, "given_name": "Unstrut"},
            {"id": str(UUID(int=7)), "given_name": "Styx"},
        ]

        answer = await send(door, "update", items)

        assert [one["status"] for one in answer.json()["results"]] == [200, 412, 404]
        assert await names(door) == ["Moldau", "Saale"]

    async def test_takes_the_etag_that_was_told(self, door: Door) -> None:
        made = (await send(door, "create", [person("Elbe"), person("Saale"), person("Oder")])).json()["results"]
        told = [{"id": one["item"]["id"], "etag": one["etag"]} for one in made]
        once = await send(door, "update", [{**told[0], "sex": "female"}])

        again = await send(
            door,
            "update",
            [
                {**told[0], "sex": "male"},
                {**told[1], "etag": 'W/"r1"', "sex": "male"},
                {**told[2], "revision": 1, "sex": "male"},
            ],
        )

        assert [one["etag"] for one in made] == ["r1"] * 3
        assert once.json()["results"][0]["etag"] == "r2"
        assert [one["status"] for one in again.json()["results"]] == [412, 200, 422]

    async def test_one_that_fails_half_way_leaves_nothing(self, door: Door, database: Database) -> None:
        elbe, saale = await enrolled(door, person("Elbe", "1"), person("Saale", "2"))
        taken = [{"system": RECORD, "value": "1"}]

        answer = await send(
            door, "update", [{"id": saale, "given_name": "Unstrut", "identifiers": taken}, {"id": elbe, "sex": "other"}]
        )

        assert [one["status"] for one in answer.json()["results"]] == [409, 200]
        kept = (await door.ask("coordinator", "GET", f"/patients/{saale}")).json()
        assert (kept["given_name"], kept["identifiers"][0]["value"]) == ("Saale", "2")


class TestDelete:
    async def test_archives_each(self, door: Door) -> None:
        ids = await enrolled(door, person("Elbe"), person("Saale"))

        answer = await send(door, "delete", [{"id": one} for one in ids])

        assert [one["item"]["status"] for one in answer.json()["results"]] == ["archived", "archived"]


class TestAtOnce:
    @pytest.mark.parametrize("act", ["update", "delete"])
    async def test_holds_patients_in_one_order_whatever_its_own_is(
        self, door: Door, database: Database, organisation: Organisation, act: str
    ) -> None:
        first, second = sorted(await enrolled(door, person("Elbe"), person("Oder")))
        more = {"given_name": "Spree"} if act == "update" else {}

        async with database.transaction(organisation.id) as tx:
            await tx.execute("select from patient where id = $1 for update", UUID(first))
            waiting = asyncio.create_task(send(door, act, [{"id": second, **more}, {"id": first, **more}]))
            await eventually(lambda: is_waited_for(tx))
            # Who waits for the first holds nothing that we could want next.
            await tx.execute("select from patient where id = $1 for update nowait", UUID(second))

        assert [one["status"] for one in (await waiting).json()["results"]] == [200, 200]
