"""`healthprotocol migrate`: plan, phases, check and repair, as a person and as a program sees them."""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from healthprotocol.cli import build
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.migrate import planning, repairing, runner
from tests.support.postgresql import Cluster


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("HP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HP_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def url(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = f"climigrate{next(cluster.numbers)}"
    execute(cluster.admin_url("postgres"), f"create database {name}")
    monkeypatch.setenv("HP_DATABASE_URL", cluster.admin_url(name))
    yield cluster.admin_url(name)
    execute(cluster.admin_url("postgres"), f"drop database {name} with (force)")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The house's first ten revisions, and room for more."""
    made = tmp_path / "migrations"
    made.mkdir()
    for number in range(1, 11):
        for source in migrate.migrations_folder().glob(f"{number:04}_*.sql"):
            shutil.copy(source, made)
    found = migrate.revisions
    for module in (migrate, runner, planning, repairing):
        monkeypatch.setattr(module, "revisions", lambda _folder=None: found(made))
    return made


def write(folder: Path, name: str, up: str, down: str) -> None:
    (folder / f"{name}.up.sql").write_text(f"-- {name}.up.sql\n{up}")
    (folder / f"{name}.down.sql").write_text(down)


def call(*words: str) -> Result:
    return CliRunner().invoke(build(), ["migrate", *words], catch_exceptions=False)


def execute(url: str, statement: str) -> None:
    async def run() -> None:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


class TestPlan:
    def test_of_a_new_database_names_every_revision(self, url: str) -> None:
        found = json.loads(call("plan", "--json").output)

        assert [one["number"] for one in found] == [one.number for one in migrate.revisions()]
        assert {"phase", "direction", "locks", "rows", "saves", "way_back", "is_begun"} <= set(found[0])

    def test_shows_locks_and_what_is_saved_to_a_person(self, url: str, folder: Path) -> None:
        call("up")
        write(
            folder,
            "0011_no_band",
            "-- Phase: contract\n-- Why: test\n-- Contracts: 0004\n-- Backup: patient (archived_at)\n"
            "alter table patient drop column archived_at;",
            "-- Transaction: none\nalter table patient add column archived_at timestamptz;\n"
            "-- Restore: patient (archived_at)\n",
        )

        said = call("plan").output

        for word in ("0011_no_band", "contract", "patient: access exclusive", "patient (archived_at)", "restores"):
            assert word in said

    def test_to_an_older_revision_is_a_way_back(self, url: str) -> None:
        call("up")

        found = json.loads(call("plan", "--to", "0009", "--json").output)

        assert {one["direction"] for one in found} == {"down"}
        assert found[-1]["number"] == "0010"

    def test_of_nothing_says_so(self, url: str) -> None:
        call("up")

        assert "Nothing is to come." in call("plan").stderr
        assert json.loads(call("plan", "--json").stdout) == []

    def test_to_nowhere_is_used_wrongly(self, url: str) -> None:
        with pytest.raises(UsedWrongly, match="no revision '4711'"):
            call("plan", "--to", "4711")


class TestUp:
    def test_stops_before_a_later_phase(self, url: str, folder: Path) -> None:
        call("up")
        write(folder, "0011_x", "-- Phase: expand\nalter table patient add column x int;", "select 1;")
        write(folder, "0012_y", "-- Phase: contract\nselect 1;", "select 1;")

        at = json.loads(call("up", "--phase", "migrate", "--json").stdout)

        assert (at["current"], at["pending"]) == ("0011", ["0012"])

    def test_to_what_lies_behind_names_the_way_back(self, url: str) -> None:
        call("up")

        assert "`healthprotocol migrate down --to 0004`" in call("up", "--to", "0004").output

    def test_a_phase_that_is_none_is_used_wrongly(self, url: str) -> None:
        assert call("up", "--phase", "shrink").exit_code == 2

    def test_saves_into_the_folder_that_is_named(self, url: str, folder: Path, tmp_path: Path) -> None:
        call("up")
        write(
            folder,
            "0011_x",
            "-- Phase: contract\n-- Backup: organisation (settings)\nselect 1;",
            "-- Undo: none, because it does nothing\n",
        )

        call("up", "--backup-dir", str(tmp_path / "saved"), "--accept-loss")

        (saved,) = (tmp_path / "saved").iterdir()
        assert sorted(one.name for one in saved.iterdir()) == ["manifest.json", "organisation.rows"]

    def test_what_cannot_be_undone_needs_a_word(self, url: str, folder: Path) -> None:
        call("up")
        write(folder, "0011_x", "-- Phase: migrate\nselect 1;", "-- Undo: none, because it does nothing\n")

        with pytest.raises(migrate.MigrationFailed, match="--accept-loss"):
            call("up")
        assert json.loads(call("up", "--accept-loss", "--json").stdout)["current"] == "0011"


class TestCheckAndRepair:
    def test_a_file_that_breaks_a_rule_is_named_with_its_remedy(self, folder: Path) -> None:
        write(folder, "0011_x", "-- Phase: expand\n-- Why: for the test\ndrop table patient;", "select 1;")

        with pytest.raises(CommandFailed, match="1 findings in the files of 1 revisions"):
            call("check")
        said = CliRunner().invoke(build(), ["migrate", "check"])
        assert "0011_x.up.sql:4: an expand removes or renames: drop table patient" in said.output
        assert "[expand-only-adds]" in said.output

    def test_a_changed_file_and_an_invalid_index_are_found_and_put_right(self, url: str, folder: Path) -> None:
        call("up")
        path = folder / "0010_identifier_systems.up.sql"
        path.write_text(path.read_text() + "-- said better\n")
        execute(
            url, "create table spare (n int); alter table spare owner to hp_owner; insert into spare values (1), (1)"
        )
        with pytest.raises(asyncpg.UniqueViolationError):
            execute(url, "create unique index concurrently spare_n on spare (n)")
        execute(url, "delete from spare")

        with pytest.raises(CommandFailed, match=r"0010 was changed after it was applied; index spare_n is invalid"):
            call("check")
        assert json.loads(call("status", "--json").stdout)["changed"] == ["0010"]
        with pytest.raises(CommandFailed, match="add --accept-checksum"):
            call("repair")
        done = json.loads(call("repair", "--accept-checksum", "--json").stdout)

        assert (done["accepted"], done["refused"]) == (["0010"], [])
        assert call("check").exit_code == 0
        assert "Nothing is to be repaired." in call("repair").output
