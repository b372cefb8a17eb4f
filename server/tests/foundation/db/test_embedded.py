"""The embedded PostgreSQL: whatever is killed, the next start finds everything, and nothing is left running."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
import pytest

from healthprotocol.foundation.db.embedded import EmbeddedServer, EmbeddedServerFailed
from healthprotocol.foundation.processes import DirectoryInUse, ProcessIdentity, wait_until

LAUNCHER = """
import sys, threading, time
from pathlib import Path
from healthprotocol.foundation.db.embedded import EmbeddedServer

server = EmbeddedServer(Path(sys.argv[1]), durable=False)

def start():
    server.start()
    print(server.pid, flush=True)
    time.sleep(600)

if sys.argv[2] == "main":
    start()
else:
    # Only the main thread can tie the server's life to the launcher's: from another one an orphan is left.
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path / "data", durable=False)
    yield server
    server.stop()


async def ask(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url, timeout=60)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def socket_folder(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


def server_processes(server: EmbeddedServer) -> list[psutil.Process]:
    """Every PostgreSQL process that works in the directory of `server`."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "postgres" and Path(process.cwd()) == server.directory:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def start_launcher(data_dir: Path, thread: str) -> tuple["subprocess.Popen[str]", int]:
    """Start another process that launches a server in `data_dir`; return it and the postmaster's pid."""
    launcher = subprocess.Popen(
        [sys.executable, "-c", dedent(LAUNCHER), str(data_dir), thread], stdout=subprocess.PIPE, text=True
    )
    assert launcher.stdout is not None
    with launcher.stdout:
        return launcher, int(launcher.stdout.readline())


class TestStart:
    async def test_gives_a_url_that_answers(self, server: EmbeddedServer) -> None:
        url = server.start()

        assert (await ask(url, "show server_version")).startswith("18.")

    def test_is_never_root(self, server: EmbeddedServer) -> None:
        server.start()

        uids = {uid for process in server_processes(server) for uid in process.uids()}

        assert 0 not in uids
        assert len(uids) == 1

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has closed folders that its server cannot enter")
    def test_works_below_a_folder_that_is_closed_to_the_server(self, tmp_path: Path) -> None:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)

        with EmbeddedServer(closed / "deep" / "data", durable=False) as server:
            assert server.is_running()

        assert stat.S_IMODE(closed.stat().st_mode) == 0o700

    async def test_wants_a_password_on_every_way_in(self, server: EmbeddedServer) -> None:
        server.start()
        port = int(await ask(server.url, "show port"))

        for host in ("127.0.0.1", str(await ask(server.url, "show unix_socket_directories"))):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(host=host, port=port, user="postgres", password="guess", database="postgres")

    def test_keeps_the_password_and_the_data_to_their_owner(self, server: EmbeddedServer) -> None:
        server.start()

        password = server.data_dir / "postgresql.password"

        assert stat.S_IMODE(password.stat().st_mode) == 0o600
        assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700

    async def test_has_checksums_utf8_and_a_locale_that_is_the_same_everywhere(self, server: EmbeddedServer) -> None:
        url = server.start()

        assert await ask(url, "show data_checksums") == "on"
        assert await ask(url, "show server_encoding") == "UTF8"
        assert await ask(url, "select datlocale from pg_database where datname = 'postgres'") == "C.UTF-8"

    async def test_flushes_every_commit_unless_told_otherwise(self, tmp_path: Path) -> None:
        with EmbeddedServer(tmp_path / "data") as durable:
            assert await ask(durable.url, "show fsync") == "on"
            assert await ask(durable.url, "show synchronous_commit") == "on"

    async def test_logs_no_statement_and_no_value(self, server: EmbeddedServer) -> None:
        url = server.start()
        connection = await asyncpg.connect(url)
        await connection.execute("create table patient (name text primary key)")
        await connection.execute("insert into patient values ($1)", "Amazon")

        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("insert into patient values ($1)", "Amazon")
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await connection.execute("selec 'Amazon'")
        await connection.close()

        assert "Amazon" not in (server.data_dir / "postgresql.log").read_text()

    async def test_lets_an_operator_have_the_last_word(self, server: EmbeddedServer) -> None:
        server.start()
        server.stop()
        (server.directory / "operator.conf").write_text("work_mem = '9MB'\n")

        assert await ask(server.start(), "show work_mem") == "9MB"

    async def test_two_side_by_side_do_not_meet(self, server: EmbeddedServer, tmp_path: Path) -> None:
        server.start()
        await ask(server.url, "create table mine ()")

        with EmbeddedServer(tmp_path / "other", durable=False) as other:
            assert await ask(other.url, "select to_regclass('mine')") is None

    def test_a_second_launcher_of_the_same_directory_is_refused(self, server: EmbeddedServer) -> None:
        server.start()

        with pytest.raises(DirectoryInUse) as caught:
            EmbeddedServer(server.data_dir, durable=False).start()

        assert caught.value.holder["pid"] == os.getpid()
        assert server.is_running()

    def test_a_folder_that_is_no_cluster_is_left_alone(self, server: EmbeddedServer) -> None:
        server.directory.mkdir(parents=True)
        (server.directory / "letters.txt").write_text("dear")

        with pytest.raises(EmbeddedServerFailed, match="is not empty and not a PostgreSQL cluster"):
            server.start()

        assert (server.directory / "letters.txt").read_text() == "dear"

    def test_a_cluster_of_another_major_version_is_left_alone(self, server: EmbeddedServer) -> None:
        server.start()
        server.stop()
        (server.directory / "PG_VERSION").write_text("14\n")

        with pytest.raises(EmbeddedServerFailed, match="was made by PostgreSQL 14"):
            server.start()

    def test_a_lost_password_file_is_named(self, server: EmbeddedServer) -> None:
        server.start()
        server.stop()
        (server.data_dir / "postgresql.password").unlink()

        with pytest.raises(EmbeddedServerFailed, match=r"postgresql\.password is missing"):
            server.start()

    def test_a_fault_in_the_settings_is_one_line_and_names_the_log(self, server: EmbeddedServer) -> None:
        server.start()
        server.stop()
        (server.directory / "operator.conf").write_text("no_such_setting = 1\n")

        with pytest.raises(EmbeddedServerFailed, match=r"contains errors.*postgresql\.log") as caught:
            server.start()

        assert "\n" not in str(caught.value)
        assert not server_processes(server)


