"""Where saved tables lie: a folder for each time, with a manifest that says what is in it and cannot be altered."""

import hashlib
import hmac
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.files import Target
from healthprotocol.foundation.db.migrate.saved.sealed import SealedWriter, read_sealed

_FORMAT = "healthprotocol-saved-tables/1"
_MANIFEST = "manifest.json"
_LARGEST_MANIFEST_BYTES = 1 << 20


class SavedTable(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    One table of a folder: which columns, in which file, how many rows, and SHA-256 of its text.

    `contents` tells whether the table still holds the same; folders of older releases have none.
    """

    table: str
    columns: tuple[str, ...]
    is_whole: bool
    file: str
    rows: int
    sha256: str
    bytes: int
    contents: str = ""

    @property
    def target(self) -> Target:
        """What it was saved for; the key columns of a partial one come on top."""
        return Target(self.table, () if self.is_whole else self.columns)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds, and why it was made."""

    format: str
    title: str
    created_at: datetime
    tables: tuple[SavedTable, ...]
    mac: str = ""


class Backups(msgspec.Struct, frozen=True):
    """Where folders of saved tables are made, and the 32 bytes that they are sealed with."""

    folder: Path
    key: bytes

    def create(self, title: str, at: datetime) -> "SavedFolder":
        """Make an empty folder that only its owner can enter."""
        path = self.folder / f"{title}-{at:%Y%m%dT%H%M%S%f}Z"
        path.mkdir(mode=0o700, parents=True)
        return SavedFolder(path, self.key)

    def open(self, name: str) -> "SavedFolder":
        """Return a folder by its name. Raises MigrationFailed when it is not there."""
        path = self.folder / Path(name).name
        if not (path / _MANIFEST).is_file():
            raise MigrationFailed(
                f"the saved tables {name} are not in {self.folder}; bring the folder here from the node that migrated"
            )
        return SavedFolder(path, self.key)


class SavedFolder:
    """One folder of saved tables."""

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._key = key

    def writer(self, table: str) -> SealedWriter:
        """Begin the file of a table."""
        return SealedWriter(self.path / file_of(table), self._key, table)

    def carry(self, table: SavedTable, other: "SavedFolder") -> SavedTable:
        """Take the file of a table over from another folder under the same key."""
        path = Path(shutil.copy(other.path / Path(table.file).name, self.path / file_of(table.table)))
        path.chmod(0o600)
        return table

    def finish(self, title: str, at: datetime, tables: tuple[SavedTable, ...]) -> None:
        """Write the manifest, after all tables; without it the folder counts as cut off."""
        bare = Manifest(format=_FORMAT, title=title, created_at=at, tables=tables)
        content = msgspec.json.encode(msgspec.structs.replace(bare, mac=self._mac(bare)))
        descriptor = os.open(self.path / _MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def manifest(self) -> Manifest:
        """Return what is in it. Raises MigrationFailed when it was altered or sealed under another root key."""
        raw = (self.path / _MANIFEST).read_bytes()
        try:
            found = msgspec.json.decode(raw[:_LARGEST_MANIFEST_BYTES], type=Manifest)
        except msgspec.DecodeError as error:
            raise MigrationFailed(f"the manifest of {self.path.name} cannot be read") from error
        if not hmac.compare_digest(found.mac, self._mac(msgspec.structs.replace(found, mac=""))):
            raise MigrationFailed(f"the manifest of {self.path.name} was altered, or is of another root key")
        return found

    def read(self, table: SavedTable) -> Iterator[bytes]:
        """Give the rows of a table back, as PostgreSQL's text format. Raises MigrationFailed for a damaged file."""
        return read_sealed(self.path / Path(table.file).name, self._key, table.table)

    def verify(self) -> Manifest:
        """Read everything back and compare with the manifest. Raises MigrationFailed."""
        found = self.manifest()
        for table in found.tables:
            digest, rows = hashlib.sha256(), 0
            for piece in self.read(table):
                digest.update(piece)
                rows += piece.count(b"\n")
            if digest.hexdigest() != table.sha256 or rows != table.rows:
                raise MigrationFailed(f"{table.file} in {self.path.name} is not what was saved")
        return found

    def _mac(self, bare: Manifest) -> str:
        return hmac.digest(self._key, b"manifest|" + msgspec.json.encode(bare), "sha256").hex()


def file_of(table: str) -> str:
    """Return the name of a table's file."""
    return f"{table}.rows"
