"""The whole application over HTTP, with people who are let in by name: signing in is tested where it lives."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx2

from healthprotocol.api.gate import Authenticated
from healthprotocol.app import create_app
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.operations.health.service import readiness
from healthprotocol.trust.permissions import rules as permissions
from tests.support.postgresql import Cluster


class OpenDoorkeeper:
    """Believes the header X-Actor; holds everybody to the real permissions."""

    def __init__(self, actors: Mapping[str, Actor]) -> None:
        self._actors = actors

    async def authenticate(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Authenticated | None:
        actor = self._actors.get(headers.get("x-actor", ""))
        return None if actor is None else Authenticated(actor)

    def authorize(self, actor: Actor, policy: str) -> None:
        permissions.require(actor, policy)

    async def record_denied(self, actor: Actor, context: RequestContext, policy: str) -> None:
        """These tests do not look for it."""

    async def record_replay(self, tx: Transaction, actor: Actor, policy: str) -> None:
        """These tests do not look for it."""


@asynccontextmanager
async def site(
    cluster: Cluster, database: Database, actors: Mapping[str, Actor], *, doorkeeper: Any = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """Start the application on a database of the test, and give a client of it; None is the open doorkeeper."""
    root_key = LocalRootKey.load(cluster.root_key, inside_checkout=True)
    parts: Any = SimpleNamespace(
        database=database, doorkeeper=doorkeeper or OpenDoorkeeper(actors), readiness=readiness(database, root_key)
    )
    app = create_app(Settings(environment="test"), assembly=parts)
    to_app: asyncio.Queue[Any] = asyncio.Queue()
    from_app: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "asgi": {}, "state": {}}, to_app.get, from_app.put))  # pyright: ignore[reportArgumentType]
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    transport = httpx2.ASGITransport(app=app)  # pyright: ignore[reportArgumentType]
    async with httpx2.AsyncClient(transport=transport, base_url="http://hp.test") as client:
        yield client
    await to_app.put({"type": "lifespan.shutdown"})
    await from_app.get()
    await task
