"""
The data set of the benchmarks: 1,000 organisations, 1 million patients, 1.5 million assignments, 10 million entries.

    load/dataset.py build [--entries N] [--patients N] [--organisations N] [--data-dir DIR]
    load/dataset.py serve [--data-dir DIR] [--port PORT]     PostgreSQL and one web worker, until Ctrl-C
    load/dataset.py database [--data-dir DIR]                PostgreSQL alone, until Ctrl-C
    load/dataset.py sizes [--data-dir DIR]                   rows and bytes by table, of the one that runs

Everything in it is ciphertext under real keys, so the server can serve it. The same seed gives the same people and
plans; keys are always fresh. A build that was cut off goes on where it was. Run with PYTHONPATH=server.
"""

import argparse
import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import perf_counter, sleep

import asyncpg

from healthprotocol.cli.installation import DATABASE, Installation
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.db.transaction import Database, open_pool
from healthprotocol.trust.accounts.service import PasswordHasher
from population import people, tables
from population.clinics import PASSWORD, PRESENT, Clinic, clinics, open_clinic, staff_of
from population.history import Scribe
from population.rows import Rows

CHUNK = 1_000
SEED = 1871
_MONTHS = 8

# Nothing of it survives a crash of the machine; a build that was cut off by one is begun again.
_BUILDING = """
shared_buffers = '1GB'
maintenance_work_mem = '1GB'
max_wal_size = '8GB'
wal_level = minimal
max_wal_senders = 0
synchronous_commit = off
autovacuum = off
checkpoint_timeout = '30min'
max_parallel_maintenance_workers = 2
"""
# As an operator would set it on a machine like this one; durable, as the launcher has it.
_SERVING = """
shared_buffers = '2GB'
effective_cache_size = '8GB'
maintenance_work_mem = '256MB'
max_wal_size = '4GB'
track_io_timing = on
"""
_SIGN_IN = f"clinician@clinic-0000.example, password: {PASSWORD}"


class Wanted(argparse.Namespace):
    """What to build."""

    entries: int
    patients: int
    organisations: int
    audited: float
    workers: int
    seed: int
    at: datetime


def installation(data_dir: Path) -> Installation:
    """Return what the data directory is to the product: the same root key, the same address of the database."""
    return Installation(Settings(data_dir=data_dir, database_url=None))


def configure(data_dir: Path, text: str) -> None:
    """Choose PostgreSQL's settings for the next start."""
    path = data_dir / "postgresql" / "operator.conf"
    path.write_text(text)


def build(wanted: Wanted, data_dir: Path) -> None:
    """Make or go on making the data set. Leaves the server stopped, with durable settings."""
    began = perf_counter()
    place = installation(data_dir)
    with EmbeddedServer(data_dir, durable=False) as server:
        server.ensure_database(DATABASE)
    configure(data_dir, _BUILDING)
    with EmbeddedServer(data_dir, durable=False) as server:
        url = server.url_of(DATABASE)
        asyncio.run(migrate.up(url, app_password=place.application_password))
        asyncio.run(_prepare(url, wanted.at))
        _in_processes(_open, url, data_dir, wanted)
        say(began, f"{wanted.organisations} organisations are open")
        _in_processes(_fill, url, data_dir, wanted)
        say(began, "all chunks are written")
        asyncio.run(_finish(url, began))
    configure(data_dir, _SERVING)
    say(began, f"done: start it with `python load/dataset.py serve --data-dir {data_dir}`")


async def _prepare(url: str, at: datetime) -> None:
    connection = await asyncpg.connect(url)
    for table in ("entry", "audit_event"):
        await connection.execute(
            "select ensure_month_partitions($1::text::regclass, ($2::timestamptz - $3 * interval '1 month')::date, $4)",
            table, at, _MONTHS, _MONTHS + 3,
        )  # fmt: skip
    await tables.strip(connection)
    await connection.close()


