"""Many assignments at once, each by itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import httpx2
import pytest

from healthprotocol.foundation.clock import system_clock
from tests.care.assignments.plans import Clinic
from tests.foundation.jobs.workers import eventually
from tests.support.door import Door, opened
from tests.support.people import Organisation
from tests.support.waiting import is_waited_for

NOBODY = str(UUID(int=7))


@pytest.fixture
async def door(clinic: Clinic, other_organisation: Organisation) -> AsyncIterator[Door]:
    actors = {
        "coordinator": clinic.organisation.coordinator,
        "auditor": clinic.organisation.auditor,
        "elbe": clinic.organisation.patient(clinic.patient_id),
        "outsider": other_organisation.admin,
    }
    async with opened(clinic.database, actors) as door:
        yield door


async def send(
    door: Door, act: str, items: Sequence[Any], *, who: str | None = "coordinator", atomic: bool = False
) -> httpx2.Response:
    return await door.ask(who, "POST", f"/assignments/batch-{act}", {"items": items, "atomic": atomic})


def given(clinic: Clinic, patient_id: UUID | None = None, **more: Any) -> dict[str, Any]:
    return {
        "protocol_id": str(clinic.protocol_id),
        "patient_id": str(patient_id or clinic.patient_id),
        "starts_on": system_clock().date().isoformat(),
        **more,
    }


async def made(door: Door, clinic: Clinic, *names: str) -> list[str]:
    people = await clinic.enrol(*names)
    answer = await send(door, "create", [given(clinic, one) for one in people], atomic=True)
    return [result["item"]["id"] for result in answer.json()["results"]]


def statuses(answer: httpx2.Response) -> list[int]:
    assert answer.status_code == 207, answer.text
    return [one["status"] for one in answer.json()["results"]]


class TestWhoMay:
    @pytest.mark.parametrize(("who", "status"), [(None, 401), ("elbe", 403), ("auditor", 403)])
    @pytest.mark.parametrize("act", ["create", "update", "delete"])
    async def test_only_those_who_assign(self, door: Door, who: str | None, status: int, act: str) -> None:
        assert (await send(door, act, [{}], who=who)).status_code == status

    async def test_another_organisation_finds_nothing(self, door: Door, clinic: Clinic) -> None:
        [elbe] = await made(door, clinic, "Mulde")

        stopped = await send(door, "update", [{"id": elbe, "action": "complete"}], who="outsider")
        mistaken = await send(door, "delete", [{"id": elbe}], who="outsider")
        taken = await send(door, "create", [given(clinic)], who="outsider")

        assert [statuses(answer) for answer in (stopped, mistaken, taken)] == [[404], [404], [404]]


class TestCreate:
    async def test_gives_to_those_who_can_take_it(self, door: Door, clinic: Clinic) -> None:
        [saale] = await clinic.enrol("Saale")

        answer = await send(
            door, "create", [given(clinic), given(clinic, saale), given(clinic), given(clinic, version=9)]
        )

        assert statuses(answer) == [201, 201, 409, 404]
        assert {one["item"]["protocol_title"] for one in answer.json()["results"][:2]} == {"Heart at home"}

    async def test_none_when_they_belong_together(self, door: Door, clinic: Clinic) -> None:
        answer = await send(door, "create", [given(clinic), given(clinic)], atomic=True)

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/items/1")
        assert (await door.ask("coordinator", "GET", "/assignments")).json()["items"] == []


class TestUpdate:
    async def test_does_to_each_what_is_asked(self, door: Door, clinic: Clinic) -> None:
        paused, stopped, nameless, completed = await made(door, clinic, "Mulde", "Saale", "Unstrut", "Ilm")
        items = [
            {"id": paused, "action": "pause", "reason": "Hospital"},
            {"id": stopped, "action": "stop", "reason": "Moved away", "revision": 1},
            {"id": nameless, "action": "stop"},
            {"id": completed, "action": "complete"},
            {"id": paused, "action": "resume"},
            {"id": completed, "action": "pause"},
            {"id": NOBODY, "action": "complete"},
        ]

        answer = await send(door, "update", items)

        assert statuses(answer) == [200, 200, 422, 200, 200, 409, 404]
        shown = [one.get("item", {}).get("status") for one in answer.json()["results"]]
        assert shown[:5] == ["paused", "stopped", None, "completed", "active"]


class TestDelete:
    async def test_says_that_they_were_mistakes(self, door: Door, clinic: Clinic) -> None:
        ids = await made(door, clinic, "Mulde", "Saale")

        answer = await send(door, "delete", [{"id": one, "reason": "Wrong list"} for one in ids])

        assert statuses(answer) == [200, 200]
        assert {one["item"]["status"] for one in answer.json()["results"]} == {"entered_in_error"}


class TestAtOnce:
    async def test_new_ones_hold_patients_in_one_order_whatever_their_own_is(self, door: Door, clinic: Clinic) -> None:
        first, second = sorted(await clinic.enrol("Saale", "Unstrut"))

        async with clinic.database.transaction(clinic.organisation.id) as tx:
            await tx.execute("select from patient where id = $1 for update", first)
            waiting = asyncio.create_task(send(door, "create", [given(clinic, second), given(clinic, first)]))
            await eventually(lambda: is_waited_for(tx))
            # Who waits for the first holds nothing that we could want next.
            await tx.execute("select from patient where id = $1 for update nowait", second)

        assert statuses(await waiting) == [201, 201]

    @pytest.mark.parametrize("act", ["update", "delete"])
    async def test_those_there_are_are_held_in_one_order_whatever_their_own_is(
        self, door: Door, clinic: Clinic, act: str
    ) -> None:
        first, second = sorted(await made(door, clinic, "Saale", "Unstrut"))
        more = {"action": "complete"} if act == "update" else {"reason": "wrong patient"}

        async with clinic.database.transaction(clinic.organisation.id) as tx:
            await tx.execute("select from assignment where id = $1 for update", UUID(first))
            waiting = asyncio.create_task(send(door, act, [{"id": second, **more}, {"id": first, **more}]))
            await eventually(lambda: is_waited_for(tx))
            await tx.execute("select from assignment where id = $1 for update nowait", UUID(second))

        assert statuses(await waiting) == [200, 200]
