"""The application over HTTP with a doorkeeper who knows people by name: accounts have tests of their own."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import msgspec

from healthprotocol.api.gate import Authenticated
from healthprotocol.app import create_app
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.trust.permissions import rules as permissions


class Doorkeeper:
    """Lets in whoever names an actor it was told of, as `Authorization: Bearer NAME`, and holds her to her role."""

    def __init__(self, actors: Mapping[str, Actor]) -> None:
        self._actors = actors

    async def authenticate(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Authenticated | None:
        actor = self._actors.get(headers.get("authorization", "").removeprefix("Bearer "))
        return None if actor is None else Authenticated(actor)

    def authorize(self, actor: Actor, policy: str) -> None:
        permissions.require(actor, policy)

    async def is_still_in(self, actor: Actor) -> bool:
        return actor in self._actors.values()

    async def record_denied(self, actor: Actor, context: RequestContext, policy: str) -> None:
        """Refusals are recorded by the real one, and tested there."""

    async def record_replay(self, tx: Transaction, actor: Actor, policy: str) -> None:
        """Replays are recorded by the real one, and tested there."""


class Door(msgspec.Struct, frozen=True):
    """Requests to the running application."""

    http: httpx2.AsyncClient

    async def ask(self, who: str | None, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if who is not None:
            named["authorization"] = f"Bearer {who}"
        return await self.http.request(method, f"/api/v1{path}", json=body, headers=named)


@asynccontextmanager
async def opened(
    database: Database, actors: Mapping[str, Actor], *, doorkeeper: Doorkeeper | None = None
) -> AsyncIterator[Door]:
    """Run the application for the length of the block; `doorkeeper` lets others in than `actors`."""
    # Without the web app: its files are another's business, and may be in the making.
    settings = Settings(environment="test", web_dir=Path(__file__).parent)
    parts: Any = SimpleNamespace(database=database, doorkeeper=doorkeeper or Doorkeeper(actors), readiness=None)
    app: Any = create_app(settings, assembly=parts)
    to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "asgi": {}, "state": {}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://hp.test") as http:
        yield Door(http)
    await to_app.put({"type": "lifespan.shutdown"})
    await from_app.get()
    await task