async def _finish(url: str, began: float) -> None:
    connection = await asyncpg.connect(url)
    await tables.restore(connection, lambda text: say(began, text))
    await connection.close()


def _in_processes(target: object, url: str, data_dir: Path, wanted: Wanted) -> None:
    """Run `target` in as many processes as wanted, each on its share; end all when one fails."""
    context = multiprocessing.get_context("spawn")
    running = [
        context.Process(target=_run, args=(target, url, data_dir, wanted, number)) for number in range(wanted.workers)
    ]
    for process in running:
        process.start()
    while any(process.is_alive() for process in running):
        sleep(0.5)
        if any(process.exitcode for process in running):
            for process in running:
                process.terminate()
            break
    for process in running:
        process.join()
    if any(process.exitcode for process in running):
        raise SystemExit("a part of the build failed; begin it again and it goes on")


def _run(target: object, url: str, data_dir: Path, wanted: Wanted, share: int) -> None:
    asyncio.run(target(url, data_dir, wanted, share))  # type: ignore[operator]


def _clinics(wanted: Wanted) -> list[Clinic]:
    return clinics(organisations=wanted.organisations, patients=wanted.patients, seed=wanted.seed, at=wanted.at)


async def _open(url: str, data_dir: Path, wanted: Wanted, share: int) -> None:
    place = installation(data_dir)
    hasher = PasswordHasher()
    password_hash = await hasher.hash(PASSWORD)
    hasher.close()
    pool = await open_pool(place.application_url(url), size=1, statement_timeout_seconds=120)
    database = Database(pool, keys=KeyRing(place.root_key))
    for clinic in _clinics(wanted)[share :: wanted.workers]:
        await open_clinic(database, clinic, password_hash=password_hash, at=wanted.at)
    await database.close()


def _chunks(wanted: Wanted) -> Iterator[tuple[Clinic, int]]:
    for clinic in _clinics(wanted):
        for first in range(0, clinic.patients, CHUNK):
            yield clinic, first


async def _fill(url: str, data_dir: Path, wanted: Wanted, share: int) -> None:
    began = perf_counter()
    place = installation(data_dir)
    connection = await asyncpg.connect(url)
    await connection.execute("set session_replication_role = replica")
    keys = KeyRing(place.root_key)
    standing = await tables.done(connection)
    # By size, so that all shares end at about the same time.
    todo = [one for one in _chunks(wanted) if (one[0].index, one[1]) not in standing][share :: wanted.workers]
    for number, (clinic, first) in enumerate(todo, start=1):
        rows = Rows()
        await _chunk(connection, keys, rows, clinic, first, wanted)
        await tables.load(connection, rows.of, clinic=clinic.index, first=first)
        if number % 50 == 0 or number == len(todo):
            left = (perf_counter() - began) / number * (len(todo) - number)
            say(began, f"process {share}: {number} of {len(todo)} chunks, {left:.0f} s to go")
    await connection.close()


async def _chunk(
    connection: asyncpg.Connection, keys: KeyRing, rows: Rows, clinic: Clinic, first: int, wanted: Wanted
) -> None:
    rng = Random(f"{wanted.seed}/{clinic.index}/{first}")  # noqa: S311
    desk = people.Desk(connection, clinic.organisation_id, wanted.at)
    staff = await staff_of(connection, clinic)
    numbers = range(first, min(first + CHUNK, clinic.patients))
    born = await people.enrol(rows, keys, desk, clinic, numbers, rng=rng, by=staff.clinician_id)
    scribe = Scribe(
        rows, clinic, staff, rng=rng, at=wanted.at,
        signer=keys.signer("entry_content"), audit=await keys.purpose(desk, "audit"),
    )  # fmt: skip
    for person in born:
        scribe.live(person, entries_a_patient=wanted.entries / wanted.patients, audited=wanted.audited)


