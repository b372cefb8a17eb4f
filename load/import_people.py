"""
Patients and their plans come in by file: what a row costs in blocks, and what it costs one at a time.

It starts a PostgreSQL of its own in a temporary folder and drives the imports inside this process, so that processor
time is counted exactly: of Python here, of PostgreSQL by its processes. The ratio of the two ways is what a busy
machine can be compared by. Run with:
PYTHONPATH=server .venv/bin/python load/import_people.py [ROWS]
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from itertools import islice
from pathlib import Path

import msgspec
import psutil

from bulk_assign import ACTOR, PASSWORD
from healthprotocol.assembly import SUBSCRIPTIONS
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.transfers import service
from healthprotocol.care.transfers.model import Noun
from healthprotocol.care.transfers.schemas import StartImport
from healthprotocol.care.transfers.service.nouns import SIZES, Size
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.db.transaction import Database, open_pool
from healthprotocol.foundation.events import Subscriptions
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.tabular import csv_line
from healthprotocol.trust.accounts.repository import accounts
from import_entries import ACCOUNT, CONTENT, CONTEXT, LIMITS

ROWS, ONE_BY_ONE = 10_000, 1_000
PEOPLE_COLUMNS = (
    "client_id", "given_name", "family_name", "birth_date", "sex", "email", "phone", "time_zone",
    "identifier_system", "identifier_value",
)  # fmt: skip
PLAN_COLUMNS = ("client_id", "patient_client_id", "protocol_title", "starts_on")
LETTERS = str.maketrans("0123456789", "abcdefghij")


class Cost(msgspec.Struct, frozen=True):
    """Processor time of a row in microseconds, and rows a second of the clock."""

    python_us: float
    postgresql_us: float
    rows_a_second: float

    @property
    def both_us(self) -> float:
        return self.python_us + self.postgresql_us


async def prepare(database: Database) -> None:
    """Make an organisation with a published protocol and an account that imports are done for."""
    async with database.transaction(ACTOR.organisation_id) as tx:
        await tx.execute(
            "insert into organisation (organisation_id, name, created_at, updated_at) values ($1, 'Delta', $2, $2)",
            tx.tenant,
            tx.now,
        )
        await tx.keys.create_organisation(tx)
        await accounts.insert(tx, ACCOUNT, password_hash=None, created_by=None)
    async with database.transaction(ACTOR.organisation_id, actor=ACTOR) as tx:
        draft = await protocols.create(tx, ACTOR, CONTENT)
        await protocols.publish(tx, ACTOR, draft.protocol_id)


def people(begin: int, end: int) -> Iterator[str]:
    """Yield the lines of a file of patients."""
    yield csv_line(PEOPLE_COLUMNS)
    for number in range(begin, end):
        name = str(number).translate(LETTERS)
        born = date(1930, 1, 1) + timedelta(days=number % 25_000)
        yield (
            f"p-{number},Ada,Weser{name},{born},female,{name}@weser.example,+49 30 {1_000_000 + number},Europe/Berlin,"
            f"urn:mrn,{number:08}\r\n"
        )


def plans(begin: int, end: int) -> Iterator[str]:
    """Yield the lines of a file of plans, one a patient."""
    yield csv_line(PLAN_COLUMNS)
    starts_on = system_clock().date()
    for number in range(begin, end):
        yield f"a-{number},p-{number},{CONTENT.title},{starts_on}\r\n"


async def stream(all_lines: Iterator[str]) -> AsyncIterator[bytes]:
    """Yield the file in pieces."""
    while waiting := list(islice(all_lines, 1_000)):
        yield "".join(waiting).encode()


def postgresql_seconds(postmaster: psutil.Process) -> float:
    """Return the processor seconds of a PostgreSQL server."""
    return sum(sum(one.cpu_times()[:4]) for one in (postmaster, *postmaster.children()))


async def cost_of(database: Database, postmaster: psutil.Process, noun: Noun, lines: Iterator[str]) -> Cost:
    """Bring a file in to its end."""
    received = await service.receive(database, ACTOR, CONTEXT, stream(lines), limits=LIMITS)
    async with database.transaction(ACTOR.organisation_id, actor=ACTOR) as tx:
        operation = await service.submit(tx, ACTOR, noun, StartImport(upload_id=received.file.id))
    before, began = (time.process_time(), postgresql_seconds(postmaster)), time.perf_counter()
    while not operation.is_over:
        async with database.transaction(ACTOR.organisation_id, statement_timeout_seconds=60) as tx:
            held = await operations.get_for_update(tx, operation.id)
            batch = await service.import_batch(tx, held)
            done = held.done + batch.count
            operation = await operations.advance(tx, held, done=done, cursor=batch.cursor, result=batch.result)
            operation = operation if batch.cursor else await operations.finish(tx, operation)
    seconds = time.perf_counter() - began
    result = operation.result or {}
    if result["created"] != result["lines"]:
        raise SystemExit(f"not every line came in: {result}")
    rows = result["lines"]
    return Cost(
        (time.process_time() - before[0]) / rows * 1e6,
        (postgresql_seconds(postmaster) - before[1]) / rows * 1e6,
        rows / seconds,
    )


async def measured(server: EmbeddedServer, admin_url: str, folder: Path, rows: int) -> dict[str, float]:
    """Return the figures of both nouns, both ways."""
    await migrate.up(admin_url, app_password=PASSWORD)
    root_key = folder / "root.key"
    LocalRootKey.create(root_key)
    pool = await open_pool(migrate.app_url(admin_url, app_password=PASSWORD), size=2, statement_timeout_seconds=60)
    database = Database(pool, keys=KeyRing(LocalRootKey.load(root_key)), subscriptions=Subscriptions(SUBSCRIPTIONS))
    assert server.pid is not None
    postmaster = psutil.Process(server.pid)
    figures: dict[str, float] = {}
    try:
        await prepare(database)
        files = {"patients": people, "assignments": plans}
        await cost_of(database, postmaster, "patients", people(-100, 0))
        for noun, lines in files.items():
            together = await cost_of(database, postmaster, noun, lines(ONE_BY_ONE, ONE_BY_ONE + rows))
            size, SIZES[noun] = SIZES[noun], Size(1, SIZES[noun].batch)
            if noun == "assignments":
                await cost_of(database, postmaster, "assignments", plans(-100, 0))
            elif noun == "patients":
                await cost_of(database, postmaster, "patients", people(-300, -200))
            alone = await cost_of(database, postmaster, noun, lines(0, ONE_BY_ONE))
            SIZES[noun] = size
            for way, cost in (("in blocks", together), ("one by one", alone)):
                print(
                    f"{noun:12} {way:11} {cost.rows_a_second:8.0f} rows a second; microseconds a row:"
                    f" Python {cost.python_us:6.0f}, PostgreSQL {cost.postgresql_us:6.0f}"
                )
            figures[f"{noun}_times_cheaper"] = alone.both_us / together.both_us
            figures[f"{noun}_us_a_row"] = together.both_us
    finally:
        await database.close()
    return figures


def main() -> int:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    budgets = json.loads((Path(__file__).parent / "budgets.json").read_text())["import_people"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with EmbeddedServer(folder) as server:
            figures = asyncio.run(measured(server, server.ensure_database("load"), folder, rows))
    broken = False
    for figure, value in figures.items():
        least = figure.endswith("times_cheaper")
        broken |= value < budgets[figure] if least else value > budgets[figure]
        print(f"{figure:26} {value:10.1f}   budget {budgets[figure]:8} ({'at least' if least else 'at most'})")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
