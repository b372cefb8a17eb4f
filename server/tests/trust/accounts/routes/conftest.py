"""The whole application on a database of its own, spoken to over HTTP as a program without a browser would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from healthprotocol.app import create_app
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.trust.accounts.service import Doorkeeper
from tests.trust.accounts.conftest import PASSWORD, Clinic, add, found_clinic, quick_hasher

ROLES = ("clinician", "coordinator", "auditor")


class Client:
    """One visitor: keeps her cookie, and sends the CSRF token with writes as our page does."""

    def __init__(self, app: Any) -> None:
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://hp.test")
        self.csrf_token: str | None = None

    async def sign_in(self, email: str, password: str = PASSWORD) -> httpx2.Response:
        answer = await self.http.post("/api/v1/session", json={"email": email, "password": password})
        if answer.status_code == 200:
            self.csrf_token = answer.json()["csrf_token"]
        return answer

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        return await self.http.get(path, **more)

    async def write(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        if self.csrf_token is not None:
            headers = {"X-CSRF-Token": self.csrf_token} | headers
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, path, json=body, headers=named)


class Site:
    """The running application and two organisations in it."""

    def __init__(self, app: Any, doorkeeper: Doorkeeper, delta: Clinic, estuary: Clinic) -> None:
        self.app = app
        self.doorkeeper = doorkeeper
        self.delta = delta
        self.estuary = estuary

    def visitor(self) -> Client:
        return Client(self.app)

    async def somebody(self, name: str) -> Client:
        """Sign in as admin@delta.example when `name` is admin, and so on; `stranger` is of the other organisation."""
        client = self.visitor()
        email = "admin@estuary.example" if name == "stranger" else f"{name}@delta.example"
        answer = await client.sign_in(email)
        assert answer.status_code == 200, answer.text
        return client


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[None]:
    """Start and stop an application as a server does."""
    to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "asgi": {}, "state": {}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    yield
    await to_app.put({"type": "lifespan.shutdown"})
    await from_app.get()
    await task


@pytest.fixture
async def site(database: Database) -> AsyncIterator[Site]:
    settings = Settings(environment="test")
    doorkeeper = Doorkeeper(database, settings, hasher=quick_hasher())
    delta = await found_clinic(database, "Delta", "admin@delta.example")
    estuary = await found_clinic(database, "Estuary", "admin@estuary.example")
    for role in ROLES:
        await add(database, delta, doorkeeper, f"{role}@delta.example", role)
    parts: Any = SimpleNamespace(database=database, doorkeeper=doorkeeper, readiness=None)
    app = create_app(settings, assembly=parts)
    async with running(app):
        yield Site(app, doorkeeper, delta, estuary)
    doorkeeper.close()
