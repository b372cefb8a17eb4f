"""What every command has in common, and those that start nothing."""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import typer
from typer.testing import CliRunner, Result

from healthprotocol import __version__
from healthprotocol.cli import build
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.foundation.db import migrate
from tests.support.launched import listening
from tests.support.postgresql import Cluster


def commands() -> list[tuple[str, Any]]:
    """Every command that does something, with its words."""
    return [(words, command) for words, command in _walked() if not hasattr(command, "commands")]


def _walked() -> list[tuple[str, Any]]:
    def walk(words: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield words, command
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(f"{words} {name}".strip(), child)

    return list(walk("", typer.main.get_command(build())))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("HP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HP_DATA_DIR", str(tmp_path / "data"))


def call(*words: str) -> Result:
    """Run a command in this process; an error that it raises is raised here."""
    return CliRunner().invoke(build(), list(words), catch_exceptions=False)


@pytest.fixture
def empty_database(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database without a schema, named by HP_DATABASE_URL."""
    name = f"cli{next(cluster.numbers)}"
    asyncio.run(_administer(cluster, f"create database {name}"))
    monkeypatch.setenv("HP_DATABASE_URL", cluster.admin_url(name))
    yield cluster.admin_url(name)
    asyncio.run(_administer(cluster, f"drop database {name} with (force)"))


async def _administer(cluster: Cluster, statement: str) -> None:
    connection = await asyncpg.connect(cluster.admin_url("postgres"))
    await connection.execute(statement)
    await connection.close()


class TestEveryCommand:
    def test_shows_an_example(self) -> None:
        silent = [words for words, command in _walked() if "Example: " not in str(command.epilog)]

        assert silent == []

    def test_can_answer_in_json(self) -> None:
        deaf = [words for words, command in commands() if not any("--json" in option.opts for option in command.params)]

        assert deaf == []

    def test_says_what_it_does_in_a_sentence(self) -> None:
        mute = [words for words, command in commands() if not re.search(r"\w.*[.;]", str(command.help))]

        assert mute == []

    def test_the_promised_ones_are_there(self) -> None:
        there = {words for words, _ in commands()}

        promised = {"up", "serve", "worker", "doctor", "openapi", "config show", "config check"}
        assert promised | {f"migrate {verb}" for verb in ("status", "plan", "up", "down", "check", "repair")} <= there


class TestHelp:
    def test_without_words_shows_the_commands(self) -> None:
        said = call()

        assert "migrate" in said.output

    def test_of_a_command_shows_its_example(self) -> None:
        said = call("migrate", "down", "--help")

        assert "Example: healthprotocol migrate down" in said.output
        assert said.exit_code == 0

    def test_an_unknown_command_is_used_wrongly(self) -> None:
        assert call("heal").exit_code == 2

    def test_an_unknown_option_is_used_wrongly(self) -> None:
        assert call("doctor", "--loudly").exit_code == 2

    def test_version(self) -> None:
        assert call("--version").output == f"{__version__}\n"


class TestConfigShow:
    def test_tells_value_and_source(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HP_PORT", "8099")

        said = json.loads(call("config", "show", "--json").output)

        port = {"value": "8099", "unit": "", "source": "environment", "where": "", "needs_restart": True}
        assert said["port"] == port
        assert said["workers"]["source"] == "default"

    def test_hides_passwords(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HP_DATABASE_URL", "postgresql://owner:hunter2@db.example/clinic")

        said = call("config", "show").output

        assert "hunter2" not in said
        assert "postgresql://owner:***@db.example/clinic" in said

    def test_a_value_that_does_not_fit_is_used_wrongly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HP_WORKERS", "many")

        with pytest.raises(UsedWrongly, match="HP_WORKERS, from the environment, is not a whole number: ") as caught:
            call("config", "show")

        assert "many" not in str(caught.value)


class TestMigrate:
    def test_goes_up_and_down(self, empty_database: str) -> None:
        head = migrate.revisions()[-1].number
        before = json.loads(call("migrate", "status", "--json").output)

        assert before["current"] is None
        assert before["pending"][-1] == head
        with pytest.raises(CommandFailed, match="migrations are to come"):
            call("migrate", "check")
        assert json.loads(call("migrate", "up", "--json").output)["current"] == head
        assert call("migrate", "check").exit_code == 0
        assert json.loads(call("migrate", "down", "--to", "0001", "--yes", "--json").output)["current"] == "0001"
        assert json.loads(call("migrate", "up", "--to", "0002", "--json").output)["current"] == "0002"

    def test_down_asks_first(self, empty_database: str) -> None:
        call("migrate", "up")

        said = CliRunner().invoke(build(), ["migrate", "down", "--to", "base"], input="n\n")

        assert said.exit_code == 1
        assert call("migrate", "check").exit_code == 0

    def test_down_asks_no_program(self) -> None:
        with pytest.raises(UsedWrongly, match="add --yes"):
            call("migrate", "down", "--to", "0001", "--json")

    def test_an_unknown_revision_is_used_wrongly(self) -> None:
        with pytest.raises(UsedWrongly, match="there is no revision '0999'"):
            call("migrate", "up", "--to", "0999")


class TestKeysCreate:
    def test_makes_one_that_only_its_owner_reads(self, tmp_path: Path) -> None:
        target = json.loads(call("keys", "create", "--json").output)["path"]

        assert Path(target) == tmp_path / "data" / "keys" / "root.key"
        assert Path(target).stat().st_mode & 0o777 == 0o400

    def test_never_replaces_one(self, tmp_path: Path) -> None:
        call("keys", "create", "--path", str(tmp_path / "root.key"))
        before = (tmp_path / "root.key").read_text()

        with pytest.raises(CommandFailed, match="is there already"):
            call("keys", "create", "--path", str(tmp_path / "root.key"))

        assert (tmp_path / "root.key").read_text() == before

    def test_where_nothing_can_be_written_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        with pytest.raises(CommandFailed, match="cannot be written"):
            call("keys", "create", "--path", str(tmp_path / "file" / "root.key"))


class TestOpenapi:
    def test_prints_the_contract(self) -> None:
        document = json.loads(call("openapi").output)

        assert document["openapi"].startswith("3.1")
        assert "/api/v1/session" in document["paths"]

    def test_writes_what_it_checks(self, tmp_path: Path) -> None:
        target = tmp_path / "openapi.json"

        call("openapi", "--output", str(target))

        assert call("openapi", "--check", str(target)).exit_code == 0

    def test_a_stale_file_fails(self, tmp_path: Path) -> None:
        target = tmp_path / "openapi.json"
        target.write_text("{}")

        with pytest.raises(CommandFailed, match="is not what the code says"):
            call("openapi", "--check", str(target))


class TestDoctor:
    def test_before_the_first_start_finds_nothing_wrong(self) -> None:
        findings = doctor()

        assert findings["database"]["detail"] == "made at the first start"
        assert not [finding for name, finding in findings.items() if not finding["is_well"] and name != "web app"]

    def test_names_a_taken_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with listening() as port:
            monkeypatch.setenv("HP_PORT", str(port))

            assert doctor()["port"]["remedy"] == f"port {port} is taken by another program: choose another HP_PORT"

    def test_names_a_database_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HP_DATABASE_URL", "postgresql://owner:hunter2@127.0.0.1:1/clinic")

        found = doctor()["database"]

        assert "nobody listens there" in found["remedy"]
        assert "hunter2" not in found["remedy"]

    def test_names_migrations_to_come(self, empty_database: str) -> None:
        assert "migrations are to come" in doctor()["schema"]["remedy"]

    def test_of_a_migrated_database_finds_it_well(self, empty_database: str) -> None:
        call("migrate", "up")

        findings = doctor()

        assert findings["PostgreSQL"]["is_well"]
        assert findings["rights"]["is_well"]

    def test_names_a_root_key_that_others_can_read(self, tmp_path: Path) -> None:
        key = tmp_path / "data" / "keys" / "root.key"
        key.parent.mkdir(parents=True)
        key.write_text("{}")
        key.chmod(0o644)

        assert "can be read by others" in doctor()["root key"]["remedy"]

    def test_for_people_is_a_table(self) -> None:
        assert "data directory" in call("doctor").output


def doctor() -> dict[str, dict[str, str]]:
    said = CliRunner().invoke(build(), ["doctor", "--json"])
    return {finding["name"]: finding for finding in json.loads(said.output)["findings"]}
