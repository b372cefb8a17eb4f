"""Say that something changed, to every process that listens (see `feed`), once this transaction is committed."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from healthprotocol.foundation.db.feed import CHANNEL, Announcement
from healthprotocol.foundation.db.transaction import Transaction

_PENDING = "announcements"
# PostgreSQL takes 8,000 bytes at once; one of ours has at most 300.
_AT_ONCE = 25


async def announce(
    tx: Transaction,
    kind: str,
    object_id: UUID | None = None,
    *,
    subject_id: UUID | None = None,
    account_id: UUID | None = None,
) -> None:
    """Announce with the commit; saying the same twice in a transaction says it once. See `Announcement`."""
    waiting = tx.pending.get(_PENDING)
    if waiting is None:
        waiting = tx.pending[_PENDING] = []
        tx.before_commit(lambda: _send(tx))
    waiting.append((kind, object_id, subject_id, account_id))


async def _send(tx: Transaction) -> None:
    waiting: Sequence[tuple[str, UUID | None, UUID | None, UUID | None]] = tx.pending.pop(_PENDING)
    # Doubles are left out here and at once: to look for each at its saying costs the square of how many there are.
    all_of_it = [Announcement(tx.new_id(), tx.tenant, *one) for one in dict.fromkeys(waiting)]
    parts = [
        msgspec.json.encode(all_of_it[start : start + _AT_ONCE]).decode()
        for start in range(0, len(all_of_it), _AT_ONCE)
    ]
    await tx.execute("select pg_notify($1, part) from unnest($2::text[]) as part", CHANNEL, parts)
