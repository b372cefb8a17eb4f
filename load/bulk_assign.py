"""
Ten thousand patients are given a year's protocol in one operation: how long it takes, and what the database grows by.

It starts a PostgreSQL of its own in a temporary folder, as durable as a real one, and a real worker process. Run with:
PYTHONPATH=server .venv/bin/python load/bulk_assign.py [PATIENTS]
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time
from pathlib import Path
from time import perf_counter

import asyncpg
import psutil

from healthprotocol.care.assignments import service
from healthprotocol.care.assignments.model import BulkAssignment
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent, ProtocolId, Schedule
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.db.transaction import Database, open_pool
from healthprotocol.foundation.ids import AccountId, OrganisationId, new_id
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.trust.accounts.model import Account
from healthprotocol.trust.accounts.repository import accounts

PATIENTS = 10_000
DAYS, ACTIVITIES = 365, 4
PASSWORD = "of-a-database-that-lives-for-a-minute"  # noqa: S105 - and of no other
MEBIBYTE = 1024 * 1024
LONGEST_SECONDS = 600
# A batch's rows stand in the tables; beyond them only its operation, its queue and the sweep of the clock write.
FEW = 100

ACTOR = Actor(
    account_id=AccountId(new_id(system_clock())),
    organisation_id=OrganisationId(new_id(system_clock())),
    role="coordinator",
)
CONTENT = ProtocolContent(
    title="A year, twice a day",
    duration_days=DAYS,
    phases=(
        Phase(
            title="All of it",
            start_day=1,
            length_days=DAYS,
            activities=tuple(
                Activity(
                    key=f"activity-{number}",
                    kind="task",
                    title="To do",
                    schedule=Schedule(time_of_day=(time(8, number), time(20, number))),
                )
                for number in range(ACTIVITIES)
            ),
        ),
    ),
)


ACCOUNT = Account(
    id=ACTOR.account_id,
    organisation_id=ACTOR.organisation_id,
    role=ACTOR.role,
    status="active",
    name=None,
    email="nobody@weser.example",
    patient_id=None,
    has_password=False,
    created_at=system_clock(),
    updated_at=system_clock(),
    revision=1,
)


async def prepare(database: Database, patients: int) -> ProtocolId:
    """Make an organisation with a published protocol and its patients: their rows alone, since nobody reads them."""
    async with database.transaction(ACTOR.organisation_id) as tx:
        await tx.execute(
            "insert into organisation (organisation_id, name, created_at, updated_at) values ($1, 'Delta', $2, $2)",
            tx.tenant,
            tx.now,
        )
        await tx.keys.create_organisation(tx)
        # Long work is done for an account that is there: this one never signs in.
        await accounts.insert(tx, ACCOUNT, password_hash=None, created_by=None)
    async with database.transaction(ACTOR.organisation_id, actor=ACTOR) as tx:
        draft = await protocols.create(tx, ACTOR, CONTENT)
        await protocols.publish(tx, ACTOR, draft.protocol_id)
        await tx.execute(
            """
            insert into patient (organisation_id, id, status, time_zone, created_at, created_by, updated_at)
            select $1, id, 'active', 'Europe/Berlin', $3, $4, $3
            from unnest($2::uuid[]) as id
            """,
            tx.tenant,
            [tx.new_id() for _ in range(patients)],
            tx.now,
            ACTOR.account_id,
        )
    return draft.protocol_id


async def rows(admin_url: str) -> dict[str, int]:
    """Return how many rows every table holds, partitions counted with their tables."""
    connection = await asyncpg.connect(admin_url)
    tables = await connection.fetch(
        """
        select c.oid::regclass::text as name
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and not c.relispartition and n.nspname in ('public', 'pgqueuer')
        order by 1
        """
    )
    counted = {one["name"]: await connection.fetchval(f"select count(*) from {one['name']}") for one in tables}  # noqa: S608
    await connection.close()
    return counted


async def over(database: Database, operation: Operation, worker: psutil.Process) -> list[tuple[int, float]]:
    """Wait for the end of the operation; return how much memory the worker had, in MiB, at how many patients done."""
    samples: list[tuple[int, float]] = []
    async with asyncio.timeout(LONGEST_SECONDS):
        while not operation.is_over:
            await asyncio.sleep(0.1)
            async with database.transaction(ACTOR.organisation_id) as tx:
                operation = await operations.get(tx, operation.id)
            if worker.status() == psutil.STATUS_ZOMBIE:
                raise SystemExit("the worker ended")
            samples.append((operation.done, worker.memory_info().rss / MEBIBYTE))
    if operation.status != "succeeded":
        raise SystemExit(f"the operation {operation.status}: {operation.problem}")
    return samples


@contextmanager
def worker_process(app_url: str, folder: Path, root_key: Path) -> Iterator[psutil.Process]:
    """Run the worker as `healthprotocol worker` does."""
    environment = {
        **os.environ,
        "HP_DATABASE_URL": app_url,
        "HP_DATA_DIR": str(folder),
        "HP_ROOT_KEY_FILE": str(root_key),
        "HP_LOG_LEVEL": "warning",
    }
    program = "from healthprotocol.worker import main; main()"
    child = subprocess.Popen([sys.executable, "-c", program], env=environment)
    try:
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(30)


async def measured(admin_url: str, folder: Path, patients: int) -> dict[str, float]:
    """Return seconds, memory and growth of one bulk assignment."""
    await migrate.up(admin_url, app_password=PASSWORD)
    app_url = migrate.app_url(admin_url, app_password=PASSWORD)
    root_key = folder / "root.key"
    LocalRootKey.create(root_key)
    pool = await open_pool(app_url, size=2, statement_timeout_seconds=60)
    database = Database(pool, keys=KeyRing(LocalRootKey.load(root_key)))
    protocol_id = await prepare(database, patients)
    before = await rows(admin_url)

    wanted = BulkAssignment(
        protocol_id=protocol_id, starts_on=system_clock().date(), patient_filter='status = "active"'
    )
    with worker_process(app_url, folder, root_key) as worker:
        asked = perf_counter()
        async with database.transaction(ACTOR.organisation_id, actor=ACTOR) as tx:
            await service.preview_bulk(tx, ACTOR, wanted)
        began = perf_counter()
        async with database.transaction(ACTOR.organisation_id, actor=ACTOR) as tx:
            operation = await service.submit_bulk(tx, ACTOR, wanted)
        submitted = perf_counter()
        samples = await over(database, operation, worker)
        ended = perf_counter()
    growth = {name: count - before[name] for name, count in (await rows(admin_url)).items()}
    await database.close()

    print(f"grown by: { {name: by for name, by in growth.items() if by} }")
    if growth["assignment"] != patients or max(growth.values()) > patients + FEW:
        raise SystemExit(f"expected {patients} assignments and no table to grow by more")
    early = max((memory for done, memory in samples if done <= patients / 2), default=samples[0][1])
    return {
        "preview_seconds": began - asked,
        "submit_seconds": submitted - began,
        "all_seconds": ended - began,
        "memory_growth_mebibytes": max(memory for _, memory in samples) - early,
    }


def main() -> int:
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else PATIENTS
    budgets = json.loads((Path(__file__).parent / "budgets.json").read_text())["bulk_assign"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with EmbeddedServer(folder) as server:
            figures = asyncio.run(measured(server.ensure_database("load"), folder, patients))
    for figure, value in figures.items():
        print(f"{figure:32} {value:8.2f}   budget {budgets[figure]:6}   of {patients} patients")
    return 1 if any(value > budgets[figure] for figure, value in figures.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
