"""PostgreSQL or the server is killed while many read: whoever was shown something stands in the log, once."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import httpx2
import psutil
import pytest

from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.trust.accounts.model import NewToken
from healthprotocol.trust.accounts.service import create_token
from healthprotocol.trust.audit.rules import leaf_of
from tests.care.assignments.plans import make_clinic
from tests.faults.reading import AT_ONCE, LONGEST_SECONDS, Log, Readers
from tests.foundation.jobs.workers import eventually
from tests.support.launched import COMMAND, environment, free_port
from tests.support.people import Organisation, make_organisation
from tests.support.postgresql import TEMPLATE, Cluster, open_database, start_cluster

SEED = 19
SCOPES = ("patient.read", "assignment.read", "entry.read")
# Where a kill strikes: between the groups as they come, in the statement that writes one, in its commit.
MOMENTS = ("between", "writing", "committing")


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Cluster]:
    """A server of this test alone, because it is killed."""
    started = start_cluster(tmp_path)
    yield started
    started.server.stop()


@pytest.fixture
async def log(mortal: Cluster) -> Log:
    log = Log(mortal.admin_url(TEMPLATE))
    await log.prepare()
    return log


@pytest.fixture
async def readers(mortal: Cluster, log: Log) -> AsyncIterator[Readers]:
    """Those who will read at an address where nobody serves yet."""
    database = await open_database(mortal, TEMPLATE)
    organisation = await make_organisation(database, "Delta Clinic")
    clinic = await make_clinic(database, organisation)
    token = await token_of(database, organisation)
    await clinic.assign()
    await database.close()
    patient = f"/patients/{clinic.patient_id}"
    paths = (patient, f"{patient}/today", "/patients?page_size=3", "/entries?page_size=3", "/assignments?page_size=3")
    headers, address = {"authorization": f"Bearer {token}"}, f"http://127.0.0.1:{free_port()}"
    async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=LONGEST_SECONDS) as http:
        yield Readers(http, paths, seed=SEED)


async def token_of(database: Database, organisation: Organisation) -> str:
    new = NewToken(name="Reading", scopes=SCOPES, lifetime=timedelta(days=1))
    async with database.transaction(organisation.id, actor=organisation.admin) as tx:
        _, secret = await create_token(tx, organisation.admin, new, is_live=False)
    return secret.text


@asynccontextmanager
async def serving(cluster: Cluster, folder: Path, readers: Readers) -> AsyncIterator[asyncio.subprocess.Process]:
    """Serve the readers until the end of the block, or until killed."""
    settings = {
        "HP_DATABASE_URL": cluster.app_url(TEMPLATE),
        "HP_ROOT_KEY_FILE": str(cluster.root_key),
        "HP_ENVIRONMENT": "test",
        "HP_WEB_DIR": str(folder),
        "HP_PORT": str(readers.port),
        "HP_OPERATIONS_PORT": "0",
        "HP_LOG_LEVEL": "error",
    }
    child = await asyncio.create_subprocess_exec(
        *COMMAND, "serve", cwd="/", env=environment(folder, **settings), start_new_session=True
    )
    try:
        await eventually(readers.is_served)
        yield child
    finally:
        kill_all_of(child.pid)
        await child.wait()


def kill_all_of(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def kill_server(server: EmbeddedServer, *, whole: bool) -> None:
    """Kill the postmaster, and its children too when `whole`: else they go on until they notice."""
    assert server.pid is not None
    children = psutil.Process(server.pid).children(recursive=True)
    os.kill(server.pid, signal.SIGKILL)
    for child in children if whole else ():
        with suppress(psutil.NoSuchProcess):
            child.kill()


@asynccontextmanager
async def arrived_at(moment: str, log: Log, readers: Readers, chance: random.Random) -> AsyncIterator[None]:
    """Give the block the moment in which it is to strike."""
    await readers.have_read(AT_ONCE + chance.randrange(30))
    if moment == "between":
        yield
        return
    async with log.holding_a_group(readers, at_commit=moment == "committing"):
        yield


async def assert_that_who_was_shown_something_stands_in_the_log(log: Log, readers: Readers) -> None:
    events = await log.events()
    written = Counter(event.request_id for event, _, _ in events)
    shown = [one.request_id for one in readers.told if one.has_data]

    assert readers.hung == []
    assert {one.status for one in readers.told} <= {200, 503, None}
    assert all(one.status == 200 for one in readers.told if one.has_data)
    assert [request_id for request_id in shown if written[request_id] != 1] == []
    assert max(written.values()) == 1
    assert written.keys() <= {one.request_id for one in readers.told}
    # Whole rows, each once: what a crash left behind commits to itself.
    assert len({event.id for event, _, _ in events}) == len(events)
    assert all(leaf == leaf_of(event) and event.epoch == 0 and len(event.salt) == 16 for event, leaf, _ in events)
    # They were written in groups, or nothing is shown here.
    assert max(together for _, _, together in events) > 1


class TestKilledDatabase:
    async def test_who_was_shown_something_stands_in_the_log_once(
        self, mortal: Cluster, log: Log, readers: Readers, tmp_path: Path
    ) -> None:
        chance = random.Random(SEED)
        strikes = [(moment, whole) for moment in MOMENTS for whole in (True, False)]
        chance.shuffle(strikes)

        async with serving(mortal, tmp_path, readers), readers.reading():
            for moment, whole in strikes:
                async with arrived_at(moment, log, readers, chance):
                    before = readers.unanswered
                    kill_server(mortal.server, whole=whole)
                await readers.have_been_refused(before)
                await asyncio.to_thread(mortal.server.restart)
            await readers.have_read(AT_ONCE)

        await assert_that_who_was_shown_something_stands_in_the_log(log, readers)


class TestKilledServer:
    async def test_who_was_shown_something_stands_in_the_log_once(
        self, mortal: Cluster, log: Log, readers: Readers, tmp_path: Path
    ) -> None:
        chance = random.Random(SEED + 1)

        async with readers.reading():
            for moment in MOMENTS:
                async with serving(mortal, tmp_path, readers) as server:
                    async with arrived_at(moment, log, readers, chance):
                        before = readers.unanswered
                        kill_all_of(server.pid)
                    await readers.have_been_refused(before)

        await assert_that_who_was_shown_something_stands_in_the_log(log, readers)
