"""What is decided about flags, what they give, and which of them nobody needs any more."""

from typing import Any

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.flags.model import Flag
from healthprotocol.operations.flags import policy
from healthprotocol.operations.flags.errors import FlagUnknown
from healthprotocol.operations.flags.model import Rollout, Seen, Stale, Stored, Today, Use, Version
from healthprotocol.operations.flags.repository import flags as repository
from healthprotocol.operations.flags.repository import rollouts
from healthprotocol.operations.flags.rules import staleness

MOST_VERSIONS = 100
USUAL_DAYS = 30


async def list_flags(tx: Transaction, actor: Actor | None) -> list[Seen]:
    """Return every flag that the code declares, by key; None is an operator. Raises Forbidden."""
    if actor is not None:
        policy.require_read(actor)
    known = await _Known.read(tx)
    return [known.seen(tx, flag) for flag in sorted(tx.flags.registry, key=lambda flag: flag.key)]


async def get(tx: Transaction, actor: Actor | None, key: str) -> Seen:
    """Return one flag. Raises FlagUnknown, Forbidden."""
    if actor is not None:
        policy.require_read(actor)
    flag = require_flag(tx, key)
    return (await _Known.read(tx)).seen(tx, flag)


async def history(tx: Transaction, actor: Actor | None, key: str) -> list[Version]:
    """Return the latest 100 changes that hold or held for the organisation, newest first. Raises Forbidden."""
    if actor is not None:
        policy.require_read(actor)
    versions = await repository.versions(tx, key, most=MOST_VERSIONS)
    if not versions:
        # Of a flag that is gone from the code there still is a history; of one that never was, nothing.
        require_flag(tx, key)
    return versions


async def stale(tx: Transaction, actor: Actor | None, *, days: int = USUAL_DAYS) -> list[Stale]:
    """Return the flags that should be looked at, those that the code no longer has included. Raises Forbidden."""
    if actor is not None:
        policy.require_read(actor)
    known = await _Known.read(tx, days=days)
    found = [
        Stale(key=flag.key, owner=flag.owner, marks=marks)
        for flag in sorted(tx.flags.registry, key=lambda flag: flag.key)
        if (marks := known.marks(flag))
    ]
    gone = [one for key, one in sorted(known.installation.items()) if tx.flags.registry.get(key) is None]
    return found + [Stale(key=one.key, owner=None, marks=staleness.undeclared(known.today, one)) for one in gone]


async def evaluated(tx: Transaction) -> dict[str, Any]:
    """Return the values that the client of the transaction's actor may see, and nothing of why."""
    return tx.flags.all_for_client()


def require_flag(tx: Transaction, key: str) -> Flag[Any]:
    """Return the declared flag. Raises FlagUnknown."""
    flag = tx.flags.registry.get(key)
    if flag is None:
        there_are = ", ".join(sorted(one.key for one in tx.flags.registry)) or "none"
        raise FlagUnknown(f"There is no such flag. There are: {there_are}.")
    return flag


class _Known:
    """All that the database knows of flags, as one organisation sees it."""

    def __init__(self, today: Today) -> None:
        self.today = today
        self.installation: dict[str, Stored] = {}
        self.own: dict[str, Stored] = {}
        self.uses: dict[str, Use] = {}
        self.rollouts: dict[str, Rollout] = {}

    @classmethod
    async def read(cls, tx: Transaction, *, days: int = USUAL_DAYS) -> "_Known":
        known = cls(Today(tx.now.date(), tx.now, days))
        known.installation, known.own = await repository.all_stored(tx)
        known.uses = await repository.uses(tx)
        known.rollouts = await rollouts.latest(tx, [flag.key for flag in tx.flags.registry])
        return known

    def marks(self, flag: Flag[Any]) -> dict[Any, str]:
        stored = self.installation.get(flag.key, Stored(key=flag.key))
        own = self.own.get(flag.key, Stored(key=flag.key))
        return staleness.marks_of(flag, stored, self.uses.get(flag.key), self.today, own_revision=own.revision)

    def seen(self, tx: Transaction, flag: Flag[Any]) -> Seen:
        installation = self.installation.get(flag.key, Stored(key=flag.key))
        own = self.own.get(flag.key, Stored(key=flag.key))
        return Seen(
            flag=flag,
            installation=installation,
            own=own,
            # Looking is no use of a flag, and no exposure.
            decision=tx.flags.peek(flag, installation.state, own.state),
            use=self.uses.get(flag.key),
            marks=self.marks(flag),
            rollout=self.rollouts.get(flag.key),
            revision=installation.revision + own.revision,
        )
