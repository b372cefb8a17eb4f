"""`healthprotocol config`, as an operator types it."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from healthprotocol.cli import build
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from tests.support.postgresql import Cluster


def call(*words: str) -> Result:
    return CliRunner().invoke(build(), list(words), catch_exceptions=False)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("HP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HP_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def migrated(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database with the whole schema and its own sign-in role, named by HP_DATABASE_URL."""
    name = f"config{next(cluster.numbers)}"
    asyncio.run(cluster.execute("postgres", f"create database {name}"))
    monkeypatch.setenv("HP_DATABASE_URL", cluster.admin_url(name))
    call("migrate", "up", "--json")
    yield cluster.admin_url(name)
    asyncio.run(cluster.execute("postgres", f"drop database {name} with (force)"))


class TestCheck:
    def test_of_a_laptop_is_well(self) -> None:
        assert call("config", "check").exit_code == 0

    def test_names_what_production_lacks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HP_ENVIRONMENT", "production")

        with pytest.raises(CommandFailed, match=r"HP_DATABASE_URL is not set.*HP_ROOT_KEY_FILE is not set"):
            call("config", "check")

    def test_names_a_misspelt_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HP_PROT", "1")

        with pytest.raises(CommandFailed, match=r"HP_PROT is no setting: did you mean HP_PORT\?"):
            call("config", "check")


class TestDiff:
    def test_of_two_environments_shows_what_differs(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        path = tmp_path / "hp.toml"
        path.write_text('[staging]\nworkers = 2\n[production]\nworkers = 8\nredis_url = "rediss://:hunter2@cache"\n')
        monkeypatch.setenv("HP_CONFIG_FILE", str(path))

        said = call("config", "diff", "--from", "staging", "--to", "production", "--json").output

        document = json.loads(said)
        assert document["workers"] == {"from": "2", "to": "8"}
        assert set(document) == {"environment", "workers", "redis_url"}
        assert "hunter2" not in said

    def test_of_what_runs_needs_something_that_runs(self) -> None:
        with pytest.raises(CommandFailed, match="no server runs from"):
            call("config", "diff", "--running")

    def test_of_nothing_is_used_wrongly(self) -> None:
        with pytest.raises(UsedWrongly):
            call("config", "diff")


class TestSecrets:
    def test_are_shown_by_a_mark_that_tells_equal_from_unequal(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        call("keys", "create", "--path", str(tmp_path / "data" / "keys" / "root.key"))
        shown: list[str] = []
        for password in ("hunter2", "hunter2", "hunter3"):
            monkeypatch.setenv("HP_REDIS_URL", f"redis://:{password}@cache.example")
            shown.append(json.loads(call("config", "show", "--no-runtime", "--json").output)["redis_url"]["value"])

        assert shown[0] == shown[1] != shown[2]
        assert "hunter" not in "".join(shown)


class TestChosen:
    def test_is_kept_shown_looked_back_on_and_undone(self, migrated: str) -> None:
        first = json.loads(
            call("config", "set", "sign_in.free_attempts", "3", "--reason", "an attack", "--json").output
        )
        call("config", "set", "sign_in.free_attempts", "4", "--reason", "it is over", "--json")
        shown = json.loads(call("config", "show", "--json").output)
        history = json.loads(call("config", "history", "sign_in.free_attempts", "--json").output)
        undone = json.loads(
            call("config", "rollback", "sign_in.free_attempts", "--to", "1", "--reason", "it is not", "--json").output
        )

        assert (first["version"], first["value"]) == (1, 3)
        assert (shown["sign_in.free_attempts"]["value"], shown["sign_in.free_attempts"]["source"]) == (
            "4",
            "installation",
        )
        assert shown["entry.late_days"]["value"] == "7"
        assert [(one["version"], one["reason"]) for one in history] == [(2, "it is over"), (1, "an attack")]
        assert (undone["version"], undone["value"]) == (3, 3)

    def test_takes_another_value_for_some_time_and_some_accounts(self, migrated: str) -> None:
        vary = "30 from=2026-12-01T00:00+00:00 until=2027-01-01T00:00+00:00 percent=10"

        said = json.loads(
            call("config", "set", "entry.late_days", "7", "--vary", vary, "--reason", "trial", "--json").output
        )

        assert said["variation"]["value"] == 30
        assert said["variation"]["percent"] == 10

    def test_of_a_wrong_type_is_used_wrongly(self, migrated: str) -> None:
        with pytest.raises(UsedWrongly, match="takes a value of type integer"):
            call("config", "set", "entry.late_days", "many", "--reason", "x")


class TestAnotherEnvironment:
    def test_is_refused_with_what_to_do(self, migrated: str, monkeypatch: pytest.MonkeyPatch) -> None:
        asyncio.run(_bind(migrated, "production"))

        for words in (("migrate", "up"), ("config", "set", "entry.late_days", "3", "--reason", "x"), ("worker",)):
            with pytest.raises(CommandFailed, match=r"this database is the production one.*config adopt"):
                call(*words)

    def test_adopts_no_production_as_it_is(self, migrated: str) -> None:
        asyncio.run(_bind(migrated, "production"))

        with pytest.raises(UsedWrongly, match="add --deidentify"):
            call("config", "adopt", "--environment", "test", "--yes")

    def test_adopts_a_harmless_copy(self, migrated: str) -> None:
        asyncio.run(_bind(migrated, "production"))

        call("config", "adopt", "--environment", "development", "--deidentify", "--yes", "--json")

        assert call("migrate", "status", "--json").exit_code == 0
        assert call("config", "set", "entry.late_days", "3", "--reason", "x", "--json").exit_code == 0


async def _bind(url: str, environment: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "insert into installation (organisation_id, environment, bound_at) "
            "values ('00000000-0000-0000-0000-000000000000', $1, now())",
            environment,
        )
    finally:
        await connection.close()
