"""The committed server/schema.sql is what all revisions make; `make schema` writes it anew."""

import difflib
import os
import re
import subprocess
from pathlib import Path

from healthprotocol.foundation.db.embedded.identity import installed_programs
from tests.support.postgresql import TEMPLATE, Cluster

SCHEMA = Path(__file__).resolve().parents[2] / "schema.sql"

# Which months have a partition depends on the day; what they are, on the parent.
_PARTITIONS = ("*_2[0-9][0-9][0-9][0-1][0-9]", "*_default")
_HEAD = """\
-- The schema that all migrations make, for reading and for review. Written by `make schema`; nothing is made from it.
-- Partitions of months are left out.
"""


def dump(url: str) -> str:
    """The schema as pg_dump writes it, without what differs from run to run."""
    command = [str(installed_programs() / "pg_dump"), "--schema-only", "--no-tablespaces", f"--dbname={url}"]
    command += [f"--exclude-table={pattern}" for pattern in _PARTITIONS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    kept = [
        line.rstrip()
        for line in done.stdout.splitlines()
        if not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_config"))
    ]
    return _HEAD + re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"


class TestTheSchemaFile:
    def test_is_what_the_migrations_make(self, cluster: Cluster) -> None:
        made = dump(cluster.admin_url(TEMPLATE))
        if os.environ.get("HP_UPDATE_SCHEMA") == "1":
            SCHEMA.write_text(made, encoding="utf-8")

        committed = SCHEMA.read_text(encoding="utf-8") if SCHEMA.is_file() else ""

        assert made.count("CREATE TABLE") >= 35
        changes = "\n".join(difflib.unified_diff(committed.splitlines(), made.splitlines(), "schema.sql", "made", n=0))
        assert changes == "", f"run `make schema` and commit what it wrote:\n{changes[:4000]}"
