"""Locks and identities that survive kill -9, and processes that do not survive their parent."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from healthprotocol.foundation.processes import (
    DirectoryInUse,
    LockFile,
    ProcessIdentity,
    death_signal_hook,
    end,
    wait_until,
)
from tests.support.launched import environment

HOLDER = """
import sys, time
from pathlib import Path
from healthprotocol.foundation.processes import LockFile
LockFile(Path(sys.argv[1])).acquire(url="http://elsewhere")
print("held", flush=True)
time.sleep(600)
"""

PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", *sys.argv[1:], str(os.getpid())], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""

CHILD = """
import sys, time
from healthprotocol.foundation.processes import end_with_parent
end_with_parent(int(sys.argv[1]))
print("ready", flush=True)
time.sleep(600)
"""

# It gets round to the call only when it is let: as one that a busy machine is slow to load.
SLOW_CHILD = """
import sys, time
from pathlib import Path
from healthprotocol.foundation.processes import end_with_parent
print("loading", flush=True)
while not Path(sys.argv[1]).exists():
    time.sleep(0.01)
end_with_parent(int(sys.argv[2]))
time.sleep(600)
"""

# Its child kills it between the fork and the hook, and would write a word to the output that both have.
KILLED_AT_FORK = """
import os, signal, subprocess, time
from healthprotocol.foundation.processes import death_signal_hook
hook, parent = death_signal_hook(signal.SIGINT), os.getpid()

def late():
    os.kill(parent, signal.SIGKILL)
    while os.getppid() == parent:
        time.sleep(0.01)
    hook()

subprocess.Popen(["echo", "lives"], preexec_fn=late)
"""


def python(script: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", dedent(script), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(Path()))


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    with process.stdout:
        return process.stdout.readline().strip()


class TestProcessIdentity:
    def test_of_a_living_process_is_alive(self) -> None:
        me = ProcessIdentity.of(os.getpid())

        assert me is not None
        assert me.is_alive()

    def test_of_nobody_is_none(self) -> None:
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()

        assert ProcessIdentity.of(ended.pid) is None

    def test_somebody_else_under_the_same_pid_is_not_it(self) -> None:
        before = ProcessIdentity(pid=os.getpid(), started_at=1_000.0)

        assert not before.is_alive()

    def test_a_zombie_is_not_alive(self) -> None:
        child = subprocess.Popen([sys.executable, "-c", ""])

        assert wait_until(lambda: ProcessIdentity.of(child.pid) is None, timeout_seconds=60)
        child.wait()


class TestLockFile:
    def test_tells_others_who_holds_it(self, tmp_path: Path) -> None:
        lock = LockFile(tmp_path / "lock")
        lock.acquire(url="http://here")

        with pytest.raises(DirectoryInUse) as caught:
            LockFile(tmp_path / "lock").acquire()

        assert caught.value.holder["pid"] == os.getpid()
        assert caught.value.holder["url"] == "http://here"
        lock.release()

    def test_can_be_had_again_after_release(self, tmp_path: Path) -> None:
        first, second = LockFile(tmp_path / "lock"), LockFile(tmp_path / "lock")
        first.acquire()
        first.release()

        second.acquire()

        assert second.is_held()
        second.release()

    def test_of_a_killed_holder_is_free(self, tmp_path: Path) -> None:
        holder = python(HOLDER, str(tmp_path / "lock"))
        assert first_line(holder) == "held"
        lock = LockFile(tmp_path / "lock")
        assert lock.is_held()

        holder.kill()
        holder.wait()

        assert not lock.is_held()
        assert lock.read()["url"] == "http://elsewhere"
        lock.acquire()
        lock.release()

    def test_with_unreadable_words_says_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "lock").write_text("[1, 2")

        assert LockFile(tmp_path / "lock").read() == {}

    def test_that_nobody_made_is_not_held(self, tmp_path: Path) -> None:
        assert not LockFile(tmp_path / "lock").is_held()

    def test_cannot_be_described_by_who_has_it_not(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="needs the lock"):
            LockFile(tmp_path / "lock").describe(url="http://here")

    def test_does_not_follow_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "target").write_text("precious")
        (tmp_path / "lock").symlink_to(tmp_path / "target")

        with pytest.raises(OSError, match="symbolic links"):
            LockFile(tmp_path / "lock").acquire()

        assert (tmp_path / "target").read_text() == "precious"


class TestEnd:
    def test_goes_on_to_what_nothing_withstands(self) -> None:
        stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
        process = python(stubborn)
        first_line(process)
        identity = ProcessIdentity.of(process.pid)
        assert identity is not None

        assert end(identity, signals=((signal.SIGTERM, 0.2), (signal.SIGKILL, 60.0)))

        assert process.wait(60) == -signal.SIGKILL

    def test_of_who_is_gone_is_true(self) -> None:
        assert end(ProcessIdentity(pid=os.getpid(), started_at=1_000.0), signals=((signal.SIGTERM, 1.0),))


class TestEndWithParent:
    def test_a_child_does_not_outlive_a_killed_parent(self) -> None:
        parent = python(PARENT, dedent(CHILD))
        child = ProcessIdentity.of(int(first_line(parent)))
        assert child is not None

        parent.kill()
        parent.wait()

        assert wait_until(lambda: not child.is_alive(), timeout_seconds=60)

    def test_nor_one_that_was_killed_while_the_child_still_loaded(self, tmp_path: Path) -> None:
        parent = python(PARENT, dedent(SLOW_CHILD), str(tmp_path / "go"))
        child = ProcessIdentity.of(int(first_line(parent)))
        assert child is not None
        parent.kill()
        parent.wait()

        (tmp_path / "go").touch()

        assert wait_until(lambda: not child.is_alive(), timeout_seconds=60)


class TestDeathSignalHook:
    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
    def test_is_there_for_the_main_thread(self) -> None:
        assert death_signal_hook(signal.SIGTERM) is not None

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
    def test_ends_who_lost_its_launcher_before_it(self) -> None:
        launcher = python(KILLED_AT_FORK)

        said, _ = launcher.communicate(timeout=60)

        assert said == ""
        assert launcher.returncode == -signal.SIGKILL

    async def test_is_not_there_for_a_thread_that_may_end_sooner(self) -> None:
        assert await asyncio.to_thread(death_signal_hook, signal.SIGTERM) is None
