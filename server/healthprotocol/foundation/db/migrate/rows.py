"""Whose rows there are to walk: a table's key, and the tenants under which its rows are seen."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.history import Connection
from healthprotocol.foundation.db.migrate.roles import OWNER
from healthprotocol.foundation.db.migrate.session import Session

# Rows of the whole installation belong to this organisation, which is in no list.
_INSTALLATION = UUID(int=0)

_KEY = """
select a.attname as name, format_type(a.atttypid, a.atttypmod) as type
from pg_index i
cross join unnest(i.indkey::smallint[]) with ordinality as k(number, place)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
where i.indrelid = $1::regclass and i.indisprimary
order by k.place
"""

_STORED = """
select attname as name
from pg_attribute
where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''
order by attnum
"""


class Key(msgspec.Struct, frozen=True):
    """A primary key: its columns and their types, in order."""

    columns: tuple[str, ...]
    types: tuple[str, ...]

    def listed(self, table: str) -> str:
        """The columns for a statement."""
        return ", ".join(f"{table}.{column}" for column in self.columns)

    def parameters(self, first: int) -> str:
        """As many parameters, given as text, from `$first` on."""
        return ", ".join(f"${first + place}::text::{kind}" for place, kind in enumerate(self.types))


async def key_of(connection: Connection, table: str) -> Key:
    """Return the primary key of `table`. Raises MigrationFailed when there is none."""
    if await connection.fetchval("select to_regclass($1) is null", table):
        raise MigrationFailed(f"there is no table {table}")
    rows = await connection.fetch(_KEY, table)
    if not rows:
        raise MigrationFailed(f"{table} has no primary key to walk along")
    return Key(tuple(row["name"] for row in rows), tuple(row["type"] for row in rows))


async def stored_columns(connection: Connection, table: str) -> Sequence[str]:
    """Return the columns of `table` that hold something of their own: not those that PostgreSQL computes."""
    return [row["name"] for row in await connection.fetch(_STORED, table)]


async def scopes(session: Session, table: str) -> Sequence[UUID | None]:
    """
    Return the tenants to read `table` under, in order; None alone means that one look sees all rows.

    Row-level security is forced on the owner too. An administrator above it is used for rows; one of a managed
    database, who is not, walks the tenants.
    """
    secured = await session.connection.fetchval("select relrowsecurity from pg_class where oid = $1::regclass", table)
    if session.sees_all or not secured:
        return [None]
    tenants = await session.connection.fetch("select hp_organisations() as id")
    return sorted({_INSTALLATION, *(row["id"] for row in tenants)})


async def enter(session: Session, scope: UUID | None) -> None:
    """See the rows of `scope` until the transaction ends."""
    if scope is not None:
        await session.connection.execute("select set_config('app.organisation', $1, true)", str(scope))
    elif session.sees_all:
        await session.connection.execute("set local role none")


async def leave(session: Session) -> None:
    """Be the owner of the schema again, of no tenant, before the transaction ends."""
    await session.connection.execute(f"set local role {OWNER}; select set_config('app.organisation', '', true)")
