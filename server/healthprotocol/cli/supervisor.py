"""Runs child processes as one tree: what crashes is started again, what keeps crashing ends the whole, none is left."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from healthprotocol.cli.failures import CommandFailed
from healthprotocol.foundation.processes import ProcessIdentity, wait_until
from healthprotocol.foundation.stopping import unbroken

_LOG_LIMIT_BYTES = 10_000_000
_TICK_SECONDS = 0.2

# How often a part may crash before the whole gives up, and how long it waits before each new start.
_CRASHES, _WITHIN_SECONDS = 5, 120.0
_PAUSES_SECONDS = (0.2, 1.0, 2.0, 5.0, 10.0)

# A part gets this long to finish what it is doing.
_PATIENCE_SECONDS = 25.0


class CrashLimit:
    """Counts crashes; says how long to wait before the next start, or that there will be none."""

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._crashes: deque[float] = deque(maxlen=_CRASHES)

    def count(self, *, remedy: str) -> float:
        """Count one; return the seconds to wait. Raises CommandFailed after too many in a short time."""
        now = self._clock()
        recent = [at for at in self._crashes if now - at < _WITHIN_SECONDS]
        self._crashes.append(now)
        if len(recent) >= _CRASHES:
            raise CommandFailed(f"the {self._name} ended {_CRASHES + 1} times in a short while; {remedy}")
        return _PAUSES_SECONDS[min(len(recent), len(_PAUSES_SECONDS) - 1)]


class Child:
    """
    One part of the tree: this program with other arguments, in a process group of its own, its words in a log file.

    A terminal's Ctrl-C does not reach it; it is told to stop by whoever started it, and by the death of that process.
    """

    def __init__(self, name: str, arguments: Sequence[str], *, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._arguments = arguments
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._crashes = CrashLimit(name)
        self._start_at: float | None = None

    def start(self) -> None:
        """Start it, its log appended to, or begun anew when it has grown too long."""
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_name(f"{self.log.name}.1"))
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log, unbroken():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "healthprotocol", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self._environment),
                start_new_session=True,
            )
        self._start_at = None

    @property
    def identity(self) -> ProcessIdentity | None:
        """Who it is now, None when it does not run."""
        return ProcessIdentity.of(self._process.pid) if self._process is not None else None

    def is_running(self) -> bool:
        """Return whether it runs."""
        return self._process is not None and self._process.poll() is None

    def watch(self, say: Callable[[str], None]) -> bool:
        """Start it again when it crashed and its pause is over; return whether it was started."""
        if self.is_running():
            return False
        if self._start_at is None:
            code = self._process.returncode if self._process is not None else None
            pause = self._crashes.count(remedy=f"what it said is in {self.log}")
            self._start_at = time.monotonic() + pause
            say(f"the {self.name} ended ({describe_exit(code)}); it starts again in {pause:g} s. See {self.log}")
        if time.monotonic() < self._start_at:
            return False
        self._end_group()
        self.start()
        return True

    def tell_to_stop(self) -> None:
        """Ask it to finish and leave."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait_stopped(self, *, until: float) -> None:
        """Wait for it until the monotonic instant `until`, then end it and all that it started."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, until - time.monotonic()))
        self._end_group()
        self._process.wait()
        self._process = None

    def last_words(self, lines: int = 5) -> str:
        """Return the end of its log."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - 4_000))
                return "\n".join(log.read().decode("utf-8", "replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def _end_group(self) -> None:
        # Its own children (server workers) are in its group; the leader may be gone before them.
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


class Supervisor:
    """Watches children until a signal; `on_tick` is called in between, for what is no child of this kind."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: list[Child] = []

    def start(self, child: Child) -> None:
        """Start a child and keep it running from now on."""
        self._children.append(child)
        child.start()

    @property
    def identities(self) -> list[ProcessIdentity]:
        """Who runs now."""
        return [identity for child in self._children if (identity := child.identity) is not None]

    def watch(self, *, on_tick: Callable[[], None], on_restart: Callable[[], None]) -> None:
        """Run for ever; only an exception (Stopped, CommandFailed) ends it."""
        while True:
            time.sleep(_TICK_SECONDS)
            on_tick()
            restarted = [child for child in self._children if child.watch(self._say)]
            if restarted:
                on_restart()

    def stop(self) -> None:
        """Tell all to stop at once, then wait for them; after the patience they are killed."""
        for child in self._children:
            child.tell_to_stop()
        until = time.monotonic() + _PATIENCE_SECONDS
        for child in self._children:
            child.wait_stopped(until=until)
        self._children.clear()


def end_leftovers(identities: Sequence[ProcessIdentity]) -> int:
    """End the children of an earlier `up` that was killed; return how many there were."""
    left = [identity for identity in identities if identity.is_alive()]
    for identity in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(identity.pid, signal.SIGTERM)
    for identity in left:
        if not wait_until(lambda who=identity: not who.is_alive(), timeout_seconds=5):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(identity.pid, signal.SIGKILL)
    return len(left)


def describe_exit(code: int | None) -> str:
    """Return an exit code in words."""
    if code is None:
        return "it never started"
    if code < 0:
        return f"by {signal.Signals(-code).name}"
    return f"exit code {code}"
