"""
Five million rows get a column, its values, an index and `not null`, while 200 requests a second read and write them.

It starts a PostgreSQL of its own in a temporary folder, as durable as a real one, and a migrator in a process of its
own. The requests come at fixed times whether or not the ones before were answered, and each is timed from when it was
due, so waiting in line counts. Their code does not know the column, as that of a release before would not. Run with:
PYTHONPATH=server .venv/bin/python load/migrate_under_load.py [ROWS [REQUESTS_A_SECOND [SECONDS_BEFORE]]] [--in-turns]

`--in-turns` is for a machine that does other things too: the migrator is killed after every twenty seconds of its
backfill and goes on ten seconds later, and the pauses are what its stretches are compared with, so that what else the
machine does meets both alike. The seconds that are judged are then those in which a migrator ran.
"""

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from uuid import UUID

import asyncpg

from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.embedded import EmbeddedServer

ROWS, REQUESTS_A_SECOND, SECONDS_BEFORE = 5_000_000, 200, 30
TENANTS, CONNECTIONS, IN_LINE = 100, 16, 4000
WARM_UP_SECONDS, LONGEST_SECONDS = 5, 600
STRETCH_SECONDS, PAUSE_SECONDS = 20, 10
# A killed migrator's server process ends within two seconds, and what it left behind is over soon after.
AFTERMATH_SECONDS = 3
PASSWORD = "of-a-database-that-lives-for-minutes"  # noqa: S105 - and of no other

TABLE = """
create table reading (
  organisation_id uuid not null,
  id uuid not null,
  number int not null,
  value int not null,
  note_ct bytea not null,
  primary key (organisation_id, id)
);
select hp_protect('reading');
"""
EXPAND = """
-- Phase: expand
-- Why: a grade beside each value; the trigger fills it for code that does not know it.
alter table reading add column grade int;
comment on column reading.grade is 'class=operational; the tenth of the value';
alter table reading add constraint reading_graded check (grade is not null) not valid;
create function reading_grade() returns trigger language plpgsql as $$
begin
  new.grade := coalesce(new.grade, new.value / 10);
  return new;
end
$$;
create trigger reading_grade before insert or update on reading for each row execute function reading_grade();
"""
BACKFILL = """
-- Phase: migrate
-- Why: the rows from before.
-- Transaction: none
-- Backfill: reading, by place
update reading
set grade = value / 10
where grade is null
  and :batch;
"""
INDEX = """
-- Phase: expand
-- Why: readings are listed by grade.
-- Transaction: none
create index concurrently reading_by_grade on reading (organisation_id, grade, id);
"""
NOT_NULL = """
-- Phase: migrate
-- Why: every reading has a grade now, and the planner may know it.
-- Transaction: none
alter table reading validate constraint reading_graded;
alter table reading alter column grade set not null;
alter table reading drop constraint reading_graded;
"""
STEPS = {"0003_grade": EXPAND, "0004_grades": BACKFILL, "0005_by_grade": INDEX, "0006_graded": NOT_NULL}

# What the migrator's process runs: its progress, one line a sign.
MIGRATOR = """
import asyncio, sys
from pathlib import Path
from healthprotocol.foundation.db import migrate
def tell(doing, done, total):
    print(doing, done, total, sep="|", flush=True)
options = migrate.Options(folder=Path(sys.argv[2]), progress=tell, accept_loss=True)
asyncio.run(migrate.up(sys.argv[1], app_password=sys.argv[3], options=options))
"""


def tenant(number: int) -> UUID:
    return UUID(int=(0x0190_0000_0000_7000_8000 << 48) + number)


def row_id(number: int) -> UUID:
    return UUID(int=(0x0191_0000_0000_7000_8000 << 48) + number)


