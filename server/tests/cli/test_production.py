"""An installation for people, made as docs/guides/running.md says: it starts; each unsafe change keeps it from it."""

import asyncio
import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import psutil
import pytest

from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.processes import wait_until
from tests.support.launched import COMMAND, START_SECONDS, STOP_SECONDS, environment, free_port

pytestmark = pytest.mark.slow

EMAIL, PASSWORD = "ada@delta.example", "a-river-with-many-arms-47"
ORIGIN = "https://care.example"

# As the proxy passes a browser's request on.
FORWARDED = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https", "Host": "care.example", "Origin": ORIGIN}


class Clinic(msgspec.Struct, frozen=True):
    """What an operator has made: a database server that keeps what it confirms, a key, and settings."""

    folder: Path
    server: EmbeddedServer
    settings: dict[str, str]

    def run(self, *words: str, given: str | None = None, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COMMAND, *words],
            env=environment(self.folder / "data", **(self.settings | more)),
            cwd="/",
            input=given,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )

    def make(self, *words: str, given: str | None = None, **more: str) -> Any:
        done = self.run(*words, "--json", given=given, **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def started(self, command: str, **more: str) -> "Iterator[subprocess.Popen[bytes]]":
        """Run a part until the block ends, its words in a file beside the data."""
        with (self.folder / f"{command}.log").open("wb") as log:
            process = subprocess.Popen(
                [*COMMAND, command],
                env=environment(self.folder / "data", **(self.settings | more)),
                cwd="/",
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)

    def said(self, command: str) -> str:
        return (self.folder / f"{command}.log").read_text()

    def ask(self, database: str, statement: str) -> None:
        self._with(database, lambda connection: connection.execute(statement))

    def value(self, query: str) -> Any:
        """Return what PostgreSQL says to whoever connects now."""
        return self._with("postgres", lambda connection: connection.fetchval(query))

    def _with(self, database: str, act: Callable[[Any], Awaitable[Any]]) -> Any:
        async def connected() -> Any:
            connection = await asyncpg.connect(self.server.url_of(database))
            try:
                return await act(connection)
            finally:
                await connection.close()

        return asyncio.run(connected())


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """Made by the commands of the guide, one after the other."""
    folder = tmp_path_factory.mktemp("production")
    with EmbeddedServer(folder / "elsewhere") as server:
        settings = {
            "HP_ENVIRONMENT": "production",
            "HP_ROOT_KEY_FILE": str(folder / "keys" / "root.key"),
            "HP_DATABASE_URL": server.ensure_database("clinic"),
            "HP_PUBLIC_ORIGINS": ORIGIN,
            "HP_TRUSTED_PROXIES": "127.0.0.1/32",
            "HP_PORT": str(free_port()),
            "HP_OPERATIONS_PORT": str(free_port()),
        }
        made = Clinic(folder, server, settings)
        made.make("keys", "create")
        made.make("migrate", "up")
        made.make(
            "admin", "create", "--organisation", "Delta Clinic", "--email", EMAIL, "--password-stdin", given=PASSWORD
        )
        yield made


@pytest.fixture(scope="module")
def serving(clinic: Clinic) -> Iterator[str]:
    """The address of the server, with a worker beside it."""
    address = f"http://127.0.0.1:{clinic.settings['HP_PORT']}"
    with clinic.started("serve"), clinic.started("worker"):
        assert wait_until(lambda: status(f"{address}/readyz") == 200, timeout_seconds=START_SECONDS), clinic.said(
            "serve"
        )
        yield address


def status(url: str) -> int:
    try:
        return ask(url).status
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return 0


def ask(url: str, body: Any = None, **headers: str) -> Any:
    content = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json"} if body is not None else {}
    return urllib.request.urlopen(urllib.request.Request(url, content, FORWARDED | given | headers), timeout=10)


class TestAGoodOne:
    def test_has_nothing_to_be_found_fault_with(self, clinic: Clinic) -> None:
        assert clinic.make("config", "check") == {"faults": [], "advice": []}

    def test_is_ready(self, serving: str) -> None:
        assert status(f"{serving}/readyz") == 200

    def test_signs_its_admin_in_behind_the_proxy(self, serving: str) -> None:
        with ask(f"{serving}/api/v1/session", {"email": EMAIL, "password": PASSWORD}) as answer:
            cookie = answer.headers["Set-Cookie"]

        with ask(f"{serving}/api/v1/organisation", Cookie=cookie.partition(";")[0]) as answer:
            organisation = json.load(answer)

        assert cookie.startswith("__Host-")
        assert "; Secure" in cookie
        assert organisation["name"] == "Delta Clinic"

    def test_tells_browsers_to_come_by_https_alone(self, serving: str) -> None:
        with ask(f"{serving}/livez") as answer:
            assert "max-age=" in answer.headers["Strict-Transport-Security"]

    def test_keeps_a_worker(self, clinic: Clinic, serving: str) -> None:
        workers = [
            one
            for one in psutil.Process().children()
            if one.cmdline()[-1:] == ["worker"] and one.status() != psutil.STATUS_ZOMBIE
        ]

        assert len(workers) == 1
        assert "not good enough" not in clinic.said("worker")

    def test_its_database_is_the_production_one_from_then_on(self, clinic: Clinic, serving: str) -> None:
        refused = clinic.run("worker", HP_ENVIRONMENT="development", HP_ROOT_KEY_FILE=str(clinic.folder / "other.key"))

        assert refused.returncode == 1
        assert "the production one" in refused.stderr


class TestAnUnsafeOne:
    def test_with_demo_accounts_is_refused(self, clinic: Clinic) -> None:
        more = {"HP_DATABASE_URL": clinic.server.ensure_database("shown")}
        clinic.make("migrate", "up", **more)
        demo = ("admin", "create", "--organisation", "Demo", "--email", "clinician@demo.example", "--password-stdin")
        clinic.make(*demo, given=PASSWORD, **more)

        refuses(clinic, ["the database holds demo accounts, whose password is public", "delete them"], **more)

    def test_that_would_lose_what_it_confirmed_is_refused(self, clinic: Clinic) -> None:
        clinic.ask("postgres", "alter system set fsync = off")
        clinic.ask("postgres", "select pg_reload_conf()")
        assert wait_until(lambda: clinic.value("show fsync") == "off", timeout_seconds=60)
        try:
            refuses(clinic, ["PostgreSQL runs with fsync off", "set fsync = on"])
        finally:
            clinic.ask("postgres", "alter system reset fsync")
            clinic.ask("postgres", "select pg_reload_conf()")
            assert wait_until(lambda: clinic.value("show fsync") == "on", timeout_seconds=60)

    def test_with_a_key_that_all_can_read_is_refused(self, clinic: Clinic) -> None:
        refuses(clinic, ["can be read by others than its owner", "chmod 0400"], HP_ROOT_KEY_FILE=str(opened(clinic)))

    def test_with_debug_lines_is_refused(self, clinic: Clinic) -> None:
        refuses(clinic, ["HP_LOG_LEVEL is debug", "set info"], HP_LOG_LEVEL="debug")

    def test_without_tls_in_front_is_refused(self, clinic: Clinic) -> None:
        refuses(clinic, ["an address without TLS", "put TLS in front"], HP_PUBLIC_ORIGINS="http://care.example")
        refuses(clinic, ["HP_TRUSTED_PROXIES is not set", "name the network of the proxy"], HP_TRUSTED_PROXIES="")

    def test_on_the_database_of_another_environment_is_refused(self, clinic: Clinic) -> None:
        more = {"HP_DATABASE_URL": staging(clinic)}

        refuses(clinic, ["the database is the staging one", "start with HP_ENVIRONMENT=staging"], **more)

    def test_in_many_ways_is_told_of_all_at_once(self, clinic: Clinic) -> None:
        refuses(
            clinic,
            [
                "can be read by others than its owner",
                "HP_LOG_LEVEL is debug",
                "HP_PUBLIC_ORIGINS is not set",
                "HP_TRUSTED_PROXIES is not set",
                "the database is the staging one",
            ],
            HP_ROOT_KEY_FILE=str(opened(clinic)),
            HP_LOG_LEVEL="debug",
            HP_PUBLIC_ORIGINS="",
            HP_TRUSTED_PROXIES="",
            HP_DATABASE_URL=staging(clinic),
        )

    def test_without_its_database_is_told_of_that_beside_the_rest(self, clinic: Clinic) -> None:
        url = f"postgresql://owner:hunter2-and-more@127.0.0.1:{free_port()}/clinic"

        said = refuses(clinic, ["nobody listens there", "HP_LOG_LEVEL"], HP_DATABASE_URL=url, HP_LOG_LEVEL="debug")

        assert "hunter2" not in said

    def test_is_refused_as_one_tree_too(self, clinic: Clinic) -> None:
        refuses(clinic, ["HP_LOG_LEVEL is debug"], part="up", HP_LOG_LEVEL="debug")

    @pytest.mark.parametrize("part", ["serve", "worker", "up", "config check"])
    def test_is_told_together_with_what_does_not_fit(self, clinic: Clinic, part: str) -> None:
        wrong = {"HP_LOG_LEVEL": "debug", "HP_PORT": "eighty", "HP_PUBLIC_ORIGINS": "", "HP_TRUSTED_PROXIES": "nowhere"}

        refused = clinic.run(*part.split(), **wrong)

        lines = [line.removeprefix("healthprotocol: ") for line in refused.stderr.splitlines()]
        assert refused.returncode != 0
        assert sorted(line.split(",")[0].split(" is ")[0] for line in lines) == sorted(wrong)

    @pytest.mark.parametrize("password", ["tops[cret", "tops\u2100cret"])
    def test_is_never_told_with_a_password(self, clinic: Clinic, password: str) -> None:
        wrong = {"HP_PORT": "eighty", "HP_DATABASE_URL": f"postgresql://care:{password}@db.example/care"}

        for part in ("config check", "keys create", "serve"):
            refused = clinic.run(*part.split(), **wrong)

            told = [line.removeprefix("healthprotocol: ").split(",")[0] for line in refused.stderr.splitlines()]
            assert told == list(wrong)
            assert "tops" not in refused.stderr

    def test_does_not_tell_that_what_cannot_be_read_is_not_set(self, clinic: Clinic) -> None:
        wrong = {"HP_PORT": "eighty", "HP_PUBLIC_ORIGINS_FILE": str(clinic.folder / "nothing")}
        without = {name: value for name, value in wrong.items() if name != "HP_PORT"}

        for given in (wrong, without):
            refused = clinic.run("config", "check", **given, HP_PUBLIC_ORIGINS="")
            assert "HP_PUBLIC_ORIGINS is not set" not in refused.stderr
            assert str(clinic.folder / "nothing") in refused.stderr

    def test_keeps_a_worker_from_starting_too(self, clinic: Clinic) -> None:
        refuses(clinic, ["HP_LOG_LEVEL is debug"], part="worker", HP_LOG_LEVEL="debug")


def refuses(clinic: Clinic, words: list[str], *, part: str = "serve", **more: str) -> str:
    """A part ends by itself, with a line for each fault, and has all the words; what it said is returned."""
    # Beside what runs: that it is refused must not come from a taken port.
    ports = {"HP_PORT": str(free_port()), "HP_OPERATIONS_PORT": "0"}

    refused = clinic.run(part, **(ports | more))

    assert refused.returncode == 1
    first, *faults = refused.stderr.splitlines()
    assert first == "healthprotocol: not good enough for production:"
    assert faults
    assert all(line.startswith("healthprotocol: ") and ": " in line[16:] for line in faults)
    assert [word for word in words if word not in refused.stderr] == []
    return refused.stderr


def opened(clinic: Clinic) -> Path:
    """A copy of the key that lies open to all."""
    path = clinic.folder / "open.key"
    if not path.exists():
        shutil.copy(clinic.settings["HP_ROOT_KEY_FILE"], path)
    path.chmod(0o444)
    return path


def staging(clinic: Clinic) -> str:
    """The URL of a database that belongs to staging."""
    url = clinic.server.ensure_database("staging")
    key = clinic.folder / "staging.key"
    if not key.exists():
        more = {"HP_ENVIRONMENT": "staging", "HP_DATABASE_URL": url, "HP_ROOT_KEY_FILE": str(key)}
        clinic.make("keys", "create", **more)
        clinic.make("migrate", "up", **more)
        clinic.make("config", "adopt", "--environment", "staging", "--yes", **more)
    return url
