"""The SQL of the key tables. Only wrapped keys pass through here."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from healthprotocol.foundation.crypto.root import WrappedKey

ACTIVE = "active"


class Unit(Protocol):
    """What the keys need of a transaction: its tenant and `now`, queries, and word of its commit."""

    @property
    def tenant(self) -> UUID:
        """The organisation whose keys are meant."""
        ...

    @property
    def now(self) -> datetime:
        """The transaction's instant."""
        ...

    def new_id(self) -> UUID:
        """Return a fresh id."""
        ...

    async def fetch(self, sql: str, *args: object) -> Sequence[Any]:
        """Return all rows."""
        ...

    async def fetchval(self, sql: str, *args: object) -> Any:
        """Return the first value."""
        ...

    async def execute(self, sql: str, *args: object) -> str:
        """Run a statement and return its tag."""
        ...

    def after_commit(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Await `callback` once the commit stands."""
        ...


class OrganisationKeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an organisation's key, under the root key."""

    version: int
    wrapped: WrappedKey
    state: str


class DataKeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a data key, under a version of the organisation's key. `owner` is a subject's id or a purpose."""

    owner: UUID | str
    key_id: UUID
    version: int
    wrapped: bytes
    wrapping_version: int
    state: str


async def insert_organisation_key(tx: Unit, row: OrganisationKeyRow) -> None:
    """Insert one version."""
    await tx.execute(
        """
        insert into organisation_key (organisation_id, version, wrapped, root_id, root_version, state, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        """,
        tx.tenant, row.version, row.wrapped.wrapped, row.wrapped.root_id, row.wrapped.root_version, row.state, tx.now,
    )  # fmt: skip


async def organisation_keys(tx: Unit) -> list[OrganisationKeyRow]:
    """Return the versions that still open values, newest first."""
    rows = await tx.fetch(
        """
        select version, wrapped, root_id, root_version, state
        from organisation_key
        where organisation_id = $1 and wrapped is not null
        order by version desc
        limit 100
        """,
        tx.tenant,
    )
    return [
        OrganisationKeyRow(
            version=row["version"],
            wrapped=WrappedKey(root_id=row["root_id"], root_version=row["root_version"], wrapped=row["wrapped"]),
            state=row["state"],
        )
        for row in rows
    ]


async def insert_subject_keys(tx: Unit, rows: Sequence[DataKeyRow]) -> None:
    """Insert all in one statement: COPY is not possible under row-level security."""
    await tx.execute(
        """
        insert into subject_key
          (organisation_id, subject_id, version, key_id, wrapped, wrapping_version, state, created_at)
        select $1, new.subject_id, new.version, new.key_id, new.wrapped, new.wrapping_version, 'active', $2
        from unnest($3::uuid[], $4::int[], $5::uuid[], $6::bytea[], $7::int[])
          as new (subject_id, version, key_id, wrapped, wrapping_version)
        """,
        tx.tenant,
        tx.now,
        [row.owner for row in rows],
        [row.version for row in rows],
        [row.key_id for row in rows],
        [row.wrapped for row in rows],
        [row.wrapping_version for row in rows],
    )


async def subject_keys(tx: Unit, subject_ids: Sequence[UUID]) -> list[DataKeyRow]:
    """Return the versions that still open values of these subjects."""
    rows = await tx.fetch(
        """
        select subject_id as owner, key_id, version, wrapped, wrapping_version, state
        from subject_key
        where organisation_id = $1 and subject_id = any($2::uuid[]) and wrapped is not null
        """,
        tx.tenant,
        subject_ids,
    )
    return [_data_key(row) for row in rows]


async def destroy_subject_keys(tx: Unit, subject_id: UUID) -> int:
    """Overwrite all versions of a subject's key. Returns how many there were."""
    tag = await tx.execute(
        """
        update subject_key
        set wrapped = null, state = 'destroyed'
        where organisation_id = $1 and subject_id = $2 and wrapped is not null
        """,
        tx.tenant,
        subject_id,
    )
    return int(tag.rsplit(" ", 1)[-1])


async def insert_purpose_key(tx: Unit, row: DataKeyRow) -> bool:
    """Insert unless the version is there already. Returns whether this call made it."""
    made = await tx.fetchval(
        """
        insert into purpose_key
          (organisation_id, purpose, version, key_id, wrapped, wrapping_version, state, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (organisation_id, purpose, version) do nothing
        returning true
        """,
        tx.tenant, row.owner, row.version, row.key_id, row.wrapped, row.wrapping_version, row.state, tx.now,
    )  # fmt: skip
    return made is True


async def purpose_keys(tx: Unit, purpose: str) -> list[DataKeyRow]:
    """Return the versions that still open values of a purpose."""
    rows = await tx.fetch(
        """
        select purpose as owner, key_id, version, wrapped, wrapping_version, state
        from purpose_key
        where organisation_id = $1 and purpose = $2 and wrapped is not null
        """,
        tx.tenant,
        purpose,
    )
    return [_data_key(row) for row in rows]


def _data_key(row: Mapping[str, Any]) -> DataKeyRow:
    return DataKeyRow(
        owner=row["owner"],
        key_id=row["key_id"],
        version=row["version"],
        wrapped=row["wrapped"],
        wrapping_version=row["wrapping_version"],
        state=row["state"],
    )
