"""
A server process for tests of rollouts: the real application, and one path behind a flag that is bad on purpose.

Run as `python -m tests.faults.flagged APP_URL ROOT_KEY_FILE PORT ERROR_SHARE SECONDS`. Who asks is believed (X-Actor is
an account id, X-Organisation its organisation); the treated fail with that share and take that many seconds more.
"""

import asyncio
import random
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from granian.constants import Interfaces
from granian.server.embed import Server

from healthprotocol import app as front
from healthprotocol.api.gate import Authenticated, Gate
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.foundation.config.live import LiveChanges
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db.transaction import Database, Transaction, open_pool
from healthprotocol.foundation.flags.declaration import Registry, boolean
from healthprotocol.foundation.ids import AccountId, OrganisationId
from healthprotocol.operations.flags.service import Keeper
from healthprotocol.trust.permissions import rules as permissions
from healthprotocol.trust.permissions.model import Permission
from tests.support.postgresql import PATIENCE_SECONDS, PATIENT

FLAG = boolean(
    "tests.bad-change", owner="tests", description="A change that is bad on purpose.", created_on=date(2026, 11, 22)
)
REGISTRY = Registry([FLAG])
declare = Declare("tests")
_harm = {"errors": 0.0, "seconds": 0.0}
_chance = random.Random(7)


class Believing:
    """Takes everybody for whom she says that she is."""

    async def authenticate(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Authenticated | None:
        account, organisation = headers.get("x-actor"), headers.get("x-organisation")
        if account is None or organisation is None:
            return None
        return Authenticated(
            Actor(account_id=AccountId(UUID(account)), organisation_id=OrganisationId(UUID(organisation)), role="admin")
        )

    def authorize(self, actor: Actor, policy: str) -> None:
        permissions.require(actor, policy)

    async def is_still_in(self, actor: Actor) -> bool:
        return True

    async def record_denied(self, actor: Actor, context: RequestContext, policy: str) -> None:
        """Nobody is denied."""

    async def record_replay(self, tx: Transaction, actor: Actor, policy: str) -> None:
        """Nothing is replayed."""


@declare.get("/api/v1/tests/flagged", policy=Permission.SESSION_OWN, returns=bool, summary="Behind the flag")
async def behind_the_flag(gate: Gate) -> Answer:
    async def act(tx: Transaction) -> bool:
        is_on = tx.flags.is_on(FLAG)
        if is_on and _chance.random() < _harm["errors"]:
            raise RuntimeError("planted")
        return is_on

    answer = await gate.read(act, lambda is_on: is_on)
    if answer.content == b"true":
        # Outside of the transaction: a connection that is held would make the control slow, too.
        await asyncio.sleep(_harm["seconds"])
    return answer


async def main(url: str, root_key: str, port: str, errors: str, seconds: str) -> None:
    """Serve until killed."""
    _harm.update(errors=float(errors), seconds=float(seconds))
    pool = await open_pool(url, size=6, statement_timeout_seconds=20, limits=PATIENT)
    database = Database(
        pool, wait_seconds=PATIENCE_SECONDS, keys=KeyRing(LocalRootKey.load(Path(root_key), inside_checkout=True))
    )
    keeper = Keeper(database, REGISTRY, LiveChanges(database))
    database.flags = keeper.flags
    await keeper.start()
    front.ROUTES.append(behind_the_flag)
    parts: Any = SimpleNamespace(database=database, doorkeeper=Believing(), readiness=None)
    app: Any = front.create_app(Settings(environment="test", web_dir=Path(__file__).parent), assembly=parts)
    server = Server(app, address="127.0.0.1", port=int(port), interface=Interfaces.ASGI, log_enabled=False)
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    await server.serve()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
