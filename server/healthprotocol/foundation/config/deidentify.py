"""
Makes a copy of a database harmless, so that it may be used where nobody may see the people in it.

What is not declared to be kept is emptied, and what is kept is replaced, column by column, by its type: so a table or
column that is added later is safe before anybody thinks of it. Keys, accounts, sessions, tokens, links and logs go.
What stays is the shape: how many rows, how they hang together, how far apart in time. Ids stay one another's, under a
secret that is thrown away; instants and ids that carry one move by the same unknown number of days.
"""

import secrets
from collections.abc import Mapping

import asyncpg
import msgspec

from healthprotocol.foundation.ids import INSTALLATION

_LEAST_DAYS, _MOST_DAYS = 30, 364
# Tables of the schema itself: which migrations were applied. They say nothing of anybody.
_OF_THE_SCHEMA = ("alembic_version", "schema_revision", "schema_step", "installation")

# An id that carries its time (UUIDv7) gets the time that instants get, so that it stays in order and in its partition.
_FUNCTIONS = """
create function pg_temp.digest(value text) returns text language sql stable as $$
  select encode(sha256(convert_to(current_setting('hp.mask') || value, 'utf8')), 'hex')
$$;
create function pg_temp.mask_uuid(id uuid) returns uuid language sql stable as $$
  select case
    when id = '00000000-0000-0000-0000-000000000000' then id
    when substr(id::text, 15, 1) <> '7' then substr(pg_temp.digest(id::text), 1, 32)::uuid
    else (
      lpad(to_hex(('x' || lpad(substr(replace(id::text, '-', ''), 1, 12), 16, '0'))::bit(64)::bigint
        + current_setting('hp.mask_days')::bigint * 86400000), 12, '0')
      || '7' || substr(pg_temp.digest(id::text), 1, 3) || '8' || substr(pg_temp.digest(id::text), 4, 15)
    )::uuid
  end
$$;
"""

_BY_TYPE = {
    "uuid": "pg_temp.mask_uuid({0})",
    "bytea": "sha256(convert_to(current_setting('hp.mask'), 'utf8') || {0})",
    "text": "'x' || substr(pg_temp.digest({0}), 1, 12)",
    "date": "{0} + current_setting('hp.mask_days')::int",
    "timestamp with time zone": "{0} + make_interval(days => current_setting('hp.mask_days')::int)",
    "jsonb": "case jsonb_typeof({0}) when 'array' then '[]'::jsonb else '{{}}'::jsonb end",
    "text[]": "'{{}}'::text[]",
}
_NUMBERS = {"integer", "bigint", "smallint", "boolean", "integer[]", "double precision", "numeric"}

_COLUMNS = """
select c.relname as table_name, a.attname as name, format_type(a.atttypid, a.atttypmod) as type
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
order by 1, a.attnum
"""

# What PostgreSQL noted of the columns holds real values and ids, and stays for a table that is empty afterwards.
_FORGET = """
with nobody as (
  delete from pg_statistic s using pg_class c
  where c.oid = s.starelid and c.relnamespace in ('public'::regnamespace, 'pgqueuer'::regnamespace)
)
delete from pg_statistic_ext_data d using pg_statistic_ext e
where e.oid = d.stxoid and e.stxnamespace in ('public'::regnamespace, 'pgqueuer'::regnamespace)
"""

_DANGLING = """
select conrelid::regclass::text as kept, confrelid::regclass::text as emptied
from pg_constraint
where contype = 'f' and conrelid::regclass::text = any($1) and not confrelid::regclass::text = any($1)
"""


class DeidentificationRefused(Exception):
    """The database cannot be made harmless this way; nothing was changed. The message says why, and what to do."""


