"""Behind a PgBouncer in transaction mode: nothing prepared, nothing left behind, and the listener goes past it."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db.pool.postgresql import Server, open_pool
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Unavailable
from tests.foundation.db.test_listener import Ear, notify
from tests.support.people import make_organisation
from tests.support.postgresql import PATIENCE_SECONDS, PATIENT, Cluster

SERVERS = 2
_CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 100
logfile = {folder}/log
pidfile = {folder}/pid
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """Give the URL of a started PgBouncer that lends two servers, and end it afterwards."""
    program = shutil.which("pgbouncer")
    assert program is not None, "the Debian package pgbouncer is needed: apt-get install pgbouncer"
    parts, listen = urlsplit(url), _free_port()
    query = parse_qs(parts.query)
    port = query["port"][0] if "port" in query else str(parts.port)
    with tempfile.TemporaryDirectory(prefix="hp-bouncer-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        settings = _CONFIGURATION.format(host="127.0.0.1", port=port, listen=listen, folder=folder, servers=SERVERS)
        (folder / "pgbouncer.ini").write_text(settings)
        (folder / "users.txt").write_text(f'"{parts.username}" "{parts.password}"\n')
        command = [program, "-q", str(folder / "pgbouncer.ini")]
        process = subprocess.Popen([*command, "-u", "nobody"] if Path("/root").owner() == "root" else command)
        try:
            _until_listening(listen)
            database = parts.path.lstrip("/")
            yield f"postgresql://{parts.username}:{parts.password}@127.0.0.1:{listen}/{database}"
        finally:
            process.terminate()
            process.wait(60)


def _until_listening(port: int) -> None:
    for _ in range(1_000):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
    raise AssertionError("PgBouncer does not listen")


@pytest.fixture
async def pooled(cluster: Cluster, database_name: str) -> AsyncIterator[Database]:
    direct = cluster.app_url(database_name)
    with pgbouncer(direct) as url:
        server = Server(url=url, direct_url=direct, is_pooled=True)
        pool = await open_pool(server, size=8, statement_timeout_seconds=20, limits=PATIENT)
        keys = KeyRing(LocalRootKey.load(cluster.root_key, inside_checkout=True))
        database = Database(pool, keys=keys, wait_seconds=PATIENCE_SECONDS)
        yield database
        await database.close()


class TestBehindPgBouncer:
    async def test_transactions_of_many_tenants_share_two_servers_and_keep_apart(self, pooled: Database) -> None:
        organisations = [await make_organisation(pooled, f"River {number}") for number in range(4)]
        servers: set[int] = set()

        async def read(number: int) -> str:
            organisation = organisations[number % 4]
            async with pooled.transaction(organisation.id) as tx:
                servers.add(await tx.fetchval("select pg_backend_pid()"))
                row = await tx.fetchrow("select name, $1::int as number from organisation", number)
                assert row is not None
                assert row["number"] == number
                return row["name"]

        names = await asyncio.gather(*(read(number) for number in range(200)))

        assert names == [f"River {number % 4}" for number in range(200)]
        assert 1 <= len(servers) <= SERVERS

    async def test_the_limits_hold_in_each_transaction_and_are_left_to_nobody(self, pooled: Database) -> None:
        for _ in range(4):
            async with pooled.transaction(None, statement_timeout_seconds=10) as tx:
                assert await tx.fetchval("show statement_timeout") == "10s"
            async with pooled.transaction(None) as tx:
                assert await tx.fetchval("show statement_timeout") == "20s"
                assert await tx.fetchval("show idle_in_transaction_session_timeout") == "1min"
                assert not await tx.fetchval("select current_setting('app.organisation', true)")

    async def test_nothing_is_prepared_on_a_server(self, pooled: Database) -> None:
        async with pooled.transaction(None) as tx:
            for number in range(5):
                assert await tx.fetchval("select $1::int + 1", number) == number + 1
            assert await tx.fetchval("select count(*) from pg_prepared_statements where name <> ''") == 0

    async def test_json_is_read_and_written(self, pooled: Database) -> None:
        async with pooled.transaction(None) as tx:
            assert await tx.fetchval("select $1::jsonb", {"delta": [1, 2]}) == {"delta": [1, 2]}

    async def test_an_act_that_is_cancelled_leaves_no_transaction_behind(self, pooled: Database) -> None:
        async def act() -> None:
            async with pooled.transaction(None) as tx:
                await tx.fetchval("select pg_sleep(10)")

        task = asyncio.create_task(act())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        for _ in range(SERVERS * 2):
            async with pooled.transaction(None) as tx:
                assert await tx.fetchval("select 1") == 1

    async def test_a_slow_statement_is_ended_by_the_limit(self, pooled: Database) -> None:
        with pytest.raises(Unavailable):
            async with pooled.transaction(None, statement_timeout_seconds=0.1) as tx:
                await tx.fetchval("select pg_sleep(2)")

    async def test_the_listener_hears_past_it(self, pooled: Database) -> None:
        ear = Ear()
        await pooled.listener.subscribe("rivers", heard=ear.hear, lost=ear.lose)
        ear.something.clear()

        await notify(pooled, "rivers", "spring")
        await ear.wait()

        assert ear.heard == ["spring"]
