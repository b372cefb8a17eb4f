"""`healthprotocol up` as a stranger runs it: a process with an environment, an address, and children."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil

from healthprotocol.foundation.processes import ProcessIdentity, wait_until

SERVER = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-P", "-m", "healthprotocol"]

# Everything on two busy cores, with room.
START_SECONDS = 90.0
STOP_SECONDS = 60.0


# Below the ports that Linux and macOS give to whoever asks for any; each run begins elsewhere.
_FIRST_PORT, _PORTS = 15_000, 17_000
_places = itertools.count(os.getpid() * 101)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now; none is given twice in a run."""
    for place in itertools.islice(_places, _PORTS):
        port = _FIRST_PORT + place % _PORTS
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """Return the environment of a command: nothing of this run's settings, and a data directory of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HP_", "PROMETHEUS_"))}
    return clean | {"HP_DATA_DIR": str(data_dir), "PYTHONPATH": str(SERVER)} | more


def run(*arguments: str, data_dir: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(data_dir, **more),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


class _Member(NamedTuple):
    """A process of the tree, as it was when we looked."""

    pid: int
    parent: int
    name: str
    command_line: list[str]


class Launched:
    """A running `up`. Entering starts it and waits until it serves; leaving kills what is left."""

    def __init__(
        self, data_dir: Path, *, port: int | None = None, command: list[str] | None = None, **more: str
    ) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.address = ""
        self._command = command or [*COMMAND, "up", "--no-demo", "--json"]
        self._environment = environment(data_dir, HP_PORT=str(self.port), **more)
        self._process: subprocess.Popen[str] | None = None
        self._seen: set[ProcessIdentity] = set()

    def __enter__(self) -> Self:
        started = self.start_only()
        assert started.stdout is not None
        line = started.stdout.readline()
        if not line:
            code = started.wait()
            self.close()
            raise AssertionError(f"`up` ended with exit code {code} before it served")
        self.address = json.loads(line)["url"]
        self.look_around()
        return self

    def start_only(self) -> "subprocess.Popen[str]":
        """Start it without waiting for it; `close` must follow."""
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            cwd=self.data_dir.parent,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self._process

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it if it still runs, and kill what it should not have left."""
        self.look_around()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for identity in self.left_over():
            psutil.Process(identity.pid).kill()
        if self.process.stdout is not None:
            self.process.stdout.close()

    @property
    def process(self) -> "subprocess.Popen[str]":
        """The process of `up` itself (of `make`, when that is the command)."""
        assert self._process is not None
        return self._process

    def look_around(self) -> set[ProcessIdentity]:
        """Remember and return all processes of the tree as it is now."""
        try:
            found = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return set()
        now = {identity for child in found if (identity := ProcessIdentity.of(child.pid)) is not None}
        self._seen |= now
        return now

    def find(self, command: str) -> psutil.Process:
        """Return the process of the tree that runs `healthprotocol <command>`, not those it forked."""
        eldest = _eldest([member for member in self._members() if command in member.command_line])
        assert eldest, f"no process of the tree runs {command}"
        return psutil.Process(eldest[0].pid)

    def runs(self, command: str) -> bool:
        """Return whether some process of the tree runs `healthprotocol <command>` now."""
        return any(command in member.command_line for member in self._members())

    def forks_of(self, command: str) -> list[psutil.Process]:
        """Return the processes that `healthprotocol <command>` forked: server workers have its command line."""
        parent = self.find(command).pid
        same = [member for member in self._members() if command in member.command_line]
        return [psutil.Process(member.pid) for member in same if member.parent == parent]

    def up(self) -> psutil.Process:
        """Return the process of `up` when the command is another that started it."""
        return self.find("up")

    def postmaster(self) -> psutil.Process:
        """Return PostgreSQL's first process."""
        return psutil.Process(_eldest([member for member in self._members() if member.name == "postgres"])[0].pid)

    def left_over(self) -> list[ProcessIdentity]:
        """Return who of all that were ever seen in the tree still lives."""
        return [identity for identity in self._seen if identity.is_alive()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal to the first process only, wait for its end, and return its exit code."""
        self.look_around()
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def answers(self, path: str = "/readyz") -> bool:
        """Return whether the address answers with success."""
        try:
            with urllib.request.urlopen(f"{self.address}{path}", timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def answers_soon(self, *, timeout_seconds: float = START_SECONDS) -> bool:
        """Wait until the address answers; return whether it did."""
        return wait_until(self.answers, timeout_seconds=timeout_seconds, every_seconds=0.1)

    def _members(self) -> list[_Member]:
        found: list[_Member] = []
        for identity in self.look_around():
            # Some live no longer than it takes to look at them.
            with suppress(psutil.Error):
                process = psutil.Process(identity.pid)
                found.append(_Member(identity.pid, process.ppid(), process.name(), process.cmdline()))
        return found


def _eldest(members: list[_Member]) -> list[_Member]:
    pids = {member.pid for member in members}
    return [member for member in members if member.parent not in pids]


_Popen = subprocess.Popen


def signalled_when_made(*arguments: Any, **options: Any) -> "subprocess.Popen[bytes]":
    """Start a program as Popen does, and have SIGTERM reach us before whoever called knows of it."""
    process: Any = _Popen(*arguments, **options)
    os.kill(os.getpid(), signal.SIGTERM)
    return process


@contextmanager
def listening() -> Iterator[int]:
    """Hold a port of 127.0.0.1 as another program would; give its number."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def seconds(began: float) -> float:
    """Return how long it is since the monotonic instant `began`."""
    return time.monotonic() - began
