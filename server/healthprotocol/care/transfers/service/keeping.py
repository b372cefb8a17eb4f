"""How long files are kept, and from when on they are there."""

from datetime import timedelta

import msgspec

from healthprotocol.care.transfers.errors import NotReady
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.jobs.operations import Operation

ASK_AGAIN_SECONDS = 2


class Keeping(msgspec.Struct, frozen=True):
    """How long the files that are made here are kept; a part that the database carries, else a week."""

    keep: timedelta = timedelta(days=7)


def keep_of(tx: Transaction) -> timedelta:
    """Return how long a file that is made in this transaction is kept."""
    return (tx.attached(Keeping) or Keeping()).keep


def require_over(operation: Operation) -> None:
    """Raise NotReady, saying how far it is and when to ask again, as long as an operation is under way."""
    if not operation.is_over:
        raise NotReady(
            public={"operation_id": str(operation.id), "done": operation.done, "total": operation.total},
            retry_after_seconds=ASK_AGAIN_SECONDS,
        )
