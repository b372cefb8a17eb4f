"""The code of the release before, with its own tests, on the schema of now: a node not replaced yet works on."""

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from healthprotocol.foundation.db import migrate

ROOT = Path(__file__).resolve().parents[3]

# The main path, the log that nothing may be lost from, and what a balancer asks: a minute on a quiet machine.
CHOSEN = (
    "tests/journeys/test_main_job.py",
    "tests/care/entries/test_record.py",
    "tests/care/alerts/test_service.py",
    "tests/care/patients/test_service.py",
    "tests/trust/audit",
    "tests/operations/health/test_service.py",
)
_LONGEST_SECONDS = 900


class TestTheReleaseBefore:
    @pytest.mark.slow
    def test_passes_its_tests_on_the_new_schema(self, tmp_path: Path) -> None:
        release = migrate.releases()[-1]
        archive = subprocess.run(
            ["git", "-C", ROOT, "archive", release.commit, "server"], capture_output=True, check=False
        )
        if archive.returncode != 0:
            pytest.skip("no history here, as in an unpacked archive: the code of the release before cannot be had")
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as opened:
            opened.extractall(tmp_path, filter="data")

        found = [name for name in CHOSEN if (tmp_path / "server" / name).exists()]
        shutil.copy(Path(__file__).with_name("previous_release.py"), tmp_path)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("HP_", "COV", "PYTEST"))
        }
        environment |= {"PYTHONPATH": str(tmp_path), "HP_NEW_SERVER": str(ROOT / "server")}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "previous_release", "-p", "no:cacheprovider", *found],
            cwd=tmp_path / "server",
            env=environment,
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )

        assert done.returncode == 0, done.stdout[-6000:]
        passed = re.search(r"(\d+) passed", done.stdout)
        assert passed is not None
        assert int(passed[1]) >= 60