class TestEnsureDatabase:
    def test_makes_it_once(self, server: EmbeddedServer) -> None:
        server.start()

        first = server.ensure_database("clinic")
        second = server.ensure_database("clinic")

        assert first == second
        assert asyncio.run(ask(first, "select current_database()")) == "clinic"


class TestUrlOfRunning:
    def test_is_none_when_nobody_runs_it(self, server: EmbeddedServer) -> None:
        server.start()
        server.stop()

        assert server.url_of_running("postgres") is None

    def test_is_the_url_of_the_one_who_does(self, server: EmbeddedServer) -> None:
        server.start()

        assert EmbeddedServer(server.data_dir).url_of_running("postgres") == server.url


class TestStop:
    def test_leaves_no_process_and_no_socket(self, server: EmbeddedServer) -> None:
        server.start()
        folder = socket_folder(server.url)
        assert folder.is_dir()

        server.stop()

        assert not server_processes(server)
        assert not folder.exists()

    def test_twice_is_no_fault(self, server: EmbeddedServer) -> None:
        server.start()

        server.stop()
        server.stop()

        assert not server.is_running()


class TestAfterKill:
    async def test_of_the_server_everything_committed_is_there(self, server: EmbeddedServer) -> None:
        await ask(server.start(), "create table river as select 'Danube' as name")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        server.stop()

        assert await ask(server.start(), "select name from river") == "Danube"

    async def test_of_the_server_it_comes_back_at_the_same_address(self, server: EmbeddedServer) -> None:
        url = server.start()
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        assert wait_until(lambda: not server.is_running(), timeout_seconds=60)

        server.restart()

        assert server.url == url
        assert await ask(url, "select 1") == 1

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a server that its launcher died")
    def test_of_the_launcher_the_server_ends_by_itself(self, server: EmbeddedServer) -> None:
        launcher, postmaster = start_launcher(server.data_dir, "main")
        url = server.url_of_running("postgres")
        assert url is not None

        launcher.kill()
        launcher.wait()

        assert wait_until(lambda: ProcessIdentity.of(postmaster) is None, timeout_seconds=60)
        assert not server_processes(server)
        server.start()
        assert not socket_folder(url).exists()

    async def test_of_the_launcher_an_orphan_is_ended_and_its_data_kept(self, server: EmbeddedServer) -> None:
        launcher, orphan = start_launcher(server.data_dir, "another")
        url = server.url_of_running("postgres")
        assert url is not None
        await ask(url, "create table river as select 'Loire' as name")
        launcher.kill()
        launcher.wait()
        assert ProcessIdentity.of(orphan) is not None

        assert await ask(server.start(), "select name from river") == "Loire"

        assert ProcessIdentity.of(orphan) is None

    async def test_of_the_launcher_and_the_postmaster_their_children_are_ended(self, server: EmbeddedServer) -> None:
        launcher, postmaster = start_launcher(server.data_dir, "another")
        url = server.url_of_running("postgres")
        assert url is not None
        connection = await asyncpg.connect(url)
        # A backend in the middle of a query does not notice that its postmaster is gone.
        busy = threading.Event()
        query = connection.execute("select count(*) from generate_series(1, 1000000000)")
        busy.set()
        launcher.kill()
        launcher.wait()
        os.kill(postmaster, signal.SIGKILL)

        restarted = server.start()

        with pytest.raises((asyncpg.PostgresConnectionError, ConnectionError)):
            await query
        assert await ask(restarted, "select 1") == 1

    def test_in_the_middle_of_initdb_it_begins_anew(self, server: EmbeddedServer) -> None:
        half = server.data_dir / "postgresql.new"
        half.mkdir(parents=True)
        (half / "PG_VERSION").write_text("18\n")

        server.start()

        assert server.is_running()
        assert not half.exists()

    def test_a_pid_file_that_names_somebody_else_does_not_hinder(self, server: EmbeddedServer) -> None:
        server.start()
        server.stop()
        (server.directory / "postmaster.pid").write_text(f"{os.getppid()}\n{server.directory}\n")

        server.start()

        assert server.is_running()
        assert psutil.pid_exists(os.getppid())

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to another user")
    def test_a_restored_copy_that_belongs_to_root_is_given_to_the_server(self, server: EmbeddedServer) -> None:
        server.start()
        server.stop()
        copy = EmbeddedServer(server.data_dir.parent / "copy", durable=False)
        shutil.copytree(server.data_dir, copy.data_dir)

        with copy:
            assert copy.is_running()
