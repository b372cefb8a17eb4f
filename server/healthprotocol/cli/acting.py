"""What commands that act as an account share: the database of this installation, and who they act as."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.installation import Installation

if TYPE_CHECKING:
    from healthprotocol.assembly import Assembly
    from healthprotocol.foundation.config.settings import Settings
    from healthprotocol.foundation.context import Actor
    from healthprotocol.foundation.db.transaction import Database

T = TypeVar("T")


def run_on_database(act: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run an act on the database of this installation; the embedded server is started when none runs."""
    installation = Installation.load()
    with installation.database_url() as url:
        installation.hand_over(url)
        return asyncio.run(act())


@asynccontextmanager
async def assembled(settings: "Settings | None" = None) -> "AsyncIterator[Assembly]":
    """Give the wired application, by default with the settings that this process was given, and close it after."""
    from healthprotocol.assembly import assemble
    from healthprotocol.foundation.config.settings import Settings

    parts = await assemble(settings or Settings())
    try:
        yield parts
    finally:
        await parts.close()


@asynccontextmanager
async def acting(email: str) -> "AsyncIterator[tuple[Database, Actor]]":
    """Give the database and the account to act as."""
    from healthprotocol.foundation.errors import Forbidden, NotFound
    from healthprotocol.trust.accounts import service as accounts

    async with assembled() as parts:
        try:
            actors = await accounts.acting_as(parts.database, email)
        except (NotFound, ValueError):
            raise CommandFailed(f"there is no active account with the e-mail address {email}") from None
        if len(actors) > 1:
            raise CommandFailed(f"{email} has accounts in several organisations; use one that is in one only")
        try:
            yield parts.database, actors[0]
        except Forbidden:
            raise CommandFailed(
                f"{email} is an account of the role {actors[0].role}, which does not include this; name with --as one "
                "whose role does"
            ) from None
