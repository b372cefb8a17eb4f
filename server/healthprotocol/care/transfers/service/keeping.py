"""How long files are kept."""

from datetime import timedelta

import msgspec

from healthprotocol.foundation.db.transaction import Transaction


class Keeping(msgspec.Struct, frozen=True):
    """How long the files that are made here are kept; a part that the database carries, else a week."""

    keep: timedelta = timedelta(days=7)


def keep_of(tx: Transaction) -> timedelta:
    """Return how long a file that is made in this transaction is kept."""
    return (tx.attached(Keeping) or Keeping()).keep
