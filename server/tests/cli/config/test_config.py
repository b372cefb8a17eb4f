"""`healthprotocol config`, as an operator types it."""

import asyncio
import io
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from healthprotocol.cli import build
from healthprotocol.cli.config.started import told
from healthprotocol.cli.failures import CommandFailed, UsedWrongly, say_failure
from healthprotocol.cli.installation import Installation
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

        with pytest.raises(CommandFailed, match=r"(?s)HP_PUBLIC_ORIGINS is not set.*HP_ROOT_KEY_FILE is not set"):
            call("config", "check")

    def test_of_a_good_production_with_its_own_database_gives_advice_alone(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for name, value in {
            "HP_ENVIRONMENT": "production",
            "HP_ROOT_KEY_FILE": str(tmp_path / "root.key"),
            "HP_PUBLIC_ORIGINS": "https://care.example",
            "HP_TRUSTED_PROXIES": "127.0.0.1/32",
        }.items():
            monkeypatch.setenv(name, value)
        call("keys", "create", "--json")

        said = json.loads(call("config", "check", "--json").output)

        assert said["faults"] == []
        assert "the embedded one has no replica" in said["advice"][0]

    def test_tells_of_a_database_that_is_away_beside_all_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HP_ENVIRONMENT", "production")
        monkeypatch.setenv("HP_DATABASE_URL", "postgresql://hp:postgres@127.0.0.1:1/hp")
        monkeypatch.setenv("HP_WORKRES", "3")

        with pytest.raises(CommandFailed, match=r"(?s)HP_WORKRES.*people guess.*127\.0\.0\.1:1/hp cannot be used"):
            call("config", "check")

    def test_outside_production_wants_an_answer_from_the_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HP_DATABASE_URL", "postgresql://hp@127.0.0.1:1/hp")

        with pytest.raises(CommandFailed, match="nobody listens there: check HP_DATABASE_URL"):
            call("config", "check")

    def test_names_a_misspelt_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HP_PROT", "1")

        with pytest.raises(CommandFailed, match=r"HP_PROT is no setting: did you mean HP_PORT\?"):
            call("config", "check")

    def test_tells_each_value_that_cannot_be_read_on_a_line_of_its_own_and_fails(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HP_PORT", "HP_POOL_WAIT_SECONDS", "HP_PROT"):
            monkeypatch.setenv(name, "hunter2")
        text, document = io.StringIO(), io.StringIO()

        with pytest.raises(CommandFailed) as refused:
            call("config", "check")
        codes = [
            say_failure(refused.value, as_json=as_json, stream=to) for as_json, to in ((False, text), (True, document))
        ]

        assert codes == [1, 1]
        misspelt, port, wait = text.getvalue().splitlines()
        assert misspelt == "healthprotocol: HP_PROT is no setting: did you mean HP_PORT?"
        assert port == (
            "healthprotocol: HP_PORT, from the environment, is not a whole number: "
            "write a whole number from 1 to 65535, such as 8000 (Port of the application)"
        )
        assert "is not a number: write a number of seconds above 0 and at most 60, such as 2.0 (How long one" in wait
        assert len(json.loads(document.getvalue())["faults"]) == 3


class TestShow:
    def test_names_the_section_of_the_file_that_a_value_is_from(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        path = tmp_path / "hp.toml"
        path.write_text("[test]\nworkers = 2\n")
        monkeypatch.setenv("HP_CONFIG_FILE", str(path))
        monkeypatch.setenv("HP_ENVIRONMENT", "test")

        shown = call("config", "show", "--no-runtime").output

        assert f"file {path} [test]" in " ".join(shown.split())


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

    def test_of_two_equal_environments_shows_nothing_but_their_names(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        path = tmp_path / "hp.toml"
        path.write_text("workers = 3\n")
        monkeypatch.setenv("HP_CONFIG_FILE", str(path))

        said = json.loads(call("config", "diff", "--from", "staging", "--to", "production", "--json").output)

        assert said == {"environment": {"from": "staging", "to": "production"}}

    def test_of_what_runs_shows_what_a_restart_would_change(self, monkeypatch: pytest.MonkeyPatch) -> None:
        call("keys", "create", "--json")
        monkeypatch.setenv("HP_REDIS_URL", "redis://:hunter2@cache.example")
        with told(Installation.load()):
            same = call("config", "diff", "--running")
            monkeypatch.setenv("HP_WORKERS", "4")
            monkeypatch.setenv("HP_REDIS_URL", "redis://:hunter3@cache.example")
            changed = call("config", "diff", "--running", "--json").output

        document = json.loads(changed)
        assert same.output == "Nothing differs.\n"
        assert document["workers"] == {"from": "1", "to": "4"}
        assert set(document) == {"workers", "redis_url"}
        assert "hunter" not in changed

    def test_of_what_ran_says_that_it_ended(self) -> None:
        with told(Installation.load()):
            pass

        with pytest.raises(CommandFailed, match="no server runs from"):
            call("config", "diff", "--running")

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

    @pytest.mark.parametrize("name", ["HP_DATABASE_URL", "HP_DIRECT_DATABASE_URL", "HP_REPLICA_URLS"])
    def test_in_any_way_to_the_database_are_not_shown(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        monkeypatch.setenv(name, "postgresql://owner:hunter2@one.example/clinic")

        shown = call("config", "show", "--no-runtime").output

        assert "one.example" in shown
        assert "hunter" not in shown


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
        assert (shown["session.staff_idle_minutes"]["source"], shown["session.staff_idle_minutes"]["where"]) == (
            "relaxed",
            "development environment",
        )
        assert [(one["version"], one["reason"]) for one in history] == [(2, "it is over"), (1, "an attack")]
        assert (undone["version"], undone["value"]) == (3, 3)

    def test_is_listed_in_words_with_what_fits_and_where_it_comes_from(
        self, migrated: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HP_SESSION_IDLE_MINUTES", "20")

        listed = json.loads(call("config", "list", "--json").output)

        idle = listed["session.staff_idle_minutes"]
        assert (idle["title"], idle["range"]) == ("Sign staff out when idle for", "5 to 720")
        assert (idle["value"], idle["source"], idle["where"]) == ("20", "started", "HP_SESSION_IDLE_MINUTES")
        assert (listed["session.most_at_once"]["value"], listed["session.most_at_once"]["where"]) == (
            "1000",
            "development environment",
        )
        assert "port" not in listed

    def test_takes_another_value_for_some_time_and_some_accounts(self, migrated: str) -> None:
        until = datetime.now(UTC) + timedelta(days=30)
        vary = f"30 from=2026-12-01T00:00+00:00 until={until.isoformat()} percent=10"

        said = json.loads(
            call("config", "set", "entry.late_days", "7", "--vary", vary, "--reason", "trial", "--json").output
        )

        assert said["variation"]["value"] == 30
        assert said["variation"]["percent"] == 10

    def test_for_one_organisation_is_in_that_organisation_s_log(
        self, migrated: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        words = ("admin", "create", "--organisation", "Delta Clinic", "--email", "elbe@delta.example", "--json")
        made = CliRunner().invoke(build(), [*words, "--password-stdin"], input="a-river-with-many-arms-47\n")
        organisation = json.loads(made.output)["organisation_id"]
        # `admin create` went on as the application's role.
        monkeypatch.setenv("HP_DATABASE_URL", migrated)

        call("config", "set", "entry.late_days", "3", "--organisation", organisation, "--reason", "a trial", "--json")
        undo = ("--to", "0", "--reason", "it is over")
        call("config", "rollback", "entry.late_days", "--organisation", organisation, *undo, "--json")
        call("config", "set", "entry.late_days", "4", "--reason", "for all", "--json")

        assert asyncio.run(_logged(migrated)) == [
            ("setting.change", "system", None, True),
            ("setting.roll_back", "system", None, True),
        ]

    def test_for_an_organisation_that_there_is_not_is_refused(self, migrated: str) -> None:
        nobody = "01970000-0000-7000-8000-000000000000"

        with pytest.raises(CommandFailed, match=f"there is no organisation {nobody}"):
            call("config", "set", "entry.late_days", "3", "--organisation", nobody, "--reason", "x")

    @pytest.mark.parametrize("vary", ["", "30"])
    def test_of_another_value_asks_when_it_holds(self, migrated: str, vary: str) -> None:
        with pytest.raises(UsedWrongly, match="--vary says when its value holds"):
            call("config", "set", "entry.late_days", "7", "--vary", vary, "--reason", "trial")

    @pytest.mark.parametrize("name", ["HP_PORT", "port"])
    def test_of_what_a_process_is_started_with_says_where_that_is_given(self, name: str) -> None:
        with pytest.raises(UsedWrongly, match=r"^HP_PORT is what a process is started with: .*HP_CONFIG_FILE"):
            call("config", "set", name, "8080", "--reason", "x")

    def test_of_a_wrong_type_is_used_wrongly(self, migrated: str) -> None:
        with pytest.raises(UsedWrongly, match="takes a value of type integer: 0 to 90; or `inherit`"):
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


async def _logged(url: str) -> list[tuple[str, str, str | None, bool]]:
    """What the log says of settings: act, role, account, and whether there is more, sealed, such as the reason."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "select action, actor_role, actor_id, detail_ct is not null as said from audit_event "
            "where action like 'setting.%' order by at, id"
        )
    finally:
        await connection.close()
    return [tuple(row.values()) for row in rows]


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
