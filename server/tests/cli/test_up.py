"""`healthprotocol up`: one tree that starts, is killed in every part, and leaves nothing."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from healthprotocol.cli.installation import DATABASE
from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.processes import wait_until
from tests.support.launched import Launched, free_port, listening, run
from tests.support.postgresql import Cluster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """One tree that several tests wound; each leaves it healed."""
    with Launched(tmp_path_factory.mktemp("up") / "data") as launched:
        yield launched


def ask(launched: Launched, statement: str) -> Any:
    url = EmbeddedServer(launched.data_dir).url_of_running(DATABASE)
    assert url is not None

    async def question() -> Any:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(question())


class TestStart:
    def test_serves(self, running: Launched) -> None:
        assert running.answers("/livez")
        assert running.answers("/readyz")

    def test_the_application_is_not_above_row_level_security(self, running: Launched) -> None:
        server = running.find("serve")

        user = server.environ()["HP_DATABASE_URL"].partition("://")[2].partition(":")[0]

        assert user.startswith("hp_app")
        assert ask(running, f"select rolsuper or rolbypassrls from pg_roles where rolname = '{user}'") is False

    def test_nothing_of_it_but_the_launcher_is_root(self, running: Launched) -> None:
        assert 0 not in running.postmaster().uids()

    def test_makes_a_root_key_that_only_its_owner_reads(self, running: Launched) -> None:
        assert (running.data_dir / "keys" / "root.key").stat().st_mode & 0o777 == 0o400

    def test_runs_with_what_is_written(self, running: Launched) -> None:
        compared = run("config", "diff", "--running", "--json", data_dir=running.data_dir, HP_PORT=str(running.port))

        assert (compared.returncode, compared.stdout.strip()) == (0, "{}")

    def test_a_second_on_the_same_data_says_where_the_first_is(self, running: Launched) -> None:
        second = run("up", data_dir=running.data_dir, HP_PORT=str(running.port))

        assert second.returncode == 1
        assert second.stderr == (
            f"healthprotocol: already running with pid {running.process.pid} on {running.address}; "
            "stop it, or choose another HP_DATA_DIR and HP_PORT\n"
        )
        assert running.answers()

    def test_a_taken_port_is_one_line(self, tmp_path: Path) -> None:
        with listening() as port:
            refused = run("up", data_dir=tmp_path / "data", HP_PORT=str(port))

        assert refused.returncode == 1
        assert refused.stderr == (
            f"healthprotocol: port {port} of 127.0.0.1 is taken by another program; stop it or choose another HP_PORT\n"
        )
        assert not (tmp_path / "data" / "postgresql").exists()

    def test_a_taken_operations_port_that_was_chosen_is_one_line(self, tmp_path: Path) -> None:
        with listening() as port:
            refused = run("up", data_dir=tmp_path / "data", HP_PORT=str(free_port()), HP_OPERATIONS_PORT=str(port))

        assert refused.returncode == 1
        assert refused.stderr.endswith("is taken by another program; choose another HP_OPERATIONS_PORT\n")

    def test_a_folder_that_cannot_be_written_to_is_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        refused = run("up", data_dir=tmp_path / "file" / "data", HP_PORT=str(free_port()))

        assert refused.returncode == 1
        assert "cannot be written to (Not a directory); choose another HP_DATA_DIR" in refused.stderr

    def test_a_setting_that_does_not_fit_is_named_without_its_value(self, tmp_path: Path) -> None:
        refused = run("up", data_dir=tmp_path / "data", HP_PORT="eighty")

        assert refused.returncode == 2
        assert refused.stderr.startswith("healthprotocol: HP_PORT, from the environment, is not a whole number: write ")
        assert "eighty" not in refused.stderr

    def test_two_side_by_side_do_not_meet(self, running: Launched, tmp_path: Path) -> None:
        with Launched(tmp_path / "data") as other:
            assert other.answers()
            assert running.answers()
            assert other.address != running.address

    def test_production_does_not_serve_a_demo(self, tmp_path: Path) -> None:
        data = tmp_path / "data"
        data.mkdir()
        (data / "demo.loaded").touch()
        key = tmp_path / "root.key"

        refused = run("up", data_dir=data, HP_ENVIRONMENT="production", HP_ROOT_KEY_FILE=str(key))

        assert refused.returncode == 1
        assert "holds the demo accounts, whose password is public" in refused.stderr


class TestWithAnotherDatabase:
    """HP_DATABASE_URL names a server that somebody else looks after."""

    @pytest.fixture
    def url(self, cluster: Cluster) -> Iterator[str]:
        name = f"up{next(cluster.numbers)}"
        yield cluster.server.ensure_database(name)
        cluster.server.drop_database(name)

    def test_migrates_it_and_serves_as_the_application(self, url: str, tmp_path: Path) -> None:
        with Launched(tmp_path / "data", HP_DATABASE_URL=url) as launched:
            assert launched.answers()
            used = launched.find("serve").environ()["HP_DATABASE_URL"]
            launched.stop()

        assert not (tmp_path / "data" / "postgresql").exists()
        with Launched(tmp_path / "data", HP_DATABASE_URL=used) as least:
            assert least.answers()

    def test_that_does_not_answer_is_one_line_without_the_password(self, tmp_path: Path) -> None:
        url = f"postgresql://owner:hunter2@127.0.0.1:{free_port()}/clinic"

        refused = run("up", data_dir=tmp_path / "data", HP_PORT=str(free_port()), HP_DATABASE_URL=url)

        assert refused.returncode == 1
        assert refused.stderr.endswith("cannot be used: nobody listens there; check HP_DATABASE_URL\n")
        assert "hunter2" not in refused.stderr


class TestAfterKill:
    def test_of_the_server_it_serves_again(self, running: Launched) -> None:
        victim, forks = running.find("serve"), running.forks_of("serve")

        victim.kill()

        # Its fork may still answer, and be the only server there is, until the kernel's word reaches it.
        assert wait_until(lambda: _is_other(running, "serve", victim, *forks), timeout_seconds=60)
        assert running.answers_soon()

    def test_of_a_server_worker_it_serves_again(self, running: Launched) -> None:
        assert wait_until(lambda: _has_fork(running, "serve"), timeout_seconds=60)
        before, victim = running.find("serve"), running.forks_of("serve")[0]

        victim.kill()

        # The only one: the whole server ends with it, and starts anew.
        assert wait_until(lambda: _is_other(running, "serve", before, victim), timeout_seconds=60)
        assert running.answers_soon()

    def test_of_the_worker_another_takes_its_place(self, running: Launched) -> None:
        victim = running.find("worker")

        victim.kill()

        assert wait_until(lambda: _is_other(running, "worker", victim), timeout_seconds=60)

    def test_of_the_database_it_serves_again_with_everything_committed(self, running: Launched) -> None:
        ask(running, "create table if not exists river as select 'Rhine' as name")
        victim = running.postmaster()

        victim.kill()

        assert wait_until(lambda: not victim.is_running(), timeout_seconds=60)
        assert wait_until(lambda: _database_answers(running), timeout_seconds=60)
        assert running.answers_soon()
        assert ask(running, "select name from river") == "Rhine"


class TestStop:
    def test_however_it_ends_nothing_stays_and_the_next_start_has_everything(self, tmp_path: Path) -> None:
        data, port = tmp_path / "data", free_port()
        with Launched(data, port=port) as launched:
            ask(launched, "create table river as select 'Elbe' as name")

        for ending in (by_signal(signal.SIGTERM), by_signal(signal.SIGINT), by_killing_the_launcher, by_killing_all):
            with Launched(data, port=port) as launched:
                assert ask(launched, "select name from river") == "Elbe"

                ending(launched)

    @pytest.mark.parametrize("command", ["migrate", "serve"])
    def test_while_it_starts_leaves_no_process(self, tmp_path: Path, command: str) -> None:
        launched = Launched(tmp_path / "data")
        starting = launched.start_only()
        assert wait_until(lambda: launched.runs(command), timeout_seconds=60)
        log = launched.data_dir / "log" / "server.log"

        starting.send_signal(signal.SIGTERM)

        assert starting.wait(60) == 0
        # Nobody had to be killed after a long patience.
        assert not log.exists() or "refused to gracefully stop" not in log.read_text()
        # A server that initdb had started may need a moment to find that it is gone.
        assert wait_until(lambda: launched.left_over() == [], timeout_seconds=60)
        launched.close()


def by_signal(number: signal.Signals) -> Callable[[Launched], None]:
    def end(launched: Launched) -> None:
        assert launched.stop(number) == 0
        # At once: who waited for the launcher has waited for all.
        assert launched.left_over() == []

    return end


def by_killing_the_launcher(launched: Launched) -> None:
    launched.stop(signal.SIGKILL)
    if sys.platform == "linux":
        # The kernel tells each part that its parent died; elsewhere the next start ends what is left.
        assert wait_until(lambda: launched.left_over() == [], timeout_seconds=60)


def by_killing_all(launched: Launched) -> None:
    for identity in launched.look_around():
        with suppress(psutil.NoSuchProcess):
            psutil.Process(identity.pid).kill()
    launched.stop(signal.SIGKILL)


def _database_answers(running: Launched) -> bool:
    try:
        return ask(running, "select 1") == 1
    except (AssertionError, OSError, asyncpg.PostgresError):
        return False


def _has_fork(running: Launched, command: str) -> bool:
    try:
        return bool(running.forks_of(command))
    except (AssertionError, psutil.NoSuchProcess):
        return False


def _is_other(running: Launched, command: str, *before: psutil.Process) -> bool:
    """Tell whether somebody runs the command who is none of these."""
    try:
        return running.find(command).pid not in {one.pid for one in before}
    except (AssertionError, psutil.NoSuchProcess):
        return False
