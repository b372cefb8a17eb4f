"""A dry run that is the real act: the same checks, by the same database, and nothing of it stays."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Transaction


@asynccontextmanager
async def trial(tx: "Transaction") -> AsyncIterator[None]:
    """Undo, at the end of the block, all that was written in it, and what was to be done around the commit."""
    with suppress(_TrialOver):
        async with tx.attempt():
            yield
            # What the act left for the moment before the commit may still refuse it.
            await tx.run_before_commit()
            raise _TrialOver


class _TrialOver(Exception):
    """Ends a trial: what it wrote is undone."""
