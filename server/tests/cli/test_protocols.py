"""`import` and `export`: care protocols from files and into files, from a terminal."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from healthprotocol.cli import build
from healthprotocol.cli import protocols as commands
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.foundation.errors import NotFound
from tests.support.postgresql import Cluster

ELBE, ODER = "elbe@delta.example", "oder@delta.example"
PASSWORD = "eleven wet llamas hum\n"
PLAN = """
healthprotocol: 1
title: Walking [again]
duration_days: 10
phases:
  - title: All
    start_day: 1
    length_days: 10
    activities:
      - {key: walk, kind: task, title: Walk}
"""


def call(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(build(), list(words), input=typed, catch_exceptions=False)


def said(*words: str) -> Any:
    return json.loads(call(*words, "--json").stdout)


@pytest.fixture(scope="module")
def installed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """A migrated database with two organisations; Elbe is in one of them, Oder in both."""
    name = f"cli{next(cluster.numbers)}"
    asyncio.run(_administer(cluster, f"create database {name}"))
    with pytest.MonkeyPatch.context() as patch:
        for variable in [variable for variable in os.environ if variable.startswith("HP_")]:
            patch.delenv(variable)
        patch.setenv("HP_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        patch.setenv("HP_DATABASE_URL", cluster.admin_url(name))
        call("migrate", "up")
        for organisation, email in (("Delta Clinic", ELBE), ("Mouth Clinic", ODER), ("Spring Clinic", ODER)):
            call(
                "admin", "create", "--organisation", organisation, "--email", email, "--password-stdin", typed=PASSWORD
            )
        yield patch
    asyncio.run(_administer(cluster, f"drop database {name} with (force)"))


async def _administer(cluster: Cluster, statement: str) -> None:
    connection = await asyncpg.connect(cluster.admin_url("postgres"))
    await connection.execute(statement)
    await connection.close()


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


@pytest.mark.usefixtures("installed")
class TestImport:
    def test_a_dry_run_writes_nothing(self, plan: Path) -> None:
        tried = said("import", str(plan), "--as", ELBE, "--dry-run")

        assert tried["protocols"] == []
        assert tried["counts"].get("refused", 0) == 0

    def test_says_what_came_in(self, plan: Path) -> None:
        people = call("import", str(plan), "--as", ELBE)
        programs = said("import", str(plan), "--as", ELBE, "--publish")

        assert people.exit_code == 0
        assert "Walking [again] (version 1, draft)" in people.stdout
        assert [one["status"] for one in programs["protocols"]] == ["active"]

    def test_of_a_folder_takes_the_files_that_can_be_one(self, plan: Path) -> None:
        (plan.parent / "notes.txt").write_text("no plan")
        (plan.parent / "deep").mkdir()
        (plan.parent / "deep" / "second.YML").write_text(PLAN.replace("again", "more"))

        found = said("import", str(plan.parent), "--as", ELBE)

        assert sorted(one["title"] for one in found["protocols"]) == ["Walking [again]", "Walking [more]"]

    def test_of_what_is_no_plan_fails_and_says_why(self, tmp_path: Path) -> None:
        (tmp_path / "broken.json").write_text("{")

        with pytest.raises(CommandFailed, match="no file holds"):
            call("import", str(tmp_path / "broken.json"), "--as", ELBE)

    @pytest.mark.parametrize(
        ("email", "reason"),
        [("nobody@delta.example", "no active account"), ("no address", "no active account"), (ODER, "several")],
    )
    def test_wants_one_account_to_act_as(self, plan: Path, email: str, reason: str) -> None:
        with pytest.raises(CommandFailed, match=reason):
            call("import", str(plan), "--as", email)


class TestFiles:
    def test_that_are_not_there_too_many_or_too_large_are_refused(
        self, plan: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (plan.parent / "empty").mkdir()

        with pytest.raises(UsedWrongly, match="is not there"):
            commands._files([plan.parent / "gone.json"])
        with pytest.raises(UsedWrongly, match="these are 0"):
            commands._files([plan.parent / "empty"])
        monkeypatch.setattr(commands, "_LARGEST_BYTES", 3)
        with pytest.raises(UsedWrongly, match="larger"):
            commands._files([plan])

    def test_that_cannot_be_read_are_named(self, plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_path: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", refuse)

        with pytest.raises(UsedWrongly, match=r"plan\.yaml cannot be read: Permission denied"):
            commands._files([plan])


@pytest.mark.usefixtures("installed")
class TestExport:
    def test_writes_what_can_be_imported_again(self, plan: Path, tmp_path: Path) -> None:
        [made] = said("import", str(plan), "--as", ELBE)["protocols"]
        out = tmp_path / "out.json"

        written = said("export", made["id"], "--as", ELBE, "--format", "fhir", "--output", str(out))
        back = said("import", str(out), "--as", ELBE)
        printed = call("export", made["id"], "--as", ELBE, "--version", "1")

        assert written == {"file": str(out), "bytes": out.stat().st_size}
        assert [one["title"] for one in back["protocols"]] == ["Walking [again]"]
        assert "Walking" in printed.stdout

    def test_says_what_is_not_there(self, plan: Path, tmp_path: Path) -> None:
        [made] = said("import", str(plan), "--as", ELBE)["protocols"]

        with pytest.raises(UsedWrongly, match="UUID"):
            call("export", "walking", "--as", ELBE)
        with pytest.raises(NotFound):
            call("export", "01890000-0000-7000-8000-000000000001", "--as", ELBE)
        with pytest.raises(NotFound):
            call("export", made["id"], "--as", ELBE, "--version", "9")
        with pytest.raises(CommandFailed, match="cannot be written"):
            call("export", made["id"], "--as", ELBE, "--output", str(tmp_path))
