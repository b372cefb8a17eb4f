"""`healthprotocol demo` at the terminal: what it refuses, and that it says so in one line."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from healthprotocol.cli import build
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.installation import Installation
from tests.support.people import make_organisation
from tests.support.postgresql import Cluster, cloned_database, open_database


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("HP_DATA_DIR", str(tmp_path / "var"))
    return CliRunner()


@pytest.fixture
def populated(cluster: Cluster) -> Iterator[str]:
    """Give the name of a database that holds an organisation. Not async: the commands run a loop of their own."""
    names: list[str] = []

    async def populate() -> None:
        async with cloned_database(cluster) as name:
            names.append(name)
            database = await open_database(cluster, name)
            await make_organisation(database, "Delta Clinic")
            await database.close()
            ready.set()
            await asyncio.to_thread(done.wait)

    ready, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(populate(),))
    thread.start()
    assert ready.wait(30)
    yield names[0]
    done.set()
    thread.join()


class TestDemo:
    @pytest.mark.parametrize("command", ["load", "real"])
    def test_has_help_with_an_example(self, runner: CliRunner, command: str) -> None:
        result = runner.invoke(build(), ["demo", command, "--help"])

        assert result.exit_code == 0
        assert f"healthprotocol demo {command}" in result.output

    @pytest.mark.parametrize("environment", ["production", "staging"])
    @pytest.mark.parametrize("arguments", [["load"], ["real", "."]])
    def test_is_refused_where_real_people_are(
        self, runner: CliRunner, monkeypatch: pytest.MonkeyPatch, environment: str, arguments: list[str]
    ) -> None:
        monkeypatch.setenv("HP_ENVIRONMENT", environment)

        result = runner.invoke(build(), ["demo", *arguments])

        assert isinstance(result.exception, CommandFailed)
        assert environment in str(result.exception)

    def test_is_not_loaded_over_what_is_there(
        self, runner: CliRunner, monkeypatch: pytest.MonkeyPatch, cluster: Cluster, populated: str
    ) -> None:
        _use(monkeypatch, cluster, populated)

        result = runner.invoke(build(), ["demo", "load"])

        assert isinstance(result.exception, CommandFailed)
        assert "empty" in str(result.exception)


class TestReal:
    def test_wants_a_folder(self, runner: CliRunner, tmp_path: Path) -> None:
        result = runner.invoke(build(), ["demo", "real", str(tmp_path / "nowhere")])

        assert isinstance(result.exception, UsedWrongly)

    def test_tells_a_program_what_became_of_each_file(
        self, runner: CliRunner, monkeypatch: pytest.MonkeyPatch, cluster: Cluster, populated: str, tmp_path: Path
    ) -> None:
        _use(monkeypatch, cluster, populated)
        files = tmp_path / "files"
        files.mkdir()
        (files / "notes.json").write_text('{"neither": "this nor that"}')

        result = runner.invoke(build(), ["demo", "real", str(files), "--json"])

        assert result.exit_code == 0, result.exception
        assert '"not for us"' in result.output
        assert "password" in result.output


def _use(monkeypatch: pytest.MonkeyPatch, cluster: Cluster, database: str) -> None:
    """Let commands use a database of the tests: its application role is the template's, with another password."""
    monkeypatch.setenv("HP_DATABASE_URL", cluster.app_url(database))
    monkeypatch.setenv("HP_ROOT_KEY_FILE", str(cluster.root_key))
    monkeypatch.setattr(Installation, "application_url", lambda _self, url: url)
