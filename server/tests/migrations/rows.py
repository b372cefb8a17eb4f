"""
Rows for every table there is, found by trial.

Values go by type, parents by their keys, and what a check refuses is tried again with others. So a new table needs
nothing here until its checks want a value that chance does not find.
"""

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[Any]"

_TRIES = 400
_ROWS = 3
BOOKS = {"alembic_version", "schema_revision", "schema_step", "schema_kept"}

_TABLES = """
select c.oid::regclass::text as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'
order by 1
"""
_COLUMNS = """
select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required,
       a.attidentity <> '' or a.attgenerated <> ''
         or coalesce(pg_get_expr(d.adbin, d.adrelid), '') like 'nextval%' as made,
       array(select e.enumlabel::text from pg_enum e where e.enumtypid = a.atttypid order by e.enumsortorder) as labels
from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""
_PARENTS = """
select confrelid::regclass::text as parent,
       (select array_agg(a.attname::text order by k.place) from unnest(conkey) with ordinality k(n, place)
        join pg_attribute a on a.attrelid = conrelid and a.attnum = k.n) as here,
       (select array_agg(a.attname::text order by k.place) from unnest(confkey) with ordinality k(n, place)
        join pg_attribute a on a.attrelid = confrelid and a.attnum = k.n) as there
from pg_constraint where contype = 'f' and conparentid = 0 and conrelid = $1::regclass
"""
_CHECKS = "select pg_get_constraintdef(oid) as said from pg_constraint where contype = 'c' and conrelid = $1::regclass"

# Rows of the whole installation; a few tables hold nothing else.
_INSTALLATION = UUID(int=0)
TENANT = UUID("01900000-0000-7000-8000-00000000aaaa")


async def tables(connection: Connection) -> list[str]:
    """The tables that hold rows of their own, but for what the runner keeps."""
    return [row["name"] for row in await connection.fetch(_TABLES) if row["name"] not in BOOKS]


async def fill(connection: Connection) -> dict[str, int]:
    """Put rows into every table that has none; return how many each has."""
    waiting = [name for name in await tables(connection) if not await _count(connection, name)]
    chance = random.Random(7)
    for _ in range(len(waiting) + 1):
        # A trigger on another table may have made rows in the meantime.
        waiting = [
            name for name in waiting if not await _count(connection, name) and not await _fill(connection, name, chance)
        ]
    assert waiting == [], f"no rows could be found for {waiting}: say in rows.py what their checks want"
    return {name: await _count(connection, name) for name in await tables(connection)}


async def contents(connection: Connection) -> dict[str, dict[str, str]]:
    """What every column of every table holds, as a digest, row by row in the order of the rows' keys."""
    found: dict[str, dict[str, str]] = {}
    for name in await tables(connection):
        columns = [row["name"] for row in await connection.fetch(_COLUMNS, name)]
        rows = await connection.fetch(
            f"select {', '.join(f'{column}::text' for column in columns)} from {name} order by {', '.join(columns)}"
        )
        found[name] = {
            column: hashlib.sha256("\n".join(str(row[place]) for row in rows).encode()).hexdigest()
            for place, column in enumerate(columns)
        } | {"": str(len(rows))}
    return found


def common(one: Mapping[str, Mapping[str, str]], other: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """The part of `one` whose tables and columns `other` has too."""
    return {
        table: {column: value for column, value in columns.items() if column in other[table]}
        for table, columns in one.items()
        if table in other
    }


async def _fill(connection: Connection, name: str, chance: random.Random) -> bool:
    columns = await connection.fetch(_COLUMNS, name)
    parents = await connection.fetch(_PARENTS, name)
    words = re.findall(r"'([a-z][\w:.-]*)'", " ".join(row["said"] for row in await connection.fetch(_CHECKS, name)))
    made = 0
    for tried in range(_TRIES):
        # A row of the one organisation first, so that rows which need several parents find all of them in it.
        organisation = TENANT if not made and tried < _TRIES // 2 else chance.choice((TENANT, TENANT, _INSTALLATION))
        inherited: dict[str, Any] = {}
        for parent in parents:
            there = ", ".join(parent["there"])
            found = await connection.fetch(f"select {there} from {parent['parent']} order by {there}")
            if not found:
                return False
            of_it = [row for row in found if row.get("organisation_id", organisation) == organisation]
            inherited |= dict(zip(parent["here"], chance.choice(of_it or found), strict=True))
        values = {c["name"]: _value(c, words, chance) for c in columns if not c["made"]}
        if "organisation_id" in values:
            values["organisation_id"] = organisation
        values |= inherited
        made += await _insert(connection, name, columns, values)
        if made >= _ROWS:
            break
    return made > 0


async def _count(connection: Connection, name: str) -> int:
    return int(await connection.fetchval(f"select count(*) from {name}"))


async def _insert(
    connection: Connection, name: str, columns: Sequence[Mapping[str, Any]], values: Mapping[str, Any]
) -> bool:
    types = {c["name"]: c["type"] for c in columns}
    texts = [None if value is None else str(value) for value in values.values()]
    placed = ", ".join(f"${place}::text::{types[column]}" for place, column in enumerate(values, 1))
    try:
        async with connection.transaction():
            await connection.execute(f"insert into {name} ({', '.join(values)}) values ({placed})", *texts)
    except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, asyncpg.RaiseError):
        return False
    return True


def _value(column: Mapping[str, Any], words: Sequence[str], chance: random.Random) -> Any:
    if not column["required"] and chance.random() < 0.4:
        return None
    return _of_type(column, words, chance)


def _of_type(column: Mapping[str, Any], words: Sequence[str], chance: random.Random) -> Any:
    kind, number = column["type"], chance.randrange(1, 90)
    if column["labels"]:
        return chance.choice(column["labels"])
    if kind.endswith("[]"):
        inner = _of_type({**column, "type": kind[:-2]}, [], chance)
        return "{" + str(inner).replace(",", "") + "}"
    by_type = {
        "uuid": UUID(int=(0x01900000_0000_7000_8000 << 48) + chance.getrandbits(40)),
        "bytea": "\\x" + chance.randbytes(32).hex(),
        "boolean": chance.choice(["true", "false"]),
        "jsonb": f'{{"a": {number}}}',
        "date": f"2026-01-{number % 28 + 1:02}",
        "timestamp with time zone": f"2026-01-{number % 28 + 1:02}T10:00:00Z",
        "time without time zone": "08:00",
        "interval": f"{number} minutes",
        "daterange": "[2026-01-01,2026-02-01)",
        "xid8": str(number),
        "inet": "192.0.2.1",
        "double precision": str(number / 100),
        "numeric": str(number / 100),
    }
    if kind in by_type:
        return by_type[kind]
    if kind.startswith("character") or kind == "text":
        return chance.choice([*words, *words, f"a{number}", chance.choice("bcdfgh")])
    return number
