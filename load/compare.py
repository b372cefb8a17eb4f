"""
Each piece before and after, as a ratio with its confidence interval, on the data set: both take turns in one run.

The data set must run (`load/dataset.py database`); what is written is rolled back, but for events of the audit log.
Run with: PYTHONPATH=server .venv/bin/python load/compare.py --data-dir DIR [--only WORD]
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from healthprotocol.care.adherence import repository as adherence
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import ProtocolContent
from healthprotocol.cli.installation import Installation
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.db.transaction import Database, open_pool
from healthprotocol.foundation.ids import OrganisationId, new_id
from healthprotocol.trust.audit import service as audit
from measuring.ratio import Ratio, compared, of_pairs
from pool import PHASES, Simulation
from tests.support import virtual_time

Connection = Any
# Without its index a read may take seconds.
_INDEX_PAIRS = 6
# A short version of pool.py, which has every size and whole phases.
_POOL_SEEDS, _POOL_SIZES = 3, (8, 16, 32)
_AT_ONCE, _TRAIL_POOL, _ONE = 32, 16, UUID(int=1)

DAYS_BY_PATIENT = """
select d.patient_id as id, sum(d.completed)::int as completed, sum(d.skipped)::int as skipped,
  sum(d.missed)::int as missed, sum(d.completed)::float8 / nullif(sum(d.completed + d.skipped + d.missed), 0) as ratio
from adherence_day d
where d.organisation_id = $1 and d.day between $2 and $3
  and exists (
    select from assignment a
    where a.organisation_id = d.organisation_id and a.id = d.assignment_id and a.status in ('active', 'paused')
  )
