"""What the commands about flags share: whom they are for, and the way to the database as its operator."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer

from healthprotocol.cli.acting import assembled
from healthprotocol.cli.installation import Installation

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Transaction

T = TypeVar("T")

SHORTEST_REASON, LONGEST_REASON = 3, 500

Key = Annotated[str, typer.Argument(help="The flag, such as lists.cost-guard.")]
For = Annotated[
    UUID | None, typer.Option("--organisation", help="For this organisation only; without it for all of them.")
]


def _worded(reason: str) -> str:
    said = reason.strip()
    if not SHORTEST_REASON <= len(said) <= LONGEST_REASON:
        raise typer.BadParameter(f"say why in {SHORTEST_REASON} to {LONGEST_REASON} characters")
    return said


Why = Annotated[str, typer.Option("--reason", help="Why, for whoever reads the history.", callback=_worded)]


def in_transaction(organisation: UUID | None, act: "Callable[[Transaction], Awaitable[T]]") -> T:
    """Run an act as the operator, in the organisation, None for the installation."""
    from healthprotocol.foundation.ids import INSTALLATION, OrganisationId

    tenant = INSTALLATION if organisation is None else OrganisationId(organisation)
    installation = Installation.load()
    with installation.database_url() as url:
        installation.hand_over(url)
        return asyncio.run(_assembled(tenant, act))


async def _assembled(tenant: Any, act: "Callable[[Transaction], Awaitable[T]]") -> T:
    async with assembled() as parts:
        await parts.keeper.tables.load(tenant)
        async with parts.database.transaction(tenant) as tx:
            return await act(tx)


def builtins(value: Any) -> Any:
    """Return what JSON can say of a value."""
    import msgspec

    return msgspec.to_builtins(value)
