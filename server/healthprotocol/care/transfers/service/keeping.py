"""How long files are kept, how much of them, and from when on they are there."""

from datetime import timedelta

import msgspec

from healthprotocol.care.transfers.errors import FilesFull, NotReady
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.files import sealed
from healthprotocol.foundation.jobs.operations import Operation

ASK_AGAIN_SECONDS = 2


class Keeping(msgspec.Struct, frozen=True):
    """
    How long the files that are made here are kept, and how much all of an organisation may hold together.

    A part that the database carries; else a week, and 2 GiB.
    """

    keep: timedelta = timedelta(days=7)
    quota_bytes: int = 2 * 1024 * 1024 * 1024


def keep_of(tx: Transaction) -> timedelta:
    """Return how long a file that is made in this transaction is kept."""
    return (tx.attached(Keeping) or Keeping()).keep


async def require_space(tx: Transaction, quota_bytes: int | None = None, *, more_bytes: int = 0) -> None:
    """
    Raise FilesFull when the organisation's files and so many bytes more are too much.

    Asked behind what was added, it holds however many add at once. `quota_bytes` None is that of this installation.
    """
    most = (tx.attached(Keeping) or Keeping()).quota_bytes if quota_bytes is None else quota_bytes
    if await sealed.kept_bytes(tx) + more_bytes > most:
        raise FilesFull(public={"quota_bytes": most})


def require_over(operation: Operation) -> None:
    """Raise NotReady, saying how far it is and when to ask again, as long as an operation is under way."""
    if not operation.is_over:
        raise NotReady(
            public={"operation_id": str(operation.id), "done": operation.done, "total": operation.total},
            retry_after_seconds=ASK_AGAIN_SECONDS,
        )