group by d.patient_id
order by ratio nulls last, missed desc, d.patient_id
limit $4
"""
MONTHS_BY_PATIENT = f"""
select found.*, found.completed::float8 / (found.completed + found.skipped + found.missed) as ratio
from ({adherence._GROUPS["patient"]}) as found
where found.completed + found.skipped + found.missed > 0
order by ratio, missed desc, found.id
limit $4
"""  # noqa: S608, SLF001
COUNTS = """
select day, activity_key, sum(completed)::int, sum(skipped)::int, sum(missed)::int, sum(on_time)::int
from {table}
where organisation_id = $1 and day between $2 and $3 and protocol_id = $4
group by day, activity_key
"""
CONTENTS = """
select v.content::text as content from protocol_version v where v.organisation_id = $1 and v.protocol_id = $2
"""
TITLES = """
select v.content ->> 'title' as title from protocol_version v where v.organisation_id = $1 and v.protocol_id = $2
"""
OPERATION = """
insert into operation (organisation_id, id, kind, status, created_by, created_at, updated_at)
values ($1, $2, 'benchmark', 'queued', $3, $4, $4)
"""
EVENT_COLUMNS = """
organisation_id, id, at, actor_id, actor_role, action, object_type, outcome, purpose, request_id, salt, leaf
"""
EVENT = f"insert into audit_event ({EVENT_COLUMNS}) values ($1, $2, $4, $3, {{values}})"  # noqa: S608 - made of the constants here
EVENT_VALUES = "'clinician', 'benchmark.write', 'benchmark', 'success', 'TREAT', 'benchmark', $5, $5"


class Scene(msgspec.Struct, frozen=True):
    """Whom the comparison is about: the clinic with the large cohort."""

    organisation_id: UUID
    protocol_id: UUID
    library_id: UUID
    patient_id: UUID
    assignment_ids: list[UUID]
    at: datetime


async def scene_of(connection: Connection, at: datetime) -> Scene:
    """Find the large clinic and some of what is in it."""
    organisation_id = await connection.fetchval("select organisation_id from organisation where name = 'Clinic 0000'")

    async def protocol(title: str) -> UUID:
        sql = "select id from protocol where organisation_id = $1 and title = $2"
        return await connection.fetchval(sql, organisation_id, title)

    patient_id = await connection.fetchval(
        "select patient_id from assignment where organisation_id = $1 order by id limit 1", organisation_id
    )
    plans = await connection.fetch(
        "select id from assignment where organisation_id = $1 and patient_id = $2", organisation_id, patient_id
    )
    return Scene(
        organisation_id,
        await protocol("Blood pressure at home"),
        await protocol("Protocol 001 of the library"),
        patient_id,
        [row["id"] for row in plans],
        at,
    )


class Run:
    """One connection as the application has it, in the transaction of the tenant, never committed."""

    def __init__(self, connection: Connection, scene: Scene) -> None:
        self.connection = connection
        self.scene = scene

    async def begin(self) -> None:
        """Become the application in the tenant."""
        await self.connection.execute(
            f"begin; set local role hp_app; set local app.organisation = '{self.scene.organisation_id}';"
            " set local statement_timeout = '60s'"
        )

    async def over(self) -> None:
        """Undo everything."""
        await self.connection.execute("rollback")

    async def rollups(self) -> AsyncIterator[Ratio]:
        """Sums and running totals against the counts by day that they are kept from."""
        scene, today = self.scene, self.scene.at.date()
        month = (scene.organisation_id, today - timedelta(days=28), today)
        quarter = (scene.organisation_id, today - timedelta(days=89), today, scene.protocol_id)

        async def ask(sql: str, *args: object) -> object:
            return await self.connection.fetch(sql, *args)

        yield await compared(
            "dashboard of 10,000 patients: days / running totals",
            lambda: ask(DAYS_BY_PATIENT, *month, 200), lambda: ask(MONTHS_BY_PATIENT, *month, 200), pairs=20,
        )  # fmt: skip
        yield await compared(
            "cohort of 10,000, 90 days: days / sums",
            lambda: ask(COUNTS.format(table="adherence_day"), *quarter),
            lambda: ask(COUNTS.format(table="adherence_sum"), *quarter),
            pairs=15,
        )

    async def protocols(self) -> AsyncIterator[Ratio]:
        """What lists of versions read: all that they say, or their titles."""
        decoder = msgspec.json.Decoder(ProtocolContent)

        async def contents() -> object:
            rows = await self.connection.fetch(CONTENTS, self.scene.organisation_id, self.scene.library_id)
            return [decoder.decode(row["content"]) for row in rows]

        async def titles() -> object:
            return await self.connection.fetch(TITLES, self.scene.organisation_id, self.scene.library_id)

        yield await compared("26 versions: contents / titles", contents, titles, pairs=60)

    async def writes(self) -> AsyncIterator[Ratio]:
        """A row and its audit row: two statements, or one with a common table expression."""
        separate = EVENT.format(values=EVENT_VALUES)
        together = f"with row as ({OPERATION}) {separate}"

        def args(event: bool) -> tuple[Any, ...]:  # noqa: FBT001
            at = self.scene.at
            return (self.scene.organisation_id, new_id(at), uuid4(), at, *((os.urandom(32),) if event else ()))

        async def two() -> None:
            await self.connection.execute(OPERATION, *args(event=False))
            await self.connection.execute(separate, *args(event=True))

        async def one() -> None:
            await self.connection.execute(together, *args(event=True))

        yield await compared("row and audit row: two statements / one", two, one, pairs=400)

    async def indexes(self) -> AsyncIterator[Ratio]:
        """Reads without any index, and with the one that serves them."""
        scene, day = self.scene, self.scene.at.date()
        who, month = scene.organisation_id, day - timedelta(days=31)
        reads: list[tuple[str, str, tuple[object, ...]]] = [
            (
                "assignment_patient",
                "select id, status from assignment where organisation_id = $1 and patient_id = $2",
                (who, scene.patient_id),
            ),
            (
                "entry_assignment",
                """
                select id, outcome
                from entry
                where organisation_id = $1 and assignment_id = any($2::uuid[]) and planned_on between $3 and $4
                """,
                (who, scene.assignment_ids, month, day),
            ),
            (
                "entry_recorded_at",
                "select id from entry where organisation_id = $1 order by recorded_at desc, id desc limit 51",
                (who,),
            ),
            (
                "patient_created_at",
                "select id from patient where organisation_id = $1 order by created_at desc, id desc limit 51",
                (who,),
            ),
            (
                "adherence_month_month",
                "select count(*) from adherence_month where organisation_id = $1 and month = $2",
                (who, day.replace(day=1)),
            ),
            (
                "adherence_sum_day",
                "select sum(completed) from adherence_sum where organisation_id = $1 and day between $2 and $3",
                (who, month, day),
            ),
        ]
        for index, sql, args in reads:
            yield await self._index(index, sql, args)

    async def _index(self, index: str, sql: str, args: tuple[object, ...]) -> Ratio:
        async def read(*, served: bool) -> float:
            word = "on" if served else "off"
            await self.connection.execute(
                f"set local enable_indexscan = {word}; set local enable_bitmapscan = {word};"
                f" set local enable_indexonlyscan = {word}"
            )
            # A statement keeps the plan that it has; another text is planned anew.
            text = sql if served else f"{sql} -- scanning"
            began = perf_counter()
            await self.connection.fetch(text, *args)
            return (perf_counter() - began) * 1000

        # To switch is not part of what is timed, so the pairs are made here.
        await read(served=True)
        times = [(await read(served=False), await read(served=True)) for _ in range(_INDEX_PAIRS)]
        return of_pairs(f"scanning / with index {index}", times)


async def cache(data_dir: Path, url: str, scene: Scene) -> AsyncIterator[Ratio]:
    """What a published version says, asked for past the cache and from it, each in a transaction of its own."""
    place = Installation(Settings(data_dir=data_dir, database_url=None))
    pool = await open_pool(place.application_url(url), size=1, statement_timeout_seconds=30)
    database = Database(pool, keys=KeyRing(place.root_key))

    async def read(*, past: bool) -> object:
        context = RequestContext(request_id="compare", is_past_caches=past)
        async with database.transaction(OrganisationId(scene.organisation_id), context=context) as tx:
            return await protocols.contents(tx, [(scene.library_id, 1)])

    name = "a version: past the cache / from it"
    yield await compared(name, lambda: read(past=True), lambda: read(past=False), pairs=200)
    await database.close()


async def trail(data_dir: Path, url: str, scene: Scene) -> AsyncIterator[Ratio]:
    """Reads at the same time, each of which leaves a durable event: with a commit of its own, and with one for all."""
    place = Installation(Settings(data_dir=data_dir, database_url=None))
    pool = await open_pool(place.application_url(url), size=_TRAIL_POOL, statement_timeout_seconds=30)
    apart, together = (Database(pool, keys=KeyRing(place.root_key)) for _ in range(2))
    together.attach(audit.ReadTrail(together))

    async def read(database: Database) -> None:
        async with database.transaction(OrganisationId(scene.organisation_id), is_read=True) as tx:
            await tx.fetchrow("select time_zone from patient where organisation_id = $1 and id = $2", tx.tenant, _ONE)
            await audit.record(tx, None, "benchmark.read", object_type="benchmark")

    async def reads(database: Database) -> None:
        await asyncio.gather(*(read(database) for _ in range(_AT_ONCE)))

    name = f"{_AT_ONCE} reads at once, recorded: a commit each / one for all"
    yield await compared(name, lambda: reads(apart), lambda: reads(together), pairs=60)
    await pool.close()


def pools() -> Ratio:
    """The p99 of the best fixed size and of ours, in virtual time on the same work: a pair for each seed."""
    short = tuple(msgspec.structs.replace(phase, seconds=phase.seconds / 9) for phase in PHASES)
    pairs: list[tuple[float, float]] = []
    for seed in range(_POOL_SEEDS):
        p99s = {size: virtual_time.run(Simulation(size, short, seed).run()).p99() for size in (None, *_POOL_SIZES)}
        ours = p99s.pop(None)
        pairs.append((min(p99s.values()) * 1000, ours * 1000))
    return of_pairs("p99 of a pool: best fixed size / ours", pairs)


def judged(piece: str, ratio: Ratio) -> bool:
    """Print a ratio beside the least that its piece is held to, and tell whether it is as much."""
    least = json.loads((Path(__file__).parent / "budgets.json").read_text())["compare"][f"{piece}_times_at_least"]
    print(f"{ratio}   budget at least {least}", flush=True)
    return ratio.times >= least


async def run(data_dir: Path, only: str) -> bool:
    """Compare every piece whose name holds `only`; tell whether all of them are worth what they are held to."""
    url = EmbeddedServer(data_dir).url_of_running("healthprotocol")
    if url is None:
        raise SystemExit("the data set does not run: start it with `load/dataset.py database`")
    connection = await asyncpg.connect(url)
    scene = await scene_of(connection, datetime.fromisoformat((data_dir / "dataset.at").read_text()))
    one, is_kept = Run(connection, scene), True
    for piece in (one.rollups, one.protocols, one.writes, one.indexes):
        if only not in piece.__name__:
            continue
        await one.begin()
        async for ratio in piece():
            is_kept &= judged(piece.__name__, ratio)
        await one.over()
    for apart in (cache, trail):
        if only in apart.__name__:
            async for ratio in apart(data_dir, url, scene):
                is_kept &= judged(apart.__name__, ratio)
    await connection.close()
    return is_kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--only", default="", help="rollups, protocols, writes, indexes, cache, trail or pools")
    given = parser.parse_args()
    is_kept = asyncio.run(run(given.data_dir.resolve(), given.only))
    if given.only in "pools":
        is_kept &= judged("pools", pools())
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
