"""Processes of this machine: who is alive, who holds a directory, and how none outlives what started it."""

import ctypes
import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self, cast

import msgspec
import psutil

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

# The kernel counts a start in ticks since boot; the wall clock may be corrected between two readings of it.
_START_TOLERANCE_SECONDS = 3.0


class ProcessIdentity(msgspec.Struct, frozen=True):
    """A process that a recycled pid cannot impersonate: `started_at` is seconds since the epoch."""

    pid: int
    started_at: float

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return who runs under `pid` now; None when nobody does."""
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return cls(pid=pid, started_at=process.create_time())
        except psutil.Error:
            return None

    def is_alive(self) -> bool:
        """Return whether this very process still runs; a zombie does not."""
        now = ProcessIdentity.of(self.pid)
        return now is not None and abs(now.started_at - self.started_at) < _START_TOLERANCE_SECONDS


class DirectoryInUse(Exception):
    """Another live process holds the lock file; `holder` is what it wrote there about itself."""

    def __init__(self, path: Path, holder: Mapping[str, object]) -> None:
        super().__init__(f"{path} is held by process {holder.get('pid', 'unknown')}")
        self.path = path
        self.holder = holder


class LockFile:
    """
    An exclusive hold on a directory that ends with the process, however the process ends.

    The kernel drops the lock when its holder dies, so a file left by kill -9 never blocks anybody; what is written in
    it only tells the others who holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, **about: object) -> None:
        """Take the lock and write who holds it. Raises DirectoryInUse at once when another process has it."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise DirectoryInUse(self.path, self.read()) from None
        self._descriptor = descriptor
        self.describe(**about)

    def describe(self, **about: object) -> None:
        """Replace what the file says about the holder."""
        if self._descriptor is None:
            raise RuntimeError("describe() needs the lock")
        me = ProcessIdentity.of(os.getpid())
        text = json.dumps({"pid": os.getpid(), "started_at": me.started_at if me else None} | about)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def read(self) -> dict[str, object]:
        """Return what the last holder wrote, alive or not; empty when nothing readable is there."""
        try:
            content = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return cast("dict[str, object]", content) if isinstance(content, dict) else {}

    def is_held(self) -> bool:
        """Return whether some live process, this one included, has the lock."""
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would let two processes lock two different files."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def wait_until(is_done: Callable[[], bool], *, timeout_seconds: float, every_seconds: float = 0.01) -> bool:
    """Poll until `is_done` is true or the time is over; return whether it became true."""
    deadline = time.monotonic() + timeout_seconds
    while not is_done():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_seconds)
    return True


def end(process: ProcessIdentity, *, signals: tuple[tuple[int, float], ...]) -> bool:
    """Send each (signal, seconds to wait for it) in turn until the process is gone; return whether it is."""
    for number, patience_seconds in signals:
        if not process.is_alive():
            return True
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return True
        if wait_until(lambda: not process.is_alive(), timeout_seconds=patience_seconds):
            return True
    return not process.is_alive()


def end_with_parent(parent: int, number: int = signal.SIGTERM) -> None:
    """
    Have this process receive `number` when its parent, of that pid, dies, even by kill -9, and even before this call.

    Linux does it in the kernel; elsewhere a thread looks every second. Call it first thing in the child, which has the
    pid from the parent itself: after a slow start its own question could already find whoever took it in.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        # The parent may have died before the call; then nobody will send the signal.
        if os.getppid() != parent:
            os.kill(os.getpid(), number)
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), number)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def death_signal_hook(number: int) -> Callable[[], None] | None:
    """
    Return a `preexec_fn` after which a foreign program receives `number` when the calling thread ends, or None.

    The kernel watches the thread that forked, not its process, so only the main thread may use it; and only Linux has
    it. Where it is None, what an earlier killed launcher left is found and ended at the next start.
    """
    if _LIBC is None or threading.current_thread() is not threading.main_thread():
        return None
    prctl, parent, kill, getpid, getppid = _LIBC.prctl, os.getpid(), os.kill, os.getpid, os.getppid

    def hook() -> None:
        prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        # The launcher may have been killed since it forked; the kernel forgets then.
        if getppid() != parent:
            kill(getpid(), signal.SIGKILL)

    return hook
