"""What somebody may try with a batch: references to themselves and in rings, paths out of the house, keys twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.api.test_batch import ELBE, SAALE, create, family_names, read, send
from tests.api.test_batch import door as door  # noqa: PLC0414 - a fixture is asked for by its name
from tests.foundation.jobs.workers import eventually
from tests.support.door import Door
from tests.support.postgresql import Cluster


@pytest.mark.parametrize("mode", ["atomic", "independent"])
class TestReferences:
    async def test_to_itself_and_in_a_ring_are_none(self, door: Door, mode: str) -> None:
        ring = [
            read("/patients/${two/id}", id="one"),
            read("/patients/${one/id}", id="two"),
            read("/patients/${self/id}", id="self"),
        ]

        answer = await send(door, [*ring, create()], mode=mode)

        faults = [one["body"] for one in answer.json().get("responses", [])[:1]] or [answer.json()]
        codes = {fault["code"] for one in faults for fault in one["errors"]}
        assert codes == {"unknown_reference"}
        assert await family_names(door) == ([] if mode == "atomic" else ["Mulde"])

    async def test_in_a_body_to_what_comes_later_are_plain_texts(self, door: Door, mode: str) -> None:
        early = create({**ELBE, "email": "${later/email}"})

        answer = await send(door, [early, create(SAALE, id="later")], mode=mode)

        body = answer.json()
        fault = body if mode == "atomic" else body["responses"][0]["body"]
        assert fault["errors"][-1]["pointer"].endswith("/email")

    @pytest.mark.parametrize("name", ["..", "../audit", "..%2faudit", "?filter=", "#", "%2e%2e"])
    async def test_never_lead_out_of_the_place_they_stand_in(self, door: Door, mode: str, name: str) -> None:
        made = create({**ELBE, "address": {"text": name}}, id="made")

        answer = await send(door, [made, read("/patients/${made/address/text}")], mode=mode)

        status = answer.json()["responses"][1]["status"] if mode == "independent" else answer.status_code
        assert status in {404, 422}


class TestKeys:
    async def test_of_a_batch_with_another_content_is_refused(self, door: Door) -> None:
        first = await send(door, [create()], idempotency_key="once")
        other = await send(door, [create(SAALE)], idempotency_key="once")

        assert [one["status"] for one in first.json()["responses"]] == [201]
        assert [one["status"] for one in other.json()["responses"]] == [422]
        assert await family_names(door) == ["Mulde"]

    async def test_of_an_atomic_batch_with_another_content_is_refused(self, door: Door) -> None:
        first = await send(door, [create()], mode="atomic", idempotency_key="once")
        other = await send(door, [create(SAALE)], mode="atomic", idempotency_key="once")

        assert (first.status_code, other.status_code) == (200, 422)
        assert await family_names(door) == ["Mulde"]


class TestWhatMayNotStandInOne:
    @pytest.mark.parametrize(
        "request_",
        [
            {"method": "POST", "path": "/api/v1/batch", "body": {"requests": [create()]}},
            {"method": "PUT", "path": "/api/v1/uploads/00000000-0000-7000-8000-000000000000/content?offset=0"},
            {"method": "POST", "path": "/api/v1/uploads"},
            {"method": "GET", "path": "/api/v1/exports/patients"},
            {"method": "GET", "path": "/api/v1/events"},
        ],
        ids=["a batch", "a part of a file", "a file", "an export", "a stream of events"],
    )
    async def test_is_refused_alone(self, door: Door, request_: dict[str, Any]) -> None:
        answer = await send(door, [request_, create()])

        statuses = [one["status"] for one in answer.json()["responses"]]
        assert statuses == [400, 201]


class TestMany:
    async def test_hundred_lists_are_answered_within_the_limit(self, door: Door) -> None:
        for number in range(60):
            address = {"text": "x" * 500}
            await door.ask(
                "coordinator", "POST", "/patients", {**ELBE, "given_name": f"Elbe {number}", "address": address}
            )

        answer = await send(door, [read("/patients?page_size=50")] * 100)

        statuses = {one["status"] for one in answer.json()["responses"]}
        assert (answer.status_code, len(answer.json()["responses"])) == (207, 100)
        assert statuses <= {200, 413}


class TestThatWantTheSameInTurns:
    async def test_both_are_done_whole_for_the_one_that_gives_way_begins_again(
        self, door: Door, cluster: Cluster, database_name: str
    ) -> None:
        made = (await send(door, [create({**ELBE, "family_name": "Mulde"}) for _ in range(4)])).json()["responses"]
        first, last, *stops = [one["body"]["id"] for one in made]
        # Both have one patient, and stop at another, before either asks for what the other has.
        batches = [
            [renamed(one, name) for one in (begin, stop, end)]
            for begin, stop, end, name in ((first, stops[0], last, "Saale"), (last, stops[1], first, "Unstrut"))
        ]

        async with holding(cluster.admin_url(database_name), stops) as until_waited_for:
            sent = [asyncio.create_task(send(door, requests, mode="atomic")) for requests in batches]
            await until_waited_for(len(batches))
        answers = await asyncio.gather(*sent)

        assert [answer.status_code for answer in answers] == [200, 200]
        names = {
            one["id"]: one["family_name"] for one in (await door.ask("coordinator", "GET", "/patients")).json()["items"]
        }
        assert (names[stops[0]], names[stops[1]]) == ("Saale", "Unstrut")
        assert names[first] == names[last]


def renamed(patient_id: str, name: str) -> dict[str, Any]:
    path = f"/api/v1/patients/{patient_id}"
    return {"method": "PATCH", "path": path, "headers": {"if-match": "*"}, "body": {"family_name": name}}


@asynccontextmanager
async def holding(url: str, ids: list[str]) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Lock patients for the length of the block; gives what waits until so many wait for them."""
    holder = await asyncpg.connect(url)

    async def until_waited_for(count: int) -> None:
        async def so_many() -> bool:
            waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = $1"
            return await holder.fetchval(waiting, urlsplit(url).path.lstrip("/")) == count

        await eventually(so_many)

    try:
        async with holder.transaction():
            await holder.execute("select 1 from patient where id = any ($1::uuid[]) for update", ids)
            yield until_waited_for
    finally:
        await holder.close()
