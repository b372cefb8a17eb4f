"""Many requests in one: all or nothing, or each for itself, each held to what it would be held to alone."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import pytest

from healthprotocol.api import batch, gate, references
from healthprotocol.assembly import SUBSCRIPTIONS
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Contended
from healthprotocol.foundation.events import Subscriptions
from healthprotocol.trust.audit import service as audit
from tests.support.door import Door, Doorkeeper, opened
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database

ELBE = {"given_name": "Elbe", "family_name": "Mulde", "birth_date": "1960-02-29"}
SAALE = {"given_name": "Saale", "family_name": "Unstrut", "birth_date": "1971-11-03"}
BROKEN = {**ELBE, "birth_date": "yesterday"}


class Recording(Doorkeeper):
    """Records refusals as the real one does."""

    def __init__(self, database: Database, actors: Mapping[str, Actor]) -> None:
        super().__init__(actors)
        self._database = database

    async def record_denied(self, actor: Actor, context: RequestContext, policy: str) -> None:
        await audit.record_denied(self._database, actor, context, policy)


@pytest.fixture
async def door(database: Database, organisation: Organisation, other_organisation: Organisation) -> AsyncIterator[Door]:
    actors = {
        "coordinator": organisation.coordinator,
        "auditor": organisation.auditor,
        "admin": organisation.admin,
        "outsider": other_organisation.admin,
    }
    async with opened(database, actors) as door:
        yield door


def create(body: Any = ELBE, **more: Any) -> dict[str, Any]:
    return {"method": "POST", "path": "/api/v1/patients", "body": body, **more}


def read(path: str, **more: Any) -> dict[str, Any]:
    return {"method": "GET", "path": f"/api/v1{path}", **more}


async def send(
    door: Door, requests: list[dict[str, Any]], *, mode: str = "independent", who: str = "coordinator", **headers: str
) -> httpx2.Response:
    return await door.ask(who, "POST", "/batch", {"mode": mode, "requests": requests}, **headers)


async def family_names(door: Door, who: str = "coordinator") -> list[str]:
    answer = await door.ask(who, "GET", "/patients?order_by=created_at")
    return [item["family_name"] for item in answer.json()["items"]]


async def events(database: Database, organisation: Organisation) -> list[str]:
    async with database.transaction(organisation.id) as tx:
        return [row["action"] for row in await tx.fetch("select action from audit_event")]


class TestWhoMay:
    async def test_nobody_without_an_account(self, door: Door) -> None:
        answer = await door.http.post("/api/v1/batch", json={"requests": [create()]})

        assert answer.status_code == 401

    async def test_each_request_is_held_to_its_own_policy(self, door: Door) -> None:
        answer = await send(door, [create(), read("/audit")], who="auditor")

        assert answer.status_code == 207
        assert [one["status"] for one in answer.json()["responses"]] == [403, 200]
        assert await family_names(door) == []

    async def test_another_organisation_finds_nothing(self, door: Door) -> None:
        made = (await send(door, [create(id="a")])).json()["responses"][0]["body"]

        answer = await send(door, [read(f"/patients/{made['id']}")], who="outsider")

        assert answer.json()["responses"][0]["status"] == 404


class TestIndependent:
    async def test_answers_each_as_if_it_had_come_alone(self, door: Door) -> None:
        answer = await send(door, [create(id="elbe"), create(BROKEN), read("/nowhere"), create(SAALE)])

        elbe, broken, nowhere, saale = answer.json()["responses"]
        assert answer.status_code == 207
        assert (elbe["id"], elbe["status"], elbe["headers"]["etag"]) == ("elbe", 201, '"r1"')
        assert elbe["headers"]["location"] == f"/api/v1/patients/{elbe['body']['id']}"
        assert (broken["id"], broken["status"]) == ("1", 422)
        assert broken["body"]["errors"][0]["pointer"] == "/birth_date"
        assert (nowhere["status"], saale["status"]) == (404, 201)
        assert sorted(await family_names(door)) == ["Mulde", "Unstrut"]

    async def test_a_reference_waits_for_its_answer(self, door: Door) -> None:
        rename = {
            "method": "PATCH",
            "path": "/api/v1/patients/${elbe/id}",
            "headers": {"If-Match": '"r1"'},
            "body": {"family_name": "Moldau"},
        }

        answer = await send(door, [create(id="elbe"), rename, read("/patients/${elbe/id}")])

        _, renamed, seen = answer.json()["responses"]
        assert renamed["body"]["family_name"] == "Moldau"
        assert seen["status"] == 200

    async def test_what_needs_a_failed_one_fails_with_it(self, door: Door) -> None:
        answer = await send(door, [create(BROKEN, id="elbe"), read("/patients/${elbe/id}"), create(SAALE)])

        _, dependent, saale = answer.json()["responses"]
        assert (dependent["status"], dependent["body"]["failed_request"]) == (424, "elbe")
        assert saale["status"] == 201

    async def test_a_reference_to_no_place_is_told(self, door: Door) -> None:
        answer = await send(door, [create(id="elbe"), read("/patients/${elbe/no/such}")])

        _, lost = answer.json()["responses"]
        assert (lost["status"], lost["body"]["errors"][0]["code"]) == (422, "reference_not_found")

    async def test_the_same_key_again_does_nothing_twice(self, door: Door) -> None:
        requests = [create(), create(SAALE)]
        first = await send(door, requests, idempotency_key="once")

        second = await send(door, requests, idempotency_key="once")

        assert [one["body"] for one in second.json()["responses"]] == [one["body"] for one in first.json()["responses"]]
        assert {one["headers"]["idempotent-replayed"] for one in second.json()["responses"]} == {"true"}
        assert len(await family_names(door)) == 2

    async def test_each_leaves_its_own_trace(self, door: Door, database: Database, organisation: Organisation) -> None:
        await send(door, [create(id="elbe"), read("/patients/${elbe/id}")])

        assert sorted(await events(database, organisation)) == ["patient.create", "patient.read"]

    async def test_one_that_cannot_be_sent_fails_alone(self, door: Door) -> None:
        requests = [
            create(id="elbe"),
            {"method": "GET", "path": "/livez"},
            create(headers={"cookie": "a=b"}, id="odd"),
            read("/patients/${odd/id}"),
            read("/patients/${nobody/id}"),
            create(SAALE),
        ]

        answer = await send(door, requests)

        told = answer.json()["responses"]
        assert [one["status"] for one in told] == [201, 422, 422, 424, 422, 201]
        assert [one["body"]["errors"][0]["pointer"] for one in (told[1], told[2], told[4])] == [
            "/requests/1/path", "/requests/2/headers", "/requests/4/path",
        ]  # fmt: skip
        assert sorted(await family_names(door)) == ["Mulde", "Unstrut"]


class TestTooLong:
    async def test_tells_what_was_done_and_what_was_not(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        send_one = batch._send

        async def slowly(gate: Any, part: Any, *more: Any) -> Any:
            if part.batch.requests[part.index].path.endswith("slow"):
                await asyncio.Event().wait()
            return await send_one(gate, part, *more)

        monkeypatch.setattr(batch, "_send", slowly)
        monkeypatch.setattr(batch, "LONGEST_SECONDS", 8.0)
        # As many as run side by side never end, so that what is behind them is never begun.
        slow = [read("/patients?q=slow", id=f"w{number}") for number in range(batch.AT_ONCE)]
        requests = [create(id="elbe"), *slow, create(SAALE, id="late"), read("/patients/${w0/id}")]

        answer = await send(door, requests)

        told = answer.json()["responses"]
        assert answer.status_code == 207
        assert [one["status"] for one in told] == [201, *[503] * batch.AT_ONCE, 503, 503]
        kinds = [one["body"]["type"].rpartition("/")[2] for one in told[1:]]
        assert kinds == [*["broken-off"] * batch.AT_ONCE, "not-begun", "not-begun"]
        assert all(one["headers"]["retry-after"] == "5" and "sent again" in one["body"]["detail"] for one in told[1:])
        assert await family_names(door) == ["Mulde"]

    async def test_and_late_begins_nothing(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(batch, "BEGUN_SECONDS", 0.0)

        answer = await send(door, [create(), create(BROKEN), {**read("/patients"), "path": "/elsewhere"}])

        assert [one["status"] for one in answer.json()["responses"]] == [503, 503, 422]
        assert await family_names(door) == []

    async def test_and_again_with_its_key_does_nothing_twice(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        requests = [create(id="elbe"), create(SAALE, id="saale")]
        with monkeypatch.context() as patched:
            patched.setattr(batch, "AT_ONCE", 1)
            # The first is begun at once, and then the time to begin is over.
            times = iter([100.0, 100.0])
            patched.setattr(batch, "monotonic", lambda: next(times, 200.0))
            first = await send(door, requests, idempotency_key="k-1")

        again = await send(door, requests, idempotency_key="k-1")

        assert [one["status"] for one in first.json()["responses"]] == [201, 503]
        assert [one["status"] for one in again.json()["responses"]] == [201, 201]
        assert sorted(await family_names(door)) == ["Mulde", "Unstrut"]


class TestAtomicTooLong:
    @pytest.fixture
    def limits(self, monkeypatch: pytest.MonkeyPatch) -> list[asyncio.Timeout]:
        """The limits of the batches that are sent, so that a test says when time is over, and no clock."""
        timeout = asyncio.timeout
        found: list[asyncio.Timeout] = []

        def known(seconds: float | None) -> asyncio.Timeout:
            limit = timeout(seconds)
            if seconds == batch.LONGEST_SECONDS:
                found.append(limit)
            return limit

        monkeypatch.setattr(batch, "LONGEST_SECONDS", 3601.0)
        monkeypatch.setattr(asyncio, "timeout", known)
        return found

    async def test_tells_the_request_it_had_reached_and_keeps_nothing(
        self, door: Door, limits: list[asyncio.Timeout], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send_one = batch._send

        async def over_at_the_third(gate: Any, part: Any, *more: Any) -> Any:
            if part.index == 2:
                limits[0].reschedule(0)
                await asyncio.Event().wait()
            return await send_one(gate, part, *more)

        monkeypatch.setattr(batch, "_send", over_at_the_third)

        answer = await send(door, [create(), create(SAALE), read("/patients", id="all"), create()], mode="atomic")

        problem = answer.json()
        assert (answer.status_code, problem["type"].rpartition("/")[2]) == (503, "batch-too-long")
        assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [("/requests/2", "reached")]
        assert (problem["reached_request"], answer.headers["retry-after"]) == ("all", "5")
        assert "independent" in problem["remedy"]
        assert await family_names(door) == []

    async def test_before_its_first_request_tells_that_none_was_begun(
        self, door: Door, limits: list[asyncio.Timeout], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def held(*_: Any) -> Any:
            limits[0].reschedule(0)
            await asyncio.Event().wait()

        monkeypatch.setattr(gate, "replay_or_reserve", held)

        answer = await send(door, [create()], mode="atomic", idempotency_key="once")

        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (503, "batch-too-long")
        assert (answer.json()["errors"], "reached_request" in answer.json()) == ([], False)

    async def test_is_not_broken_off_while_it_is_saved(
        self, door: Door, limits: list[asyncio.Timeout], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = gate.store_answer

        async def late(*of: Any) -> None:
            # Time is over now, where it still runs.
            if limits[0].when() is not None:
                limits[0].reschedule(0)
            await asyncio.sleep(0.1)
            await store(*of)

        monkeypatch.setattr(gate, "store_answer", late)

        answer = await send(door, [create(), create(SAALE)], mode="atomic", idempotency_key="once")

        assert answer.status_code == 200
        assert sorted(await family_names(door)) == ["Mulde", "Unstrut"]


class TestAtomic:
    @pytest.mark.parametrize(
        ("lost", "place", "reference"),
        [
            (read("/patients/${elbe/no/such}"), "/requests/1/path", "${elbe/no/such}"),
            (create({**SAALE, "email": "${elbe/mail}"}), "/requests/1/body", "${elbe/mail}"),
        ],
    )
    async def test_says_which_reference_is_lost(
        self, door: Door, lost: dict[str, Any], place: str, reference: str
    ) -> None:
        answer = await send(door, [create(id="elbe"), lost], mode="atomic")

        whole, inside = answer.json()["errors"]
        assert (whole["pointer"], inside["pointer"]) == ("/requests/1", place)
        assert reference in inside["detail"]

    async def test_keeps_all(self, door: Door, database: Database, organisation: Organisation) -> None:
        answer = await send(door, [create(id="elbe"), create(SAALE), read("/patients/${elbe/id}")], mode="atomic")

        assert answer.status_code == 200
        assert [one["status"] for one in answer.json()["responses"]] == [201, 201, 200]
        assert sorted(await family_names(door)) == ["Mulde", "Unstrut"]
        assert sorted(await events(database, organisation)) == [
            "patient.create", "patient.create", "patient.list", "patient.read",
        ]  # fmt: skip

    async def test_keeps_nothing_when_one_fails(
        self, door: Door, database: Database, organisation: Organisation
    ) -> None:
        answer = await send(door, [create(), create(BROKEN, id="broken"), create(SAALE)], mode="atomic")

        problem = answer.json()
        assert (answer.status_code, problem["failed_request"]) == (422, "broken")
        assert answer.headers["content-type"] == "application/problem+json"
        assert [one["pointer"] for one in problem["errors"]] == ["/requests/1", "/requests/1/body/birth_date"]
        assert await events(database, organisation) == []
        assert await family_names(door) == []

    async def test_a_missing_policy_rolls_back_too(self, door: Door) -> None:
        answer = await send(door, [create(), read("/audit")], mode="atomic")

        assert answer.status_code == 403
        assert await family_names(door) == []

    async def test_sees_what_it_has_written(self, door: Door) -> None:
        answer = await send(door, [create(), read("/patients")], mode="atomic")

        assert [one["family_name"] for one in answer.json()["responses"][1]["body"]["items"]] == ["Mulde"]

    async def test_one_key_keeps_the_one_answer(self, door: Door) -> None:
        first = await send(door, [create(), create(SAALE)], mode="atomic", idempotency_key="once")

        second = await send(door, [create(), create(SAALE)], mode="atomic", idempotency_key="once")

        assert second.json() == first.json()
        assert second.headers["idempotent-replayed"] == "true"
        assert len(await family_names(door)) == 2

    async def test_a_failed_one_may_be_sent_again_with_its_key(self, door: Door) -> None:
        await send(door, [create(), create(BROKEN)], mode="atomic", idempotency_key="once")

        answer = await send(door, [create(), create(BROKEN)], mode="atomic", idempotency_key="once")

        assert answer.status_code == 422


class TestRefusalsInATransaction:
    async def test_are_recorded_without_a_second_connection(
        self, cluster: Cluster, database_name: str, organisation: Organisation
    ) -> None:
        alone = await open_database(cluster, database_name, size=1, subscriptions=Subscriptions(SUBSCRIPTIONS))
        doorkeeper = Recording(alone, {"coordinator": organisation.coordinator})
        async with opened(alone, {}, doorkeeper=doorkeeper) as door:
            answer = await send(door, [create(), read("/audit")], mode="atomic")

        assert answer.status_code == 403
        assert await events(alone, organisation) == ["audit.read"]
        await alone.close()


class TestLargeAnswers:
    async def test_are_left_out_and_told(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(batch, "LARGEST_ANSWERS_BYTES", 700)
        requests = [create(id="elbe"), read("/patients/${elbe/id}"), read("/patients/${elbe/id}"), create(SAALE)]

        answer = await send(door, requests)

        statuses = sorted(one["status"] for one in answer.json()["responses"])
        assert statuses in ([200, 201, 201, 413], [201, 201, 413, 413])


class TestLargeReferences:
    async def test_are_put_in_up_to_a_limit(self, door: Door) -> None:
        for number in range(20):
            await send(door, [create({**ELBE, "given_name": f"Elbe {number}"})])
        many = {"anything": ["${all/items}"] * 2_000}

        answer = await send(door, [read("/patients", id="all"), create(many)])

        assert [one["status"] for one in answer.json()["responses"]] == [200, 413]

    async def test_in_a_path_are_not_put_in(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(references, "_LONGEST_IN_PATH", 3)

        answer = await send(door, [create(id="made"), read("/patients/${made/id}")])

        assert [one["status"] for one in answer.json()["responses"]] == [201, 422]


class TestExample:
    async def test_can_be_sent_as_the_document_shows_it(self, door: Door) -> None:
        document = (await door.http.get("/openapi.json")).json()
        example = document["paths"]["/api/v1/batch"]["post"]["requestBody"]["content"]["application/json"]["example"]

        answer = await door.ask("admin", "POST", "/batch", example)

        made, seen = answer.json()["responses"]
        assert (made["status"], seen["status"]) == (201, 200)
        assert seen["body"]["id"] == made["body"]["id"]


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("request_", "pointer", "code"),
        [
            (read("/patients") | {"path": "/openapi.json"}, "/requests/0/path", "not_allowed"),
            (read("/patients") | {"path": "https://elsewhere.example/api/v1/"}, "/requests/0/path", "not_allowed"),
            (read("/patients", body={}), "/requests/0/body", "not_allowed"),
            (create(headers={"Authorization": "Bearer x"}), "/requests/0/headers", "not_allowed"),
            (create(headers={"cookie": "hp_session=x"}), "/requests/0/headers", "not_allowed"),
            (read("/patients/${later/id}"), "/requests/0/path", "unknown_reference"),
            (read("/patients/$me", id="me"), "/requests/0/path", "unknown_reference"),
        ],
    )
    async def test_before_anything_is_done(self, door: Door, request_: dict[str, Any], pointer: str, code: str) -> None:
        answer = await send(door, [request_, create()], mode="atomic")

        assert answer.status_code == 422
        assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [(pointer, code)]
        assert await family_names(door) == []

    async def test_two_of_one_name(self, door: Door) -> None:
        answer = await send(door, [create(id="elbe"), create(SAALE, id="elbe")])

        assert answer.json()["errors"][0]["pointer"] == "/requests/1/id"

    @pytest.mark.parametrize("count", [0, 101])
    async def test_none_or_more_than_a_hundred(self, door: Door, count: int) -> None:
        answer = await send(door, [read("/patients")] * count)

        assert answer.status_code == 422

    @pytest.mark.parametrize(
        "request_",
        [
            {"method": "POST", "path": "/api/v1/batch", "body": {"requests": []}},
            {"method": "POST", "path": "/api/v1/session", "body": {"email": "a@b.example", "password": "x"}},
            {"method": "DELETE", "path": "/api/v1/session"},
            {"method": "GET", "path": "/api/v1/events"},
        ],
    )
    async def test_what_must_come_alone(self, door: Door, request_: dict[str, Any]) -> None:
        answer = await send(door, [request_])

        [refused] = answer.json()["responses"]
        assert (refused["status"], refused["body"]["type"].rsplit("/", 1)[-1]) == (400, "not-in-a-batch")

    @pytest.mark.parametrize("written", ["$a.id", "$a", "${a}", "${a.id}", "$a/id", "${a[0].id}", "$a.items[0].id"])
    async def test_what_is_nearly_a_reference(self, door: Door, written: str) -> None:
        body = {**ELBE, "identifiers": [{"system": "urn:mrn", "value": written}]}

        answer = await send(door, [create(SAALE, id="a"), read(f"/patients/{written}"), create(body)])

        made, *told = [one["body"] for one in answer.json()["responses"]]
        assert made["family_name"] == "Unstrut"
        said = {"code": "unknown_reference", "detail": "No such reference; write ${a/id}."}
        assert [one["errors"] for one in told] == [
            [{"pointer": "/requests/1/path", **said}],
            [{"pointer": "/requests/2/body", **said}],
        ]

    @pytest.mark.parametrize("text", ["$b.id", "$0", "costs $a", "$a is dear", "$5.20", "$ab.id", "US$a"])
    async def test_but_no_text_that_names_none_of_its_requests(self, door: Door, text: str) -> None:
        number = {"system": "urn:mrn", "value": text}

        answer = await send(door, [create(SAALE, id="a"), create({**ELBE, "identifiers": [number]})])

        assert answer.json()["responses"][1]["body"]["identifiers"] == [number]

    async def test_a_text_that_only_looks_like_a_reference_stays(self, door: Door) -> None:
        answer = await send(door, [create({**ELBE, "given_name": "${other/id}"})], mode="atomic")

        assert answer.json()["responses"][0]["body"]["given_name"] == "${other/id}"


class TestGivesWay:
    async def test_and_is_told_so_when_it_did_three_times(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        tries: list[int] = []

        async def never_first(gate: Any, part: Any, *_: Any) -> Any:
            tries.append(part.index)
            return batch._refused(gate, "0", Contended(retry_after_seconds=2))

        monkeypatch.setattr(batch, "_send", never_first)

        answer = await send(door, [create()], mode="atomic")

        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.json()["type"].endswith("/contended")
        assert tries == [0, 0, 0]
        assert await family_names(door) == []
