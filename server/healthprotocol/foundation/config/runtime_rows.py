"""The rows of runtime settings: each change is a version that stays; the newest one of a name is what holds."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from healthprotocol.foundation.config.setting import Variation
from healthprotocol.foundation.db.transaction import Record, Transaction

MOST_VERSIONS = 100
# Names are declared in the code, a few dozen; those of releases before may lie there too.
MOST_NAMES = 1_000


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a setting in one organisation. `value` None: nothing of one's own is chosen any more."""

    name: str
    version: int
    value: Any
    variation: Variation | None
    reason: str
    changed_by: UUID | None
    changed_at: datetime


async def load_current(tx: Transaction) -> dict[str, Choice]:
    """
    Return the newest version of each name in the transaction's organisation, of at most 1,000 names.

    A newest version carries what is planned for later, too. The statement goes from name to name by the key, so that
    it reads a row for each, however many versions lie behind them.
    """
    rows = await tx.fetch(
        """
        with recursive newest as (
          (
            select name, version, value, variation, reason, changed_by, changed_at
            from runtime_setting
            where organisation_id = $1
            order by name desc, version desc
            limit 1
          )
          union all
          select below.name, below.version, below.value, below.variation, below.reason, below.changed_by,
            below.changed_at
          from newest
          cross join lateral (
            select name, version, value, variation, reason, changed_by, changed_at
            from runtime_setting
            where organisation_id = $1 and name < newest.name
            order by name desc, version desc
            limit 1
          ) below
        )
        select name, version, value, variation, reason, changed_by, changed_at
        from newest
        limit $2
        """,
        tx.tenant,
        MOST_NAMES,
    )
    return {row["name"]: _choice(row) for row in rows}


async def list_versions(tx: Transaction, name: str, *, most: int = MOST_VERSIONS) -> list[Choice]:
    """Return the versions of a name in the transaction's organisation, newest first."""
    rows = await tx.fetch(
        """
        select name, version, value, variation, reason, changed_by, changed_at
        from runtime_setting
        where organisation_id = $1 and name = $2
        order by version desc
        limit $3
        """,
        tx.tenant,
        name,
        most,
    )
    return [_choice(row) for row in rows]


async def get_version(tx: Transaction, name: str, version: int) -> Choice | None:
    """Return one version, None when there is none."""
    row = await tx.fetchrow(
        """
        select name, version, value, variation, reason, changed_by, changed_at
        from runtime_setting
        where organisation_id = $1 and name = $2 and version = $3
        """,
        tx.tenant,
        name,
        version,
    )
    return None if row is None else _choice(row)


async def insert(tx: Transaction, choice: Choice) -> bool:
    """Insert a version; False when somebody was faster with the same number."""
    variation = None if choice.variation is None else msgspec.to_builtins(choice.variation)
    tag = await tx.execute(
        """
        insert into runtime_setting (
          organisation_id, name, version, value, variation, reason, changed_by, changed_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict do nothing
        """,
        tx.tenant,
        choice.name,
        choice.version,
        choice.value,
        variation,
        choice.reason,
        choice.changed_by,
        choice.changed_at,
    )
    return tag == "INSERT 0 1"


def _choice(row: Record) -> Choice:
    variation = row["variation"]
    return Choice(
        name=row["name"],
        version=row["version"],
        value=row["value"],
        variation=None if variation is None else msgspec.convert(variation, Variation),
        reason=row["reason"],
        changed_by=row["changed_by"],
        changed_at=row["changed_at"],
    )