class Clients:
    """Requests at fixed times, their latencies, and what was acknowledged."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", *, rows: int, rate: int) -> None:
        self._pool = pool
        self._rows = rows
        self._rate = rate
        self._chance = random.Random(11)  # noqa: S311 - the same requests at every run
        self._next_row = rows + 1
        self._line = asyncio.Semaphore(IN_LINE)
        self.samples: list[tuple[float, float]] = []
        self.failures: list[str] = []
        self.written: set[int] = set()
        self.is_over = False

    async def run(self) -> None:
        began, sent = perf_counter(), 0
        async with asyncio.TaskGroup() as group:
            while not self.is_over:
                due = began + sent / self._rate
                await asyncio.sleep(max(0.0, due - perf_counter()))
                await self._line.acquire()
                group.create_task(self._one(due, self._chance.random()))
                sent += 1

    async def _one(self, due: float, kind: float) -> None:
        try:
            async with asyncio.timeout(30), self._pool.acquire() as connection, connection.transaction():
                await self._ask(connection, kind)
        except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self.failures.append(type(error).__name__)
        finally:
            self._line.release()
        self.samples.append((due, perf_counter() - due))

    async def _ask(self, connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]", kind: float) -> None:
        number = self._chance.randrange(1, self._rows)
        whose = tenant(number % TENANTS)
        await connection.execute("select set_config('app.organisation', $1, true)", str(whose))
        if kind < 0.6:  # noqa: PLR2004 - the share of reads
            await connection.fetchrow("select number, value, note_ct from reading where id = $1", row_id(number))
        elif kind < 0.75:  # noqa: PLR2004 - and of lists
            await connection.fetch(
                "select id, value from reading where organisation_id = $2 and id > $1 order by id limit 20",
                row_id(number),
                whose,
            )
        elif kind < 0.85:  # noqa: PLR2004 - and of changes
            await connection.execute("update reading set number = number + 1 where id = $1", row_id(number))
        else:
            await self._write(connection)

    async def _write(self, connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]") -> None:
        number, self._next_row = self._next_row, self._next_row + 1
        whose = tenant(number % TENANTS)
        await connection.execute("select set_config('app.organisation', $1, true)", str(whose))
        await connection.execute(
            "insert into reading (organisation_id, id, number, value, note_ct) values ($1, $2, $3, $4, $5)",
            whose,
            row_id(number),
            number,
            number % 1000,
            bytes(60),
        )
        self.written.add(number)


def write_files(folder: Path) -> None:
    for source in migrate.migrations_folder().glob("0001_*.sql"):
        shutil.copy(source, folder)
    for name, up in {"0002_reading": TABLE, **STEPS}.items():
        (folder / f"{name}.up.sql").write_text(f"-- {name}.up.sql\n{up.lstrip()}")
        (folder / f"{name}.down.sql").write_text("-- Undo: none, because the database lives for minutes\n")


async def fill(url: str, rows: int) -> None:
    connection = await asyncpg.connect(url)
    for begin in range(1, rows + 1, 250_000):
        await connection.execute(
            """
            insert into reading (organisation_id, id, number, value, note_ct)
            select ('01900000-0000-7000-8000-' || lpad(to_hex(n % $3), 12, '0'))::uuid,
                   ('01910000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
                   n, n % 1000, decode(repeat(md5(n::text), 4), 'hex')
            from generate_series($1::int, $2::int) n
            """,
            begin,
            min(begin + 249_999, rows),
            TENANTS,
        )
    await connection.execute("vacuum analyze reading")
    await connection.execute("checkpoint")
    await connection.close()


class Migrator:
    """Migrators one after another; when each revision was worked on, and when nobody was at work."""

    def __init__(self, url: str, folder: Path, *, in_turns: bool) -> None:
        self._command = (sys.executable, "-c", MIGRATOR, url, str(folder), PASSWORD)
        self._in_turns = in_turns
        self._line = "nothing"
        self.worked: dict[str, list[tuple[float, float]]] = {}
        self.paused: list[tuple[float, float]] = []

    async def run(self) -> None:
        """Go on until everything is applied."""
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                while not await self._stretch():
                    began = perf_counter()
                    await asyncio.sleep(PAUSE_SECONDS)
                    self.paused.append((began + AFTERMATH_SECONDS, perf_counter()))
        except TimeoutError:
            raise SystemExit(f"not done after {LONGEST_SECONDS} s, at {self._line}: is the machine quiet?") from None

    async def _stretch(self) -> bool:
        """Run one migrator; return whether it came to its end, not to its twenty seconds of backfilling."""
        process = await asyncio.create_subprocess_exec(*self._command, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        began = last = perf_counter()
        try:
            async for raw in process.stdout:
                self._line = raw.decode().strip()
                name = self._line.split(",")[0].split("|")[0]
                self.worked.setdefault(name, []).append((last, perf_counter()))
                last = perf_counter()
                if self._in_turns and name == "0004_grades" and last - began > STRETCH_SECONDS:
                    return False
        finally:
            if process.returncode is None and not process.stdout.at_eof():
                process.kill()
            code = await process.wait()
        if code != 0:
            raise SystemExit("the migrator failed")
        return True


def p99_ms(samples: list[tuple[float, float]], times: list[tuple[float, float]]) -> float:
    stretches = joined(times)
    chosen = sorted(latency for due, latency in samples if any(begin <= due < end for begin, end in stretches))
    return chosen[int(len(chosen) * 0.99)] * 1000 if chosen else 0.0


def joined(times: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the same stretches of time with those that touch made one."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(times):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


async def measured(url: str, folder: Path, chosen: argparse.Namespace) -> dict[str, float]:
    write_files(folder)
    options = migrate.Options(folder=folder, accept_loss=True)
    await migrate.up(url, app_password=PASSWORD, target="0002", options=options)
    began = perf_counter()
    await fill(url, chosen.rows)
    print(f"{chosen.rows:,} rows in {perf_counter() - began:.0f} s")
    pool = await asyncpg.create_pool(
        migrate.app_url(url, app_password=PASSWORD), min_size=CONNECTIONS, max_size=CONNECTIONS
    )
    clients = Clients(pool, rows=chosen.rows, rate=chosen.rate)
    running = asyncio.create_task(clients.run())
    await asyncio.sleep(WARM_UP_SECONDS)
    start = perf_counter()
    await asyncio.sleep(chosen.seconds)
    migrator = Migrator(url, folder, in_turns=chosen.in_turns)
    migrator.paused.append((start, perf_counter()))
    await migrator.run()
    await asyncio.sleep(min(chosen.seconds, 10))
    clients.is_over = True
    await running
    await pool.close()
    return judged(clients, migrator) | await lost(url, clients, rows=chosen.rows)


def judged(clients: Clients, migrator: Migrator) -> dict[str, float]:
    for name, times in migrator.worked.items():
        seconds = sum(end - begin for begin, end in joined(times))
        print(f"{name:16} {seconds:6.1f} s, p99 {p99_ms(clients.samples, times):7.1f} ms")
    worked = [time for times in migrator.worked.values() for time in times]
    # In turns the pauses lie between the stretches of the backfill; the rest of the work has none beside it.
    compared = migrator.worked["0004_grades"] if len(migrator.paused) > 1 else worked
    beside = migrator.paused[1:] or migrator.paused
    before, during = p99_ms(clients.samples, beside), p99_ms(clients.samples, compared)
    print(f"{len(clients.samples):,} requests; p99 without {before:.1f} ms, during {during:.1f} ms")
    print(f"{len(migrator.paused) - 1} kills; failures: {sorted(set(clients.failures))}")
    return {
        "p99_times": during / before,
        "failed_requests": len(clients.failures),
        "seconds": sum(end - begin for begin, end in joined(worked)),
    }


async def lost(url: str, clients: Clients, *, rows: int) -> dict[str, float]:
    connection = await asyncpg.connect(url)
    there = {row[0] for row in await connection.fetch("select number from reading where number > $1", rows)}
    old = await connection.fetchval("select count(*) from reading where id <= $1", row_id(rows))
    ungraded = await connection.fetchval("select count(*) from reading where grade is distinct from value / 10")
    await connection.close()
    return {"lost_rows": len(clients.written - there) + rows - old, "rows_without_value": ungraded}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=ROWS)
    parser.add_argument("rate", type=int, nargs="?", default=REQUESTS_A_SECOND)
    parser.add_argument("seconds", type=int, nargs="?", default=SECONDS_BEFORE)
    parser.add_argument("--in-turns", action="store_true")
    chosen = parser.parse_args()
    budgets = json.loads((Path(__file__).parent / "budgets.json").read_text())["migrate_under_load"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "migrations").mkdir()
        with EmbeddedServer(folder) as server:
            url = server.ensure_database("load")
            figures = asyncio.run(measured(url, folder / "migrations", chosen))
    print(f"{chosen.rows:,} rows at {chosen.rate} requests a second")
    for figure, value in figures.items():
        print(f"{figure:32} {value:8.2f}   budget {budgets[figure]:6}")
    return 1 if any(value > budgets[figure] for figure, value in figures.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
