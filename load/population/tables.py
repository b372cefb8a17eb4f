"""
The tables of the data set while they are filled: without indexes, keys and triggers, which are put back as they were.

What was taken away is kept in the database itself, so that a build that was cut off can go on or put it back.
"""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from population.rows import COLUMNS

Connection = Any

_PREPARE = """
create schema if not exists dataset;
create table if not exists dataset.taken_away (place int primary key, restore text not null, done boolean not null);
create table if not exists dataset.chunk (clinic int, first int, primary key (clinic, first));
"""
# Keys first, then other indexes, then what refers to keys: the order in which they can be put back.
_CONSTRAINTS = """
select c.conrelid::regclass::text as table_name, c.conname as name, c.contype::text as kind,
  pg_get_constraintdef(c.oid) as definition
from pg_constraint c
where c.conrelid = any($1::text[]::regclass[]) and c.contype in ('p', 'u', 'f') and c.conparentid = 0
order by c.contype = 'f', c.contype, c.conrelid::regclass::text, c.conname
"""
_INDEXES = """
select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
from pg_index i
where i.indrelid = any($1::text[]::regclass[])
  and not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x'))
order by i.indrelid::regclass::text, i.indexrelid::regclass::text
"""


async def strip(connection: Connection) -> None:
    """Take indexes and keys away, once; the second time does nothing."""
    await connection.execute(_PREPARE)
    if await connection.fetchval("select exists (select from dataset.taken_away)"):
        return
    tables = list(COLUMNS)
    async with connection.transaction():
        constraints = await connection.fetch(_CONSTRAINTS, tables)
        indexes = await connection.fetch(_INDEXES, tables)
        add = "alter table {table_name} add constraint {name} {definition}"
        keys = [add.format(**row) for row in constraints if row["kind"] != "f"]
        references = [add.format(**row) for row in constraints if row["kind"] == "f"]
        # Of a partitioned table it is told without its partitions, which are to have it too.
        others = [row["definition"].replace(" ON ONLY ", " ON ") for row in indexes]
        restore = [*keys, *others, *references]
        await connection.executemany(
            "insert into dataset.taken_away values ($1, $2, false)", list(enumerate(restore, start=1))
        )
        for row in reversed(constraints):
            await connection.execute(f"alter table {row['table_name']} drop constraint {row['name']} cascade")
        for row in indexes:
            await connection.execute(f"drop index if exists {row['name']}")


async def load(connection: Connection, rows: dict[str, list[tuple[Any, ...]]], *, clinic: int, first: int) -> None:
    """Write one chunk, whole or not at all. The connection is the superuser's, in replica mode: no trigger fires."""
    async with connection.transaction():
        for table, found in rows.items():
            if found:
                await connection.copy_records_to_table(table, records=found, columns=COLUMNS[table])
        await connection.execute("insert into dataset.chunk values ($1, $2)", clinic, first)


async def done(connection: Connection) -> set[tuple[int, int]]:
    """Return the chunks that stand."""
    return {(row["clinic"], row["first"]) for row in await connection.fetch("select clinic, first from dataset.chunk")}


async def restore(connection: Connection, say: Callable[[str], None]) -> None:
    """Put back what was taken away, and have everything analysed."""
    waiting = await connection.fetch("select place, restore from dataset.taken_away where not done order by place")
    for number, row in enumerate(waiting, start=1):
        began = perf_counter()
        async with connection.transaction():
            await connection.execute(row["restore"])
            await connection.execute("update dataset.taken_away set done = true where place = $1", row["place"])
        say(f"{number}/{len(waiting)} {row['restore'][:90]} {perf_counter() - began:.1f} s")
    await _fill_derived(connection, say)
    say("vacuum and analyse")
    await connection.execute("vacuum (analyze)")
    await connection.execute("checkpoint")


# What triggers keep from other tables, and a load without triggers has not made.
_DERIVED: Sequence[tuple[str, str]] = (
    (
        "adherence_sum",
        """
        insert into adherence_sum (organisation_id, protocol_id, day, activity_key, completed, skipped, missed, on_time)
        select d.organisation_id, d.protocol_id, d.day, d.activity_key, sum(d.completed), sum(d.skipped), sum(d.missed),
          sum(d.on_time)
        from adherence_day d
        group by d.organisation_id, d.protocol_id, d.day, d.activity_key
        on conflict do nothing
        """,
    ),
    (
        "adherence_month",
        """
        select hp_adherence_months(d.organisation_id, array_agg(distinct d.assignment_id), min(d.day), max(d.day))
        from adherence_day d
        group by d.organisation_id
        """,
    ),
    (
        "entry_of_protocol",
        """
        insert into entry_of_protocol (organisation_id, protocol_id, recorded_at, entry_id, effective_at, planned_on)
        select e.organisation_id, a.protocol_id, e.recorded_at, e.id, e.effective_at, e.planned_on
        from entry e join assignment a on a.organisation_id = e.organisation_id and a.id = e.assignment_id
        order by e.organisation_id, a.protocol_id, e.recorded_at, e.id
        on conflict do nothing
        """,
    ),
)


async def _fill_derived(connection: Connection, say: Callable[[str], None]) -> None:
    for table, statement in _DERIVED:
        if await connection.fetchval("select to_regclass($1) is null", table):
            continue
        say(f"filling {table}")
        await connection.execute(statement)
