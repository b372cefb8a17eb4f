"""What is decided about flags, and by whom."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from healthprotocol.foundation.db.transaction import Record, Transaction
from healthprotocol.foundation.flags.model import State
from healthprotocol.foundation.ids import INSTALLATION
from healthprotocol.operations.flags.model import Stored, Use, Version

MOST_ROWS = 2_000
# One number for all: who changes requirements must see what others require.
_REQUIREMENTS_LOCK = 7_370_117


async def states_of_tenant(tx: Transaction) -> dict[str, State]:
    """Return the states of the transaction's own organisation; what cannot be read is left out as if never decided."""
    rows = await tx.fetch("select key, state from flag where organisation_id = $1 limit $2", tx.tenant, MOST_ROWS)
    return {row["key"]: _state(row["state"]) for row in rows}


async def stored_for_change(tx: Transaction, key: str) -> Stored:
    """Return, locked, what the transaction's own organisation decided about a flag."""
    row = await tx.fetchrow(
        """
        select organisation_id, key, state, reason, changed_by, changed_at, revision
        from flag
        where organisation_id = $1 and key = $2
        for update
        """,
        tx.tenant,
        key,
    )
    return _stored(row) if row else Stored(key=key)


async def all_stored(tx: Transaction) -> tuple[dict[str, Stored], dict[str, Stored]]:
    """Return what is decided for all organisations, and what for the transaction's own."""
    rows = await tx.fetch(
        """
        select organisation_id, key, state, reason, changed_by, changed_at, revision
        from flag
        where organisation_id = any($1::uuid[])
        order by key
        limit $2
        """,
        [INSTALLATION, tx.tenant],
        2 * MOST_ROWS,
    )
    installation = {row["key"]: _stored(row) for row in rows if row["organisation_id"] == INSTALLATION}
    own = {row["key"]: _stored(row) for row in rows if row["organisation_id"] != INSTALLATION}
    return installation, own


async def lock_requirements(tx: Transaction) -> None:
    """Have others who change requirements wait until this transaction ends."""
    await tx.execute("select pg_advisory_xact_lock($1)", _REQUIREMENTS_LOCK)


async def save(tx: Transaction, before: Stored, after: Stored, *, act: str, changed_as: str) -> bool:
    """Keep a change and its version; False when somebody else changed it since `before` was read."""
    tag = await tx.execute(
        """
        insert into flag (organisation_id, key, state, reason, changed_by, changed_at, revision)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (organisation_id, key) do update
        set state = excluded.state, reason = excluded.reason, changed_by = excluded.changed_by,
            changed_at = excluded.changed_at, revision = excluded.revision
        where flag.revision = excluded.revision - 1
        """,
        tx.tenant,
        after.key,
        msgspec.to_builtins(after.state),
        after.reason,
        after.changed_by,
        after.changed_at,
        after.revision,
    )
    if tag != "INSERT 0 1":
        return False
    await tx.execute(
        """
        insert into flag_version
          (organisation_id, key, revision, act, reason, changed_by, changed_as, changed_at, before, after)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        tx.tenant,
        after.key,
        after.revision,
        act,
        after.reason,
        after.changed_by,
        changed_as,
        after.changed_at,
        msgspec.to_builtins(before.state),
        msgspec.to_builtins(after.state),
    )
    return True


async def versions(tx: Transaction, key: str, *, most: int) -> list[Version]:
    """Return the latest changes of a flag, for all organisations and for the transaction's own, newest first."""
    rows = await tx.fetch(
        """
        select organisation_id, key, revision, act, reason, changed_by, changed_as, changed_at, before, after
        from flag_version
        where organisation_id = any($1::uuid[]) and key = $2
        order by changed_at desc, revision desc
        limit $3
        """,
        [INSTALLATION, tx.tenant],
        key,
        most,
    )
    return [_version(row) for row in rows]


async def uses(tx: Transaction) -> dict[str, Use]:
    """Return how often each flag was asked for."""
    rows = await tx.fetch(
        "select key, asked, first_at, last_at from flag_use where organisation_id = $1 limit $2",
        INSTALLATION,
        MOST_ROWS,
    )
    return {row["key"]: Use(row["asked"], row["last_at"] if row["asked"] else None, row["first_at"]) for row in rows}


async def add_known(tx: Transaction, keys: Collection[str]) -> None:
    """Have the database know of flags from now on, those that it knows already from when it does."""
    await tx.execute(
        """
        insert into flag_use (organisation_id, key, asked, first_at, last_at)
        select $1, key, 0, $3, $3
        from unnest($2::text[]) as known (key)
        order by key
        on conflict do nothing
        """,
        INSTALLATION,
        sorted(keys),
        tx.now,
    )


async def add_uses(tx: Transaction, counts: Mapping[str, int]) -> None:
    """Add how often flags were asked for."""
    await tx.execute(
        """
        insert into flag_use (organisation_id, key, asked, first_at, last_at)
        select $1, key, asked, $4, $4
        from unnest($2::text[], $3::bigint[]) as counted (key, asked)
        order by key
        on conflict (organisation_id, key) do update
        set asked = flag_use.asked + excluded.asked, last_at = excluded.last_at
        """,
        INSTALLATION,
        list(counts),
        list(counts.values()),
        tx.now,
    )


def _state(value: Any) -> State:
    return msgspec.convert(value, State)


def _stored(row: Record) -> Stored:
    return Stored(
        key=row["key"],
        state=_state(row["state"]),
        reason=row["reason"],
        changed_by=row["changed_by"],
        changed_at=row["changed_at"],
        revision=row["revision"],
    )


def _version(row: Record) -> Version:
    return Version(
        key=row["key"],
        revision=row["revision"],
        act=row["act"],
        reason=row["reason"],
        changed_by=row["changed_by"],
        changed_as=row["changed_as"],
        changed_at=row["changed_at"],
        before=_state(row["before"]),
        after=_state(row["after"]),
        is_own=row["organisation_id"] != INSTALLATION,
    )
