"""`import` and `export` of records: there and back, from a terminal."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import pytest
from typer.testing import CliRunner

from healthprotocol.cli import build, files
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.terminal import Advance
from healthprotocol.foundation.errors import Problem
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

        with pytest.raises(CommandFailed, match=r"^1 line failed; it is in .*people\.faults\.csv"):
            call("import", "patients", str(file), "--as", ELBE, "--dry-run")

        faults = (tmp_path / "people.faults.csv").read_text("utf-8-sig").splitlines()
        assert faults[0].endswith("line,field,error")
        assert faults[1].startswith("2,Bea,Ems,soon,3,birth_date,")

    def test_tells_a_try_from_the_real_thing(self, tmp_path: Path) -> None:
        file = tmp_path / "people.csv"
        file.write_text(PEOPLE.format("1970-02-03").replace("1,Ada", "7,Ada").replace("2,Bea", "8,Bea"))

        tried = call("import", "patients", str(file), "--as", ELBE, "--dry-run").output
        done = call("import", "patients", str(file), "--as", ELBE).output

        assert "tried only, nothing was written: 2 lines: 2 created" in tried
        assert "tried" not in done
        assert "2 lines: 2 created" in done

    def test_of_a_line_without_a_field_says_the_line(self, tmp_path: Path) -> None:
        file = tmp_path / "people.csv"
        file.write_bytes(PEOPLE.format("1970-02-03").replace("Ada", "Zoë").encode("latin-1"))

        done = CliRunner().invoke(build(), ["import", "patients", str(file), "--as", ELBE, "--dry-run"])

        assert isinstance(done.exception, CommandFailed)
        assert "line 2: The line is not UTF-8." in done.output

    def test_counts_many_lines_as_many(self, tmp_path: Path) -> None:
        file = tmp_path / "people.csv"
        file.write_text(PEOPLE.format("soon").replace("1960-01-01", "later"))

        with pytest.raises(CommandFailed, match=r"^2 lines failed; they are in "):
            call("import", "patients", str(file), "--as", ELBE, "--dry-run")

    def test_brings_in_once_and_export_writes_it_out(self, tmp_path: Path) -> None:
        file, out = tmp_path / "people.csv", tmp_path / "out.ndjson"
        file.write_text(PEOPLE.format("1970-02-03"))

        first = said("import", "patients", str(file), "--as", ELBE)
        again = said("import", "patients", str(file), "--as", ELBE)
        call("export", "patients", "--as", ELBE, "--format", "ndjson", "--output", str(out))

        assert (first["created"], again["created"], again["skipped"]) == (2, 0, 2)
        assert {json.loads(line)["family_name"] for line in out.read_text().splitlines()} == {"Elbe", "Ems"}
        assert out.stat().st_mode & 0o077 == 0

    def test_goes_on_with_what_an_earlier_try_left(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "people.csv"
        file.write_text(PEOPLE.format("1971-02-03").replace("1,Ada", "3,Ada").replace("2,Bea", "4,Bea"))
        whole = files._pieces
        read: list[int] = []

        async def broken(source: BinaryIO, _: Advance, __: int = 0) -> AsyncIterator[bytes]:
            yield source.read(40)
            raise OSError

        async def counted(source: BinaryIO, advance: Advance, begin: int = 0) -> AsyncIterator[bytes]:
            read.append(begin)
            async for piece in whole(source, advance, begin):
                yield piece

        monkeypatch.setattr(files, "_pieces", broken)
        with pytest.raises(OSError):  # noqa: PT011 - the one of above
            call("import", "patients", str(file), "--as", ELBE)
        monkeypatch.setattr(files, "_pieces", counted)
        done = said("import", "patients", str(file), "--as", ELBE)

        assert (done["created"], read) == (2, [40])

    def test_wants_one_file_that_is_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsedWrongly, match=r"no file .*missing\.csv"):
            call("import", "entries", str(tmp_path / "missing.csv"), "--as", ELBE)
        with pytest.raises(UsedWrongly, match="one file of entries"):
            call("import", "entries", str(tmp_path), str(tmp_path), "--as", ELBE)
        with pytest.raises(UsedWrongly, match="name the file that holds the entries: `import entries FILE`"):
            call("import", "entries", "--as", ELBE)

    @pytest.mark.parametrize(
        ("noun", "option", "said"),
        [("patients", "--publish", "is for care protocols"), ("entries", "--update", "is for patients")],
    )
    def test_takes_no_option_that_would_do_nothing(self, noun: str, option: str, said: str, tmp_path: Path) -> None:
        (tmp_path / "people.csv").write_text(PEOPLE)

        with pytest.raises(UsedWrongly, match=f"{option} {said}"):
            call("import", noun, str(tmp_path / "people.csv"), "--as", ELBE, option)

    @pytest.mark.parametrize(
        ("word", "said"),
        [
            ("pateints", "did you mean `import patients FILE`"),
            ("Entry", "did you mean `import entries FILE`"),
            ("people", r"import patients\|assignments\|entries FILE"),
        ],
    )
    def test_of_a_mistyped_noun_says_which_there_are(self, word: str, said: str, tmp_path: Path) -> None:
        file = tmp_path / "people.csv"
        file.write_text(PEOPLE)

        with pytest.raises(UsedWrongly, match=rf"^{word} is not there.*{said}"):
            call("import", word, str(file), "--as", ELBE)


class TestExport:
    @pytest.mark.parametrize("more", [(), ("--format", "csv"), ("status = active", "--format", "ndjson")])
    @pytest.mark.parametrize(
        ("word", "said"),
        [
            ("pateints", "did you mean `export patients`"),
            ("Assignment", "did you mean `export assignments`"),
            ("people", r"export patients\|assignments\|entries`"),
        ],
    )
    def test_of_a_mistyped_noun_says_which_there_are(self, word: str, said: str, more: tuple[str, ...]) -> None:
        with pytest.raises(UsedWrongly, match=f"not by {word}; .*{said}"):
            call("export", word, *more, "--as", ELBE)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("entries", "--format", "fhir"), "entries are written as csv or ndjson"),
            (("entries", "--version", "2"), "--version is for a care protocol"),
        ],
    )
    def test_of_what_cannot_be_written_says_what_can(self, words: tuple[str, ...], said: str) -> None:
        with pytest.raises(UsedWrongly, match=said):
            call("export", *words, "--as", ELBE)

    def test_without_a_format_is_csv(self, tmp_path: Path) -> None:
        call("export", "patients", "--as", ELBE, "--output", str(tmp_path / "out"))

        assert (tmp_path / "out").read_text("utf-8-sig").startswith("client_id,")

    def test_without_a_format_is_what_the_file_s_name_says(self, tmp_path: Path) -> None:
        call("export", "patients", "--as", ELBE, "--output", str(tmp_path / "out.ndjson"))
        call("export", "patients", "--as", ELBE, "--output", str(tmp_path / "csv.ndjson"), "--format", "csv")

        assert (tmp_path / "out.ndjson").read_text().startswith('{"client_id":')
        assert (tmp_path / "csv.ndjson").read_text("utf-8-sig").startswith("client_id,")

    def test_that_is_refused_leaves_the_file_that_was_there(self, tmp_path: Path) -> None:
        out = tmp_path / "out.csv"
        out.write_text("yesterday's")

        with pytest.raises(Problem):
            call("export", "patients", "status = nobody", "--as", ELBE, "--format", "csv", "--output", str(out))

        assert out.read_text() == "yesterday's"
        assert list(tmp_path.iterdir()) == [out]

    def test_writes_to_what_is_no_file_without_replacing_it(self, tmp_path: Path) -> None:
        link = tmp_path / "out.csv"
        link.symlink_to("/dev/null")

        call("export", "patients", "--as", ELBE, "--format", "csv", "--output", str(link))

        assert link.is_char_device()
