"""
The files of the revisions: pairs NNNN_words.up.sql and NNNN_words.down.sql, and the words at the head of each.

At the head, as comments: `Phase:`, `Why:`, and where needed `Transaction: none`, `Contracts: NNNN`,
`Backup: table (column, …)`, `Tenantless: table, because …`, `Undo: none, because …`, `Allow: rule, because …`.
docs/guides/migrations.md says what each means.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.sql import Statement, statements

Phase = Literal["expand", "migrate", "contract"]
PHASES: tuple[Phase, ...] = ("expand", "migrate", "contract")

# Revisions up to this one were written before phases were a habit; nothing of the habit is asked of them.
BEFORE_PHASES = 10

_FILE = re.compile(r"^(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.up\.sql$")
_KEYS = ("Phase", "Why", "Transaction", "Contracts", "Backup", "Tenantless", "Undo", "Allow")
_HEADER = re.compile(rf"^--\s*(?P<key>{'|'.join(_KEYS)}):\s*(?P<value>.*?)\s*$")
_TABLE = re.compile(r"^(?P<table>[a-z_][\w.]*)\s*(?:\((?P<columns>[^)]*)\))?$")
_RELEASE = re.compile(r"^(?P<version>\d+\.\d+\.\d+) (?P<last>\d{4}) (?P<commit>[0-9a-f]{7,40})$")
RELEASES_FILE = "releases"


class Target(msgspec.Struct, frozen=True):
    """A table, and which of its columns; no columns means the whole table."""

    table: str
    columns: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read `table` or `table (column, column)`. Raises MigrationFailed."""
        match = _TABLE.match(text)
        if match is None:
            raise MigrationFailed(f"{text!r} is not `table` or `table (column, column)`")
        columns = tuple(word.strip() for word in (match["columns"] or "").split(",") if word.strip())
        return cls(match["table"], columns)


class Release(msgspec.Struct, frozen=True):
    """A release that is out: its version, the newest revision it brought, and its commit."""

    version: str
    last: str
    commit: str


class Script:
    """One SQL file: its head and its statements."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8") if text is None else text

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """What the file does, in order."""
        return statements(self.text)

    @cached_property
    def head(self) -> Mapping[str, Sequence[str]]:
        """The words at the head: for each key its values, in order."""
        found: dict[str, list[str]] = {}
        for line in self.text.splitlines():
            if not line.startswith("--"):
                break
            if match := _HEADER.match(line):
                found.setdefault(match["key"], []).append(match["value"])
        return found

    def said(self, key: str) -> str | None:
        """Return the first value of a key, None when it is not there."""
        values = self.head.get(key)
        return values[0] if values else None

    @property
    def in_transaction(self) -> bool:
        """Whether the whole file is one transaction; if not, each statement is finished by itself."""
        return self.said("Transaction") != "none"

    @property
    def is_impossible(self) -> bool:
        """Whether a way back says that there is none."""
        return (self.said("Undo") or "").startswith("none")

    @property
    def backups(self) -> tuple[Target, ...]:
        """What is saved before the file runs."""
        return tuple(Target.parse(value) for value in self.head.get("Backup", ()))

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the file, hexadecimal; the ends of its lines do not count."""
        return hashlib.sha256(self.text.replace("\r\n", "\n").encode()).hexdigest()


class Revision(msgspec.Struct, frozen=True, dict=True):
    """One step of the schema: the paths of its two files, and what they say."""

    number: str
    name: str
    up: Path
    down: Path

    @property
    def title(self) -> str:
        """Number and name, as in the file names."""
        return f"{self.number}_{self.name}"

    @property
    def is_before_phases(self) -> bool:
        """Whether it was written before phases were a habit."""
        return int(self.number) <= BEFORE_PHASES

    @cached_property
    def forwards(self) -> Script:
        """The file that goes up."""
        return Script(self.up)

    @cached_property
    def back(self) -> Script:
        """The file that goes down."""
        return Script(self.down)

    @property
    def phase(self) -> Phase:
        """What it does to code that runs: adds, moves, or removes. Raises MigrationFailed for an unknown word."""
        said = self.forwards.said("Phase")
        if said is None and self.is_before_phases:
            return "expand"
        for phase in PHASES:
            if phase == said:
                return phase
        raise MigrationFailed(f"{self.up.name}: `-- Phase:` must be one of {', '.join(PHASES)}; it says {said}")


def migrations_folder() -> Path:
    """Return where the SQL files lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[3]
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def revisions(folder: Path | None = None) -> tuple[Revision, ...]:
    """
    Return the revisions in order.

    Raises MigrationFailed when a file has no way back or a number is missing or used twice.
    """
    found: list[Revision] = []
    for path in sorted((folder or migrations_folder()).glob("*.up.sql")):
        match = _FILE.match(path.name)
        down = path.with_name(path.name.replace(".up.sql", ".down.sql"))
        if match is None or not down.is_file():
            message = f"migration {path.name} needs the name NNNN_words.up.sql and a .down.sql beside it"
            raise MigrationFailed(message)
        found.append(Revision(match["number"], match["name"], path, down))
    if [int(r.number) for r in found] != list(range(1, len(found) + 1)):
        message = "migration numbers must run from 0001 without a gap or a double"
        raise MigrationFailed(message)
    return tuple(found)


def releases(folder: Path | None = None) -> tuple[Release, ...]:
    """Return the releases that are out, oldest first; none when the folder does not list any."""
    path = (folder or migrations_folder()) / RELEASES_FILE
    if not path.is_file():
        return ()
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    found = [_RELEASE.match(line) for line in lines]
    if not all(found):
        raise MigrationFailed(f"{path.name}: a line is `version NNNN commit`, such as `0.1.0 0010 9a74c17`")
    return tuple(Release(match["version"], match["last"], match["commit"]) for match in found if match)
