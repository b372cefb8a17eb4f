"""
A million entries come in with one file: how many a second, with how much memory, and what PostgreSQL and Python pay.

It starts a PostgreSQL of its own in a temporary folder, as durable as a real one, and a real worker process. Processor
time a row is what a busy machine can be compared by. Run with:
PYTHONPATH=server .venv/bin/python load/import_entries.py [ENTRIES] [by_day|by_plan]
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from time import perf_counter
from uuid import UUID, uuid5

import psutil

from bulk_assign import ACCOUNT, ACTOR, MEBIBYTE, PASSWORD, worker_process
from healthprotocol.assembly import SUBSCRIPTIONS
from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import AssignmentId, BulkAssignment
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Demographics
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import Activity, Measurement, Phase, ProtocolContent, Schedule, ValueRange
from healthprotocol.care.transfers import service
from healthprotocol.care.transfers.schemas import StartImport
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.db.transaction import Database, open_pool
from healthprotocol.foundation.events import Subscriptions
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.foundation.tabular import csv_line
from healthprotocol.trust.accounts.repository import accounts

ENTRIES, PLANS, DAYS = 1_000_000, 2_000, 180
LONGEST_SECONDS = 1_200
# Processor time that no worker starts with less of, and what it has at most in two seconds without work.
STARTED_SECONDS, RESTING_SECONDS = 0.5, 0.1
TARGET = 20_000
LIMITS = service.Limits(1024 * MEBIBYTE, timedelta(days=1))
CONTEXT = RequestContext(request_id="load")
NAMES = UUID(int=1)
COLUMNS = (
    "client_id", "assignment_id", "activity_key", "planned_local", "outcome", "effective_at", "recorded_at",
    "code", "value", "unit",
)  # fmt: skip
TIMES = (time(8), time(20))
CODES = ("8310-5", "8867-4")
CONTENT = ProtocolContent(
    title="Twice a day",
    duration_days=365,
    phases=(
        Phase(
            title="All of it",
            start_day=1,
            length_days=365,
            activities=tuple(
                Activity(
                    key=f"measure-{number}",
                    kind="measurement",
                    title="Measure",
                    schedule=Schedule(time_of_day=TIMES),
                    measurement=Measurement(code=code, unit=unit, alert_thresholds=ValueRange(high=high)),
                )
                for number, (code, unit, high) in enumerate(zip(CODES, ("Cel", "/min"), (38.5, 160.0), strict=True))
            ),
        ),
    ),
)


async def prepare(database: Database) -> tuple[list[UUID], date]:
    """Make an organisation whose patients follow a plan of four occurrences a day; return the plans and their day 1."""
    async with database.transaction(ACTOR.organisation_id) as tx:
        await tx.execute(
            "insert into organisation (organisation_id, name, created_at, updated_at) values ($1, 'Delta', $2, $2)",
            tx.tenant,
            tx.now,
        )
        await tx.keys.create_organisation(tx)
        # Long work is done for an account that is there: this one never signs in.
        await accounts.insert(tx, ACCOUNT, password_hash=None, created_by=None)
    starts_on = (system_clock() - timedelta(days=DAYS)).date()
    async with database.transaction(ACTOR.organisation_id, actor=ACTOR) as tx:
        draft = await protocols.create(tx, ACTOR, CONTENT)
        await protocols.publish(tx, ACTOR, draft.protocol_id)
        people = [Demographics(given_name="A", family_name="Weser", birth_date=date(1950, 1, 1)) for _ in range(PLANS)]
        for begin in range(0, PLANS, 500):
            await patients.create_many(tx, ACTOR, people[begin : begin + 500])
        wanted = BulkAssignment(protocol_id=draft.protocol_id, starts_on=starts_on, patient_filter='status = "active"')
        operation = await assignments.submit_bulk(tx, ACTOR, wanted)
    while not operation.is_over:
        async with database.transaction(ACTOR.organisation_id, statement_timeout_seconds=60) as tx:
            held = await operations.get_for_update(tx, operation.id)
            batch = await assignments.assign_batch(tx, held)
            operation = await operations.advance(tx, held, done=held.done + batch.count, cursor=batch.cursor)
            operation = operation if batch.cursor else await operations.finish(tx, operation)
    plans: list[UUID] = []
    async with database.transaction(ACTOR.organisation_id) as tx:
        while len(plans) < PLANS:
            plans += await assignments.ids_after(tx, after=AssignmentId(plans[-1]) if plans else None, limit=1_000)
    return plans, starts_on


def places(count: int, plans: list[UUID], order: str) -> Iterator[tuple[UUID, int, int]]:
    """Yield plan, day and turn of each entry: all plans day by day, or one plan after the other."""
    turns = len(TIMES) * len(CODES)
    each = count // len(plans)
    if order == "by_plan":
        yield from ((plan, number // turns, number % turns) for plan in plans for number in range(each))
        return
    yield from ((plan, number // turns, number % turns) for number in range(each) for plan in plans)


def lines(count: int, plans: list[UUID], starts_on: date, order: str) -> Iterator[str]:
    """Yield the lines of the file."""
    yield csv_line(COLUMNS)
    for number, (plan, day, turn) in enumerate(places(count, plans, order)):
        local = datetime.combine(starts_on + timedelta(days=day), TIMES[turn // len(CODES)]).isoformat()
        which = turn % len(CODES)
        value = 36.0 + number % 20 / 10 if which == 0 else 60 + number % 60
        yield (
            f"{uuid5(NAMES, str(number))},{plan},measure-{which},{local},completed,{local}Z,{local}Z,"
            f"{CODES[which]},{value},{('Cel', '/min')[which]}\r\n"
        )


async def stream(all_lines: Iterator[str]) -> AsyncIterator[bytes]:
    """Yield the file in pieces, as a client would send it."""
    while waiting := list(islice(all_lines, 1_000)):
        yield "".join(waiting).encode()


async def over(database: Database, operation: Operation, worker: psutil.Process) -> float:
    """Wait for the end of the operation; return how much memory the worker had at most, in MiB."""
    most = 0.0
    async with asyncio.timeout(LONGEST_SECONDS):
        while not operation.is_over:
            await asyncio.sleep(0.2)
            async with database.transaction(ACTOR.organisation_id) as tx:
                operation = await operations.get(tx, operation.id)
            if worker.status() == psutil.STATUS_ZOMBIE:
                raise SystemExit("the worker ended")
            most = max(most, worker.memory_info().rss / MEBIBYTE)
    if operation.status != "succeeded":
        raise SystemExit(f"the operation {operation.status}: {operation.problem}")
    print(f"result: {operation.result}")
    return most


async def at_rest(worker: psutil.Process) -> None:
    """Wait until the worker has started, so that its start is not counted as work on the file."""
    used = -1.0
    async with asyncio.timeout(LONGEST_SECONDS):
        while (now := cpu(worker)) < STARTED_SECONDS or now - used > RESTING_SECONDS:
            used = now
            await asyncio.sleep(2)


def cpu(*processes: psutil.Process) -> float:
    """Return the processor seconds of processes and of what they waited for."""
    return sum(sum(one.cpu_times()[:4]) for one in processes)


async def measured(server: EmbeddedServer, admin_url: str, folder: Path, count: int, order: str) -> dict[str, float]:
    """Return the figures of one import."""
    await migrate.up(admin_url, app_password=PASSWORD)
    app_url = migrate.app_url(admin_url, app_password=PASSWORD)
    root_key = folder / "root.key"
    LocalRootKey.create(root_key)
    pool = await open_pool(app_url, size=2, statement_timeout_seconds=60)
    database = Database(pool, keys=KeyRing(LocalRootKey.load(root_key)), subscriptions=Subscriptions(SUBSCRIPTIONS))
    plans, starts_on = await prepare(database)
    count -= count % len(plans)
    began = perf_counter()
    received = await service.receive(
        database, ACTOR, CONTEXT, stream(lines(count, plans, starts_on, order)), limits=LIMITS
    )
    uploaded = perf_counter() - began

    assert server.pid is not None
    postmaster = psutil.Process(server.pid)
    with worker_process(app_url, folder, root_key) as worker:
        await at_rest(worker)
        async with database.transaction(ACTOR.organisation_id, actor=ACTOR) as tx:
            operation = await service.submit(tx, ACTOR, "entries", StartImport(upload_id=received.file.id))
        before = cpu(worker), cpu(postmaster, *postmaster.children())
        began = perf_counter()
        memory = await over(database, operation, worker)
        seconds = perf_counter() - began
        after = cpu(worker), cpu(postmaster, *postmaster.children())
    await database.close()
    print(f"file: {received.file.size_bytes / MEBIBYTE:.0f} MiB, taken in within {uploaded:.1f} s (made on the way)")
    return {
        "entries_a_second": count / seconds,
        "python_us_a_row": (after[0] - before[0]) / count * 1e6,
        "postgresql_us_a_row": (after[1] - before[1]) / count * 1e6,
        "memory_mebibytes": memory,
    }


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    order = sys.argv[2] if len(sys.argv) > 2 else "by_day"  # noqa: PLR2004 - the second argument
    budgets = json.loads((Path(__file__).parent / "budgets.json").read_text())["import_entries"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with EmbeddedServer(folder) as server:
            figures = asyncio.run(measured(server, server.ensure_database("load"), folder, count, order))
    broken = False
    for figure, value in figures.items():
        least = figure == "entries_a_second"
        broken |= value < budgets[figure] if least else value > budgets[figure]
        print(f"{figure:24} {value:10.1f}   budget {budgets[figure]:8} ({'at least' if least else 'at most'})")
    rate = figures["entries_a_second"]
    verdict = "met" if rate >= TARGET else "NOT met"
    print(f"stated target, two quiet cores: {TARGET} entries a second: {verdict} ({rate:.0f})")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
