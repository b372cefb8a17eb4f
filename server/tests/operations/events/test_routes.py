"""Events over HTTP: as they come, to who may hear them, until she may no longer."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from healthprotocol.app import create_app
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.announcements import announce
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs import operations
from healthprotocol.operations.events import service
from tests.support.door import Doorkeeper
from tests.support.people import Organisation
from tests.support.postgresql import Cluster
from tests.support.timing import until

SOON = 60.0


class Told(msgspec.Struct):
    """One open stream: what came, frame by frame."""

    status: int
    headers: dict[str, str]
    parts: asyncio.Queue[bytes | None]
    leave: asyncio.Event

    async def next(self) -> bytes | None:
        """The next frame but for signs of life, None at the end."""
        while True:
            part = await asyncio.wait_for(self.parts.get(), SOON)
            if part is None or not part.startswith(b":"):
                return part

    async def event(self) -> tuple[str, str, dict[str, Any]]:
        """The id, kind and data of the next frame."""
        fields = dict(line.split(": ", 1) for line in (await self.next() or b"").decode().strip().split("\n"))
        return fields.get("id", ""), fields["event"], msgspec.json.decode(fields["data"])


class Site:
    """The application without a client that waits for the end of an answer."""

    def __init__(self, app: Any, doorkeeper: Doorkeeper) -> None:
        self.app = app
        self.doorkeeper = doorkeeper

    @asynccontextmanager
    async def listening(self, who: str, **headers: str) -> AsyncIterator[Told]:
        told = Told(0, {}, asyncio.Queue(), asyncio.Event())
        started = asyncio.Event()

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                told.status = message["status"]
                told.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
                started.set()
                return
            if message.get("body"):
                told.parts.put_nowait(message["body"])
            if not message.get("more_body"):
                told.parts.put_nowait(None)

        received = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Mapping[str, Any]:
            for message in received:
                return message
            await told.leave.wait()
            return {"type": "http.disconnect"}

        named = {"authorization": f"Bearer {who}", "accept-encoding": "gzip", **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "path": "/api/v1/events",
            "raw_path": b"/api/v1/events",
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "client": ("127.0.0.1", 1),
            "server": ("hp.test", 80),
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
            "state": {},
        }
        task = asyncio.create_task(self.app(scope, receive, send))
        await asyncio.wait_for(started.wait(), SOON)
        try:
            yield told
        finally:
            told.leave.set()
            await asyncio.wait_for(task, SOON)


@pytest.fixture
async def site(database: Database, organisation: Organisation, other_organisation: Organisation) -> AsyncIterator[Site]:
    actors: dict[str, Actor] = {
        "clinician": organisation.clinician,
        "coordinator": organisation.coordinator,
        "patient": organisation.patient(UUID(int=5)),
        "stranger": other_organisation.clinician,
    }
    doorkeeper = Doorkeeper(actors)
    parts: Any = SimpleNamespace(database=database, doorkeeper=doorkeeper, readiness=None)
    app: Any = create_app(Settings(environment="test"), assembly=parts)
    to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "asgi": {}, "state": {}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    yield Site(app, doorkeeper)
    await to_app.put({"type": "lifespan.shutdown"})
    await from_app.get()
    await task


async def say(database: Database, actor: Actor, kind: str, object_id: UUID, *, about: UUID | None = None) -> None:
    async with database.transaction(actor.organisation_id, actor=actor) as tx:
        await announce(tx, kind, object_id, subject_id=about)


class TestListening:
    async def test_needs_an_account(self, site: Site) -> None:
        async with site.listening("nobody") as told:
            assert told.status == 401

    async def test_opens_at_once_and_is_not_to_be_buffered(self, site: Site) -> None:
        async with site.listening("clinician") as told:
            opening = await told.next()

            assert told.status == 200
            assert opening == b"retry: 3000\n: open\n\n"
            assert told.headers["content-type"] == "text/event-stream"
            assert told.headers["cache-control"] == "no-store"
            assert told.headers["x-accel-buffering"] == "no"
            assert "content-encoding" not in told.headers

    async def test_hears_of_what_is_committed_by_ids(
        self, site: Site, database: Database, organisation: Organisation
    ) -> None:
        alert_id, patient_id = uuid4(), uuid4()
        async with site.listening("clinician") as told:
            await told.next()

            with contextlib.suppress(ZeroDivisionError):
                async with database.transaction(organisation.id) as tx:
                    await announce(tx, "alert.opened", uuid4())
                    raise ZeroDivisionError
            await say(database, organisation.clinician, "alert.opened", alert_id, about=patient_id)

            _, kind, data = await told.event()
        assert (kind, data) == (
            "alert.opened",
            {"type": "alert.opened", "id": str(alert_id), "patient_id": str(patient_id)},
        )

    async def test_hears_nothing_of_another_organisation_or_of_other_patients(
        self, site: Site, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        async with site.listening("stranger") as stranger, site.listening("patient") as patient:
            await stranger.next()
            await patient.next()

            await say(database, organisation.clinician, "entries.recorded", uuid4(), about=uuid4())
            await say(database, organisation.clinician, "entries.recorded", UUID(int=6), about=UUID(int=5))
            await say(database, other_organisation.clinician, "entries.recorded", UUID(int=7), about=uuid4())

            assert (await stranger.event())[2]["id"] == str(UUID(int=7))
            assert (await patient.event())[2]["id"] == str(UUID(int=6))

    async def test_hears_of_her_own_long_work(self, site: Site, database: Database, organisation: Organisation) -> None:
        async with site.listening("clinician") as hers, site.listening("coordinator") as other:
            await hers.next()
            await other.next()

            async with database.transaction(organisation.id) as tx:
                begun = await operations.create(tx, "bulk", created_by=organisation.clinician.account_id, input={})
                await operations.advance(tx, begun, done=1, cursor=None)
            await say(database, organisation.clinician, "entries.recorded", UUID(int=7))

            assert (await hers.event())[2] == {"type": "operation.updated", "id": str(begun.id)}
            assert (await other.event())[1] == "entries.recorded"

    async def test_says_the_same_once_a_transaction(
        self, site: Site, database: Database, organisation: Organisation
    ) -> None:
        many = [UUID(int=number) for number in range(60)]
        async with site.listening("clinician") as told:
            await told.next()

            async with database.transaction(organisation.id) as tx:
                for object_id in [*many, *many]:
                    await announce(tx, "alert.opened", object_id)

            heard = [(await told.event())[2]["id"] for _ in many]
        assert heard == [str(one) for one in many]


class TestComingAgain:
    async def test_goes_on_from_the_last_event(
        self, site: Site, database: Database, organisation: Organisation
    ) -> None:
        async with site.listening("clinician") as told:
            await told.next()
            await say(database, organisation.clinician, "alert.opened", UUID(int=1))
            last, _, _ = await told.event()
        await say(database, organisation.clinician, "alert.opened", UUID(int=2))

        async with site.listening("clinician", **{"last-event-id": last}) as told:
            await told.next()
            assert (await told.event())[2]["id"] == str(UUID(int=2))

    @pytest.mark.parametrize("last", ["5acda337-c5a7-4ae2-a28e-07c06d734267", "0190d5a2-7c1e-7b5c-9a44-6f2f5a3f6b10"])
    async def test_is_told_when_something_is_forgotten(self, site: Site, last: str) -> None:
        async with site.listening("clinician", **{"last-event-id": last}) as told:
            await told.next()
            assert (await told.event())[1] == "reset"

    async def test_is_told_when_the_connection_to_the_database_was_lost(
        self, site: Site, cluster: Cluster, database_name: str, database: Database, organisation: Organisation
    ) -> None:
        async with site.listening("clinician") as told:
            await told.next()
            admin = await asyncpg.connect(cluster.admin_url(database_name))
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()",
                database_name,
            )
            await admin.close()

            assert (await told.event())[1] == "reset"
            await say(database, organisation.clinician, "alert.opened", UUID(int=2))
            assert (await told.event())[1] == "alert.opened"


class TestTheEnd:
    async def test_comes_with_that_of_the_session(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "_streams", service.Counter())
        monkeypatch.setattr(service, "SIGN_OF_LIFE_SECONDS", 0.1)
        async with site.listening("clinician") as told:
            await told.next()
            assert await asyncio.wait_for(told.parts.get(), SOON) == b": alive\n\n"

            site.doorkeeper._actors = {}

            assert await told.next() is None
        assert service._streams.total() == 0

    async def test_comes_with_that_of_the_process(self, site: Site, database: Database) -> None:
        async with site.listening("clinician") as told:
            await told.next()

            await database.stop_listening()

            assert await told.next() is None

    async def test_leaves_nothing_behind_when_the_client_leaves(self, site: Site, database: Database) -> None:
        async with site.listening("clinician") as told:
            await told.next()
            assert len(database.feed._readers) == 1

        assert len(database.feed._readers) == 0
        assert service._streams.total() == 0


class TestTooMany:
    async def test_of_one_account_are_refused(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "MOST_STREAMS_OF_ACCOUNT", 1)
        async with site.listening("clinician"), site.listening("clinician") as second:
            assert (second.status, second.headers["retry-after"]) == (429, "30")
        async with site.listening("clinician") as after:
            assert after.status == 200

    async def test_of_the_process_are_refused(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "MOST_STREAMS", 1)
        async with site.listening("clinician"), site.listening("coordinator") as second:
            assert (second.status, second.headers["retry-after"]) == (503, "30")


class TestWhoIsSlow:
    async def test_loses_what_is_too_much_and_is_told(self, database: Database, organisation: Organisation) -> None:
        async with database.feed.read(organisation.id) as reader:
            for number in range(400):
                await say(database, organisation.clinician, "alert.opened", UUID(int=number))
            await until(lambda: len(database.feed._remembered) == 400)

            assert await reader.next(timeout_seconds=SOON) is None
            rest = 0
            with contextlib.suppress(TimeoutError):
                while await reader.next(timeout_seconds=0.2):
                    rest += 1
        assert rest == 400 - 257


class TestLettingGo:
    async def test_ends_the_streams_and_takes_no_new_ones(self, site: Site) -> None:
        async with site.listening("clinician") as told:
            await told.next()

            os.kill(os.getpid(), signal.SIGUSR1)

            assert await told.next() is None
        async with site.listening("clinician") as after:
            assert (after.status, after.headers["retry-after"]) == (503, "1")