class Harmless(msgspec.Struct, frozen=True):
    """What was done: how many tables were emptied, and how many rows were replaced."""

    emptied: int
    replaced: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept: by table, the text columns whose values are words of the code and may stay."""

    kept: Mapping[str, frozenset[str]]


async def deidentify(url: str, environment: str, plan: Plan) -> Harmless:
    """
    Make the database at `url`, an administrator's, harmless and one of `environment`: all of it or nothing.

    Raises DeidentificationRefused. Afterwards every table is written anew, so that no old row is left in its file, and
    what PostgreSQL notes of the values for planning is of the new ones.
    """
    connection = await asyncpg.connect(url, timeout=5)
    try:
        if not await connection.fetchval("select rolsuper from pg_roles where rolname = current_user"):
            raise DeidentificationRefused("this takes a superuser of the copy's server: name one in HP_DATABASE_URL")
        dangling = await connection.fetch(_DANGLING, list(plan.kept))
        if dangling:
            names = ", ".join(f"{row['kept']} needs {row['emptied']}" for row in dangling)
            raise DeidentificationRefused(f"what is kept hangs on what is emptied ({names}): keep less")
        async with connection.transaction():
            done = await _make_harmless(connection, plan)
            await _bind(connection, environment)
            await connection.execute(_FORGET)
        # The catalogue is written anew with the rest. No file of statistics keeps what was deleted from it.
        await connection.execute("vacuum full")
        await connection.execute("analyze")
    finally:
        await connection.close()
    return done


async def _make_harmless(connection: "asyncpg.Connection[asyncpg.Record]", plan: Plan) -> Harmless:
    # Neither triggers nor foreign keys of rows that change together; all of them change alike.
    await connection.execute("set local session_replication_role = replica; set local statement_timeout = 0")
    days = _LEAST_DAYS + secrets.randbelow(_MOST_DAYS - _LEAST_DAYS)
    await connection.execute(
        "select set_config('hp.mask', $1, true), set_config('hp.mask_days', $2, true)",
        secrets.token_hex(32),
        str(-days),
    )
    await connection.execute(_FUNCTIONS)
    tables: dict[str, list[tuple[str, str]]] = {}
    for row in await connection.fetch(_COLUMNS):
        tables.setdefault(row["table_name"], []).append((row["name"], row["type"]))
    emptied, replaced = 0, 0
    for table, columns in tables.items():
        if table in _OF_THE_SCHEMA:
            continue
        if table not in plan.kept:
            await connection.execute(f'delete from "{table}"')  # noqa: S608 - a name of the catalogue
            emptied += 1
            continue
        assignments = [f'"{name}" = {text}' for name, text in _replacements(table, columns, plan)]
        tag = await connection.execute(f'update "{table}" set {", ".join(assignments)}')  # noqa: S608
        replaced += int(tag.rpartition(" ")[2])
    for table in ("pgqueuer", "pgqueuer_log", "pgqueuer_statistics"):
        await connection.execute(f"delete from pgqueuer.{table}")  # noqa: S608
    return Harmless(emptied, replaced)


def _replacements(table: str, columns: list[tuple[str, str]], plan: Plan) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, kind in columns:
        if kind in _NUMBERS or name in plan.kept[table]:
            continue
        text = _BY_TYPE.get(kind)
        if text is None:
            raise DeidentificationRefused(f"{table}.{name} is of type {kind}, and nothing says how to replace that")
        quoted = f'"{name}"'
        found.append((name, f"case when {quoted} is not null then {text.format(quoted)} end"))
    return found


async def _bind(connection: "asyncpg.Connection[asyncpg.Record]", environment: str) -> None:
    await connection.execute(
        """
        insert into installation (organisation_id, environment, bound_at, deidentified_at)
        values ($1, $2, now(), now())
        on conflict (organisation_id) do update
        set environment = excluded.environment, bound_at = excluded.bound_at, deidentified_at = excluded.deidentified_at
        """,
        INSTALLATION,
        environment,
    )


async def rebind(url: str, environment: str) -> None:
    """Say that the database at `url` is of `environment` from now on, with everything in it."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute("select set_config('app.organisation', $1, false)", str(INSTALLATION))
        await connection.execute(
            """
            insert into installation (organisation_id, environment, bound_at)
            values ($1, $2, now())
            on conflict (organisation_id) do update
            set environment = excluded.environment, bound_at = excluded.bound_at
            """,
            INSTALLATION,
            environment,
        )
    finally:
        await connection.close()
