"""What squawk, a linter of migrations, says; where it is not installed, our own rules stand alone."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from healthprotocol.foundation.db.migrate.check.case import Finding
from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.files import Revision

# Each with the reason why it is not asked.
EXCLUDED = {
    "require-lock-timeout": "the runner sets it",
    "require-statement-timeout": "the runner sets it",
    "prefer-robust-stmts": "the runner records each statement and knows where to go on",
    "require-concurrent-index-creation": "our own rule also knows tables that the same file made",
    "require-concurrent-index-deletion": "our own rule",
    "transaction-nesting": "our own rule",
    "prefer-bigint-over-int": "a count of versions never reaches two thousand million",
    "prefer-identity": "ids are UUIDv7",
    "renaming-column": "our own rule knows phases",
    "renaming-table": "our own rule knows phases",
    "adding-not-nullable-field": "our own rule knows the validated check",
    "constraint-missing-not-valid": "our own rule also knows tables that the same file made",
    "disallowed-unique-constraint": "our own rule also knows tables that the same file made",
    "adding-foreign-key-constraint": "our own rule also knows tables that the same file made",
}
# What removes: our own rules know phases, and a way back is there to remove.
_REMOVING, _ALWAYS_ASKED = "ban-drop-", "ban-drop-database"
_TIMEOUT_SECONDS = 60


class _Reported(msgspec.Struct):
    file: str
    line: int
    message: str
    rule_name: str
    help: str | None = None


def program() -> str | None:
    """Return where squawk is: beside this Python, else on the path; None when it is not installed."""
    beside = Path(sys.executable).with_name("squawk")
    return str(beside) if beside.is_file() else shutil.which("squawk")


def lint(revisions: Sequence[Revision]) -> Iterator[Finding]:
    """Let squawk read both files of each revision. Nothing when it is not installed."""
    found = program()
    scripts = [script for revision in revisions for script in (revision.forwards, revision.back)]
    if found is None or not scripts:
        return
    with tempfile.TemporaryDirectory() as folder:
        for script in scripts:
            # `:batch` is the runner's word and no SQL; what stands in for it keeps lines and columns.
            (Path(folder) / script.path.name).write_text(script.text.replace(":batch", "true  "), encoding="utf-8")
        for is_inside in (True, False):
            names = [script.path.name for script in scripts if script.in_transaction is is_inside]
            yield from _run(found, folder, names, is_inside_transaction=is_inside)


def _run(squawk: str, folder: str, names: Sequence[str], *, is_inside_transaction: bool) -> Iterator[Finding]:
    if not names:
        return
    flags = ["--assume-in-transaction"] if is_inside_transaction else []
    command = [squawk, "--reporter", "json", "--exclude", ",".join(EXCLUDED), *flags, *names]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)
    try:
        reported = msgspec.json.decode(done.stdout, type=list[_Reported])
    except msgspec.DecodeError as error:
        raise MigrationFailed(f"squawk ended with {done.returncode} and said nothing readable") from error
    for one in reported:
        if one.rule_name.startswith(_REMOVING) and one.rule_name != _ALWAYS_ASKED:
            continue
        yield Finding(
            file=Path(one.file).name,
            line=one.line + 1,
            rule=f"squawk/{one.rule_name}",
            message=one.message.rstrip("."),
            remedy=(one.help or "see https://squawkhq.com/docs/rules").rstrip("."),
        )