@contextmanager
def running(data_dir: Path) -> Iterator[str]:
    """Give the superuser's URL of the data set, starting PostgreSQL unless it runs; bring the schema up to date."""
    place, server = installation(data_dir), EmbeddedServer(data_dir)
    with ExitStack() as stack:
        url = server.url_of_running(DATABASE)
        if url is None:
            configure(data_dir, _SERVING)
            stack.enter_context(server)
            url = server.url_of(DATABASE)
        asyncio.run(migrate.up(url, app_password=place.application_password))
        yield url


def database(data_dir: Path) -> None:
    """Run PostgreSQL on the data set until interrupted."""
    with running(data_dir) as url:
        print(f"superuser   {url}\napplication {installation(data_dir).application_url(url)}", flush=True)
        _wait()


def serve(data_dir: Path, port: int) -> None:
    """Run one web worker on the data set, and PostgreSQL unless it runs, until interrupted."""
    place = installation(data_dir)
    with running(data_dir) as url:
        more = {
            "HP_DATABASE_URL": place.application_url(url),
            "HP_PORT": str(port),
            "HP_OPERATIONS_PORT": "0",
            "HP_LOG_LEVEL": "warning",
        }
        command = [sys.executable, "-P", "-m", "healthprotocol", "serve", "--json"]
        door = subprocess.Popen(command, env=place.child_environment(**more))
        print(f"superuser {url}\nserving http://127.0.0.1:{port} as {_SIGN_IN}", flush=True)
        try:
            _wait()
        finally:
            door.terminate()
            door.wait(30)


def sizes(data_dir: Path) -> None:
    """Print rows and bytes by table."""
    url = EmbeddedServer(data_dir).url_of_running(DATABASE)
    if url is None:
        raise SystemExit("it does not run: start it with `serve` or `database`")
    asyncio.run(_sizes(url))


async def _sizes(url: str) -> None:
    connection = await asyncpg.connect(url)
    for table in tables.COLUMNS:
        count = await connection.fetchval(f"select count(*) from {table}")  # noqa: S608
        size = await connection.fetchval(
            "select sum(pg_total_relation_size(relid)) from pg_partition_tree($1::regclass)", table
        ) or await connection.fetchval("select pg_total_relation_size($1::regclass)", table)
        print(f"{table:20} {count:12,} rows {size / 2**20:10,.0f} MiB")
    await connection.close()


def say(began: float, text: str) -> None:
    """Tell how far it is."""
    print(f"{perf_counter() - began:7.0f} s  {text}", flush=True)


def _wait() -> None:
    """Sleep until Ctrl-C, or until somebody asks this process to end."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            sleep(3600)
    except KeyboardInterrupt:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("act", choices=("build", "serve", "database", "sizes"))
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("HP_DATASET", "var/dataset")))
    parser.add_argument("--entries", type=int, default=10_000_000, help="about how many")
    parser.add_argument("--patients", type=int, default=1_000_000)
    parser.add_argument("--organisations", type=int, default=1_000)
    parser.add_argument("--audited", type=float, default=0.1, help="of how many entries there is an audit row")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--at", type=datetime.fromisoformat, default=None, help="its present; by default now")
    parser.add_argument("--port", type=int, default=8180)
    given = parser.parse_args(namespace=Wanted())
    data_dir = given.data_dir.resolve()
    if given.act == "build":
        given.at = _present(data_dir, given.at)
        build(given, data_dir)
    elif given.act == "serve":
        serve(data_dir, given.port)
    elif given.act == "database":
        database(data_dir)
    else:
        sizes(data_dir)


def _present(data_dir: Path, at: datetime | None) -> datetime:
    """Return the instant that the data set is of: the one it was begun with."""
    path = data_dir / PRESENT
    if path.exists():
        return datetime.fromisoformat(path.read_text())
    present = (at or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    data_dir.mkdir(parents=True, exist_ok=True)
    path.write_text(present.isoformat())
    return present


if __name__ == "__main__":
    main()
