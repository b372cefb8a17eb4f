"""`make run`: what a terminal, a service manager or a killer does to make reaches all that it started."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from healthprotocol.foundation.processes import wait_until
from tests.support.launched import SERVER, Launched

ROOT = SERVER.parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine"),
    pytest.mark.skipif(
        not (ROOT / ".venv" / ".stamps" / "dev").exists(), reason="the checkout was not prepared by make: make test"
    ),
]


def make_run(data_dir: Path) -> Launched:
    make = ["make", "--no-print-directory", "--directory", str(ROOT)]
    return Launched(data_dir, command=[*make, "run", "DEMO=0", "JSON=1"])


class TestMakeRun:
    def test_sigterm_to_make_ends_everything_before_make_ends(self, tmp_path: Path) -> None:
        with make_run(tmp_path / "data") as launched:
            launched.stop(signal.SIGTERM)

            assert launched.left_over() == []

    def test_ctrl_c_at_its_terminal_ends_everything(self, tmp_path: Path) -> None:
        with make_run(tmp_path / "data") as launched:
            # What a terminal does: the signal goes to make and to all that stayed in its group.
            os.killpg(launched.process.pid, signal.SIGINT)
            launched.process.wait(60)

            assert launched.left_over() == []

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
    def test_a_killed_make_leaves_nothing(self, tmp_path: Path) -> None:
        with make_run(tmp_path / "data") as launched:
            launched.stop(signal.SIGKILL)

            assert wait_until(lambda: launched.left_over() == [], timeout_seconds=60)


class TestMakeHelp:
    def test_names_every_target(self) -> None:
        targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()

        said = subprocess.run(["make", "--directory", str(ROOT), "help"], check=True, capture_output=True, text=True)

        assert {f"make {target}" for target in targets} == set(re.findall(r"make [a-z-]+", said.stdout))


class TestPython:
    def test_without_a_usable_one_says_what_to_install(self, tmp_path: Path) -> None:
        said = subprocess.run(
            ["/bin/sh", str(ROOT / "tools" / "python"), "-V"],
            env={"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

        assert said.returncode == 1
        assert "needs Python 3.11 or newer" in said.stderr
