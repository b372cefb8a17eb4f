"""
The application inside this process, with what a request costs it: statements, buffers, and calls of Python.

None of the three depends on how busy the machine is, and its present is the data set's, so two runs of the same code
say the same, today and next year.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

import httpx2
import msgspec

from healthprotocol.app import create_app
from healthprotocol.assembly import assemble
from healthprotocol.cli.installation import DATABASE, Installation
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.db.embedded import EmbeddedServer
from measuring.costs import Meter
from population.clinics import PASSWORD, PRESENT


class Effort(msgspec.Struct, frozen=True):
    """What one request costs."""

    statements: int
    buffers: int
    calls: int


class Inside:
    """A signed-in client of the application, and its counters."""

    def __init__(self, http: httpx2.AsyncClient, meter: Meter) -> None:
        self.http = http
        self._meter = meter

    async def sign_in(self, email: str) -> None:
        """Sign in, and send what the session needs with every request from now on."""
        answer = await self.http.post("/api/v1/session", json={"email": email, "password": PASSWORD})
        answer.raise_for_status()
        self.http.headers["x-csrf-token"] = answer.json()["csrf_token"]

    async def get(self, path: str) -> Any:
        """Return the body of an answer."""
        answer = await self.http.get(f"/api/v1{path}")
        if answer.status_code != 200:  # noqa: PLR2004
            raise SystemExit(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer.json()

    async def administer(self, sql: str) -> None:
        """Run a statement as the superuser: to spoil something, and see that it is noticed."""
        await self._meter.execute(sql)

    async def effort(self, path: str, *, warm: int = 15, rounds: int = 6) -> Effort:
        """
        Return the least that one request of `rounds` costs.

        The first are not counted: they load keys and make plans, and PostgreSQL decides after five of them whether
        one plan serves all.
        """
        for _ in range(warm):
            await self.get(path)
        found = [await self._once(path) for _ in range(rounds)]
        return Effort(
            min(one.statements for one in found), min(one.buffers for one in found), min(one.calls for one in found)
        )

    async def _once(self, path: str) -> Effort:
        before = await self._meter.counted()
        counter = _Calls()
        sys.setprofile(counter.count)
        try:
            await self.get(path)
        finally:
            sys.setprofile(None)
        after = await self._meter.counted()
        return Effort(after[0] - before[0], after[1] - before[1], counter.calls)


class _Calls:
    """Counts calls of functions of Python and C."""

    def __init__(self) -> None:
        self.calls = 0

    def count(self, _: FrameType, event: str, __: object) -> None:
        """Count one event."""
        if event in {"call", "c_call"}:
            self.calls += 1


@asynccontextmanager
async def opened(data_dir: Path) -> AsyncIterator[Inside]:
    """Run the application on a data set that does not run yet, for the length of the block."""
    server = EmbeddedServer(data_dir, durable=False)
    await asyncio.to_thread(server.start)
    try:
        async with _inside(data_dir, server, server.url_of(DATABASE)) as inside:
            yield inside
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def beside(data_dir: Path) -> AsyncIterator[Inside]:
    """Run the application on a data set whose PostgreSQL runs, for the length of the block."""
    server = EmbeddedServer(data_dir)
    url = server.url_of_running(DATABASE)
    if url is None:
        raise SystemExit("the data set does not run: start it with `load/dataset.py database`")
    async with _inside(data_dir, server, url) as inside:
        yield inside


@asynccontextmanager
async def _inside(data_dir: Path, server: EmbeddedServer, url: str) -> AsyncIterator[Inside]:
    place = Installation(Settings(data_dir=data_dir, database_url=None))
    settings = Settings(
        environment="development", data_dir=data_dir, database_url=place.application_url(url), web_dir=data_dir,
        log_level="error",
    )  # fmt: skip
    meter = Meter(url, cluster=server.directory, port=0)
    await meter.open()
    parts = await assemble(settings)
    present = datetime.fromisoformat((data_dir / PRESENT).read_text())
    parts.database.clock = lambda: present
    await parts.start()
    try:
        async with _running(create_app(settings, assembly=parts)) as http:
            yield Inside(http, meter)
    finally:
        await parts.close()
        await meter.close()


@asynccontextmanager
async def _running(app: Any) -> AsyncIterator[httpx2.AsyncClient]:
    to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "asgi": {}, "state": {}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    if (await from_app.get())["type"] != "lifespan.startup.complete":
        raise SystemExit("the application did not start")
    try:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://hp.test") as http:
            yield http
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        await from_app.get()
        await task
