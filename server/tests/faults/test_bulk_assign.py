"""The server, the worker or PostgreSQL is killed in the middle of a bulk assignment: it completes, nothing twice."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx2
import msgspec
import pytest

from healthprotocol.care.assignments import service
from healthprotocol.care.assignments.model import BulkAssignment
from healthprotocol.care.assignments.service.bulk import BATCH_SIZE
from healthprotocol.care.protocols.model import ProtocolId
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.operations import Operation
from healthprotocol.trust.accounts.model import NewToken
from healthprotocol.trust.accounts.service import create_token
from tests.care.assignments.plans import WALK, content_of, published
from tests.faults.victim import lingering
from tests.foundation.jobs.workers import SERVER, eventually
from tests.support.launched import environment, free_port
from tests.support.people import Organisation, employ, make_organisation
from tests.support.postgresql import TEMPLATE, Cluster, open_database, start_cluster

PATIENTS = 3_000
EVERYBODY = 'status = "active"'
WORK = "assignments"


class Cohort(msgspec.Struct, frozen=True):
    """An organisation of PATIENTS, and a protocol to give to them all."""

    database: Database
    organisation: Organisation
    protocol_id: ProtocolId

    async def submit(self) -> Operation:
        actor = self.organisation.coordinator
        async with self.database.transaction(self.organisation.id, actor=actor) as tx:
            wanted = BulkAssignment(protocol_id=self.protocol_id, starts_on=tx.now.date(), patient_filter=EVERYBODY)
            return await service.submit_bulk(tx, actor, wanted)

    async def present(self, operation: Operation) -> Operation:
        async with self.database.transaction(self.organisation.id) as tx:
            return await operations.get(tx, operation.id)

    async def is_past(self, operation: Operation, done: int) -> bool:
        try:
            return (await self.present(operation)).done >= done
        except Exception:  # noqa: BLE001 - the server is down, which is the point
            return False

    async def counted(self) -> dict[str, int]:
        """Count what a bulk assignment leaves behind."""
        async with self.database.transaction(self.organisation.id) as tx:
            row = await tx.fetchrow(
                """
                select
                  (select count(*) from assignment) as assignments,
                  (select count(distinct patient_id) from assignment) as patients,
                  (select count(*) from audit_event where action = 'assignment.create') as recorded,
                  (select count(*) from adherence_cover) as counted,
                  (select count(*) from operation) as operations
                """
            )
        assert row is not None
        return dict(row)


WHOLE = {
    "assignments": PATIENTS,
    "patients": PATIENTS,
    "recorded": PATIENTS,
    "counted": PATIENTS,
    "operations": 1,
}


async def enrolled_many(database: Database) -> Cohort:
    """Found an organisation, publish a protocol, and enrol PATIENTS, of whom only the rows are needed."""
    organisation = await make_organisation(database, "Delta Clinic")
    await employ(database, organisation.coordinator)
    async with database.transaction(organisation.id) as tx:
        await tx.execute(
            """
            insert into patient (organisation_id, id, status, time_zone, created_at, created_by, updated_at)
            select $1, id, 'active', 'Europe/Berlin', $3, $4, $3
            from unnest($2::uuid[]) as id
            """,
            tx.tenant,
            [tx.new_id() for _ in range(PATIENTS)],
            tx.now,
            organisation.admin.account_id,
        )
    return Cohort(database, organisation, await published(database, organisation, content_of(WALK)))


class TestKilledWorker:
    async def test_another_goes_on_where_it_was(self, cluster: Cluster, database_name: str, database: Database) -> None:
        cohort = await enrolled_many(database)
        operation = await cohort.submit()

        async with lingering(cluster, database_name, WORK, "3") as victim:
            await victim.killed_in_the_middle()
        interrupted = await cohort.counted()
        async with lingering(cluster, database_name, WORK):
            await eventually(lambda: cohort.is_past(operation, PATIENTS))

        after_all = await cohort.present(operation)
        assert interrupted["assignments"] == 2 * BATCH_SIZE < PATIENTS
        assert interrupted["assignments"] == interrupted["recorded"]
        assert (after_all.status, after_all.done) == ("succeeded", PATIENTS)
        assert after_all.result is not None
        assert (after_all.result["assigned"], after_all.result["already_assigned"]) == (PATIENTS, 0)
        assert await cohort.counted() == WHOLE


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Cluster]:
    """A server of this test alone, because it is killed."""
    started = start_cluster(tmp_path)
    yield started
    started.server.stop()


@pytest.fixture
async def mortal_database(mortal: Cluster) -> AsyncIterator[Database]:
    opened = await open_database(mortal, TEMPLATE)
    yield opened
    await opened.close()


class TestKilledDatabase:
    async def test_the_worker_waits_and_goes_on(self, mortal: Cluster, mortal_database: Database) -> None:
        cohort = await enrolled_many(mortal_database)
        operation = await cohort.submit()

        async with lingering(mortal, TEMPLATE, WORK, "2,4") as victim:
            for _ in range(2):
                await victim.until_in_the_middle()
                assert mortal.server.pid is not None
                os.kill(mortal.server.pid, signal.SIGKILL)
                victim.goes_on()
                await asyncio.to_thread(mortal.server.restart)
            await eventually(lambda: cohort.is_past(operation, PATIENTS))

        after_all = await cohort.present(operation)
        assert after_all.status == "succeeded"
        assert await cohort.counted() == WHOLE


class Served(msgspec.Struct, frozen=True):
    """The web door as a process of its own, and who asks there."""

    pid: int
    http: httpx2.AsyncClient

    def kill(self) -> None:
        """Kill the server and what it forked, at once."""
        os.killpg(self.pid, signal.SIGKILL)

    async def submit(self, cohort: Cohort) -> httpx2.Response:
        body = {
            "protocol_id": str(cohort.protocol_id),
            "starts_on": system_clock().date().isoformat(),
            "filter": EVERYBODY,
        }
        return await self.http.post("/api/v1/assignments/bulk", json=body, headers={"Idempotency-Key": "all-at-once"})


@asynccontextmanager
async def serving(cluster: Cluster, name: str, folder: Path, token: str) -> AsyncIterator[Served]:
    """Serve until the end of the block, or until killed."""
    port = free_port()
    settings = {
        "HP_DATABASE_URL": cluster.app_url(name),
        "HP_ROOT_KEY_FILE": str(cluster.root_key),
        "HP_ENVIRONMENT": "test",
        "HP_WEB_DIR": str(folder),
    }
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--host", "127.0.0.1"),
        *("--port", str(port), "--no-access-log", "--log-level", "error", "healthprotocol.app:create_app"),
        cwd=SERVER,
        env=environment(folder, **settings),
        start_new_session=True,
    )
    headers = {"authorization": f"Bearer {token}"}
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20) as http:
            await eventually(lambda: _is_alive(http))
            yield Served(child.pid, http)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()


async def _is_alive(http: httpx2.AsyncClient) -> bool:
    try:
        return (await http.get("/livez")).status_code == 200
    except httpx2.TransportError:
        return False


async def token_of(cohort: Cohort) -> str:
    """Make a bearer token that may assign."""
    admin = cohort.organisation.admin
    new = NewToken(name="Enrolment", scopes=("assignment.write", "operation.read"), lifetime=timedelta(days=1))
    async with cohort.database.transaction(cohort.organisation.id, actor=admin) as tx:
        _, secret = await create_token(tx, admin, new, is_live=False)
    return secret.text


class TestKilledServer:
    async def test_the_same_request_again_begins_it_once(
        self, cluster: Cluster, database_name: str, database: Database, tmp_path: Path
    ) -> None:
        cohort = await enrolled_many(database)
        token = await token_of(cohort)

        async with serving(cluster, database_name, tmp_path, token) as served:
            await _killed_in_the_middle(cluster, database_name, served, cohort)
        begun = await cohort.counted()
        async with serving(cluster, database_name, tmp_path, token) as served:
            first, again = await served.submit(cohort), await served.submit(cohort)
            async with lingering(cluster, database_name, WORK):
                await eventually(lambda: _has_ended(served, first.headers["location"]))

        assert begun["operations"] == begun["assignments"] == 0
        assert first.status_code == again.status_code == 202
        assert again.content == first.content
        assert await cohort.counted() == WHOLE


async def _killed_in_the_middle(cluster: Cluster, name: str, served: Served, cohort: Cohort) -> None:
    """Kill the server while its transaction has written some of the request's rows and waits to write the others."""
    holder = await asyncpg.connect(cluster.admin_url(name))
    watcher = await asyncpg.connect(cluster.admin_url(name))

    async def waits() -> bool:
        return await watcher.fetchval(
            "select exists (select from pg_locks where not granted and relation = 'operation'::regclass)"
        )

    async with holder.transaction():
        await holder.execute("lock table operation in share mode")
        request = asyncio.ensure_future(served.submit(cohort))
        await eventually(waits)
        served.kill()
        with pytest.raises(httpx2.TransportError):
            await request
    await holder.close()
    await watcher.close()


async def _has_ended(served: Served, location: str) -> bool:
    return (await served.http.get(location)).json()["status"] == "succeeded"
