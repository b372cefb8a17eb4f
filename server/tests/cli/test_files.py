"""`import` and `export` of records: there and back, from a terminal."""

import json
from pathlib import Path

import pytest

from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from tests.cli.test_protocols import ELBE, call, said
from tests.cli.test_protocols import installed as installed  # noqa: PLC0414 - a fixture is asked for by its name

PEOPLE = "client_id,given_name,family_name,birth_date\r\n1,Ada,Elbe,1960-01-01\r\n2,Bea,Ems,{}\r\n"


@pytest.fixture(autouse=True)
def _installed(installed: pytest.MonkeyPatch) -> None:
    """Every test runs on that database."""


class TestImport:
    def test_says_what_failed_writes_it_beside_the_file_and_ends_with_one(self, tmp_path: Path) -> None:
        file = tmp_path / "people.csv"
        file.write_text(PEOPLE.format("soon"))

        with pytest.raises(CommandFailed):
            call("import", "patients", str(file), "--as", ELBE, "--dry-run")

        faults = (tmp_path / "people.faults.csv").read_text("utf-8-sig").splitlines()
        assert faults[0].endswith("line,field,error")
        assert faults[1].startswith("2,Bea,Ems,soon,3,birth_date,")

    def test_brings_in_once_and_export_writes_it_out(self, tmp_path: Path) -> None:
        file, out = tmp_path / "people.csv", tmp_path / "out.ndjson"
        file.write_text(PEOPLE.format("1970-02-03"))

        first = said("import", "patients", str(file), "--as", ELBE)
        again = said("import", "patients", str(file), "--as", ELBE)
        call("export", "patients", "--as", ELBE, "--format", "ndjson", "--output", str(out))

        assert (first["created"], again["created"], again["skipped"]) == (2, 0, 2)
        assert {json.loads(line)["family_name"] for line in out.read_text().splitlines()} == {"Elbe", "Ems"}
        assert out.stat().st_mode & 0o077 == 0

    def test_wants_one_file(self, tmp_path: Path) -> None:
        with pytest.raises(UsedWrongly):
            call("import", "entries", str(tmp_path / "missing.csv"), "--as", ELBE)
