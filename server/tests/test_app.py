"""The web door and its assembly: what errors become, what is public, and that nothing starts half."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from litestar.exceptions import ServiceUnavailableException
from structlog.testing import capture_logs

from healthprotocol import assembly, worker
from healthprotocol.app import create_app
from healthprotocol.assembly import Parts, assemble, web_folder
from healthprotocol.care.patients import service as patients
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.crypto.errors import RootKeyRefused
from healthprotocol.foundation.db.pool.limits import Refused
from healthprotocol.foundation.db.transaction import Database
from tests.support.door import Door, opened
from tests.support.people import Organisation
from tests.support.postgresql import Cluster

SECRET = "Guadalquivir"


@pytest.fixture
async def door(database: Database, organisation: Organisation) -> AsyncIterator[Door]:
    async with opened(database, {"clinician": organisation.clinician}) as one:
        yield one


@pytest.fixture
def settings(cluster: Cluster, database_name: str, tmp_path: Path) -> Settings:
    return Settings(
        environment="test", data_dir=tmp_path, database_url=cluster.app_url(database_name), web_dir=tmp_path
    )


class TestErrors:
    async def test_nobody_expected_are_a_problem_that_tells_nothing(
        self, door: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: Any, **__: Any) -> None:
            raise ValueError(SECRET)

        monkeypatch.setattr(patients, "page", fail)
        with capture_logs() as lines:
            answer = await door.ask("clinician", "GET", "/patients")

        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"].endswith("/internal-error")
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert SECRET not in answer.text
        assert "request.failed" in [line["event"] for line in lines]

    async def test_of_the_framework_on_our_side_are_too(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fail(*_: Any, **__: Any) -> None:
            raise ServiceUnavailableException(detail=SECRET)

        monkeypatch.setattr(patients, "page", fail)
        answer = await door.ask("clinician", "GET", "/patients")

        assert answer.status_code == 500
        assert SECRET not in answer.text


class TestMethods:
    async def test_of_an_address_are_those_that_the_document_names(self, door: Door) -> None:
        paths = (await door.http.get("/openapi.json")).json()["paths"]
        some_id = "019dca44-065c-7512-af88-70fbbceb4ea2"

        said, documented = {}, {}
        for path, methods in paths.items():
            answer = await door.http.options(re.sub(r"{\w+_id}", some_id, path).replace("{version}", "1"))
            said[path] = (answer.status_code, set(answer.headers["allow"].split(", ")))
            extra = {"HEAD"} if "get" in methods and path != "/api/v1/events" else set()
            documented[path] = (204, {method.upper() for method in methods} | extra | {"OPTIONS"})

        assert said == documented

    async def test_that_read_can_leave_the_body_out(self, door: Door) -> None:
        for path in ("/openapi.json", "/docs", "/api/v1/patients"):
            headers = {"authorization": "Bearer clinician"}
            whole, head = await door.http.get(path, headers=headers), await door.http.head(path, headers=headers)

            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == str(len(whole.content))


class TestDocuments:
    async def test_are_public(self, door: Door) -> None:
        document = await door.http.get("/openapi.json")
        page = await door.http.get("/docs")

        assert document.json()["openapi"] == "3.1.0"
        assert page.headers["content-type"].startswith("text/html")
        assert "style-src 'sha256-" in page.headers["content-security-policy"]
        assert {document.headers["cache-control"], page.headers["cache-control"]} == {"no-cache"}


class TestAssemble:
    async def test_gives_every_part_and_closes_them(self, settings: Settings) -> None:
        parts = await assemble(settings)
        async with parts.database.transaction(None) as tx:
            assert await tx.fetchval("select 1") == 1

        await parts.close()

        with pytest.raises(Refused, match="closed"):
            await parts.database.pool.acquire()

    async def test_without_a_database_says_what_sets_it(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="HP_DATABASE_URL"):
            await assemble(Settings(environment="test", data_dir=tmp_path))

    async def test_makes_no_root_key_in_production(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(assembly, "forbid_memory_dumps", lambda: None)

        with pytest.raises((RootKeyRefused, FileNotFoundError)):
            await assemble(settings.model_copy(update={"environment": "production"}))
        assert not settings.root_key_path.exists()

    async def test_closes_what_it_opened_when_a_part_cannot_be_made(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened_pools: list[Any] = []
        original = assembly.open_pool

        async def kept(*arguments: Any, **more: Any) -> Any:
            opened_pools.append(await original(*arguments, **more))
            return opened_pools[-1]

        def fail(*_: Any) -> None:
            raise ValueError("no readiness")

        monkeypatch.setattr(assembly, "open_pool", kept)
        monkeypatch.setattr(assembly, "readiness", fail)

        with pytest.raises(ValueError, match="no readiness"):
            await assemble(settings)
        [pool] = opened_pools
        with pytest.raises(Refused, match="closed"):
            await pool.acquire()

    def test_the_web_app_lies_in_the_package_unless_told_otherwise(self, settings: Settings) -> None:
        assert web_folder(settings) == settings.web_dir
        assert web_folder(Settings()).name == "web"
        assert Parts(settings).settings() is settings


class TestLifespan:
    async def test_makes_its_own_parts_and_closes_them(self, settings: Settings) -> None:
        app: Any = create_app(settings)
        to_app: asyncio.Queue[Any] = asyncio.Queue()
        from_app: asyncio.Queue[Any] = asyncio.Queue()
        running = asyncio.create_task(app({"type": "lifespan", "asgi": {}, "state": {}}, to_app.get, from_app.put))
        await to_app.put({"type": "lifespan.startup"})
        assert (await from_app.get())["type"] == "lifespan.startup.complete"

        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://hp.test") as http:
            assert (await http.get("/readyz")).status_code == 200
            assert (await http.get("/api/v1/session")).status_code == 401

        await to_app.put({"type": "lifespan.shutdown"})
        assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
        await running


class TestWorker:
    async def test_works_until_it_is_told_to_stop(self, settings: Settings) -> None:
        loop = asyncio.get_running_loop()
        running = asyncio.create_task(worker.run(settings))
        await asyncio.sleep(0.5)
        assert not running.done()

        os.kill(os.getpid(), signal.SIGTERM)

        await asyncio.wait_for(running, 60)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
