"""A signal ends a block of work once, wherever it is, and never between the start of a program and the note of it."""

import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Never

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked this process to end. Not an Exception, so that nothing on the way mistakes it for a failure."""


class _Stop:
    """How the one main thread takes signals: at once, or after what must not be torn."""

    def __init__(self) -> None:
        self.held = 0
        self.waiting: int | None = None

    def hear(self, number: int, _frame: object) -> None:
        """Handle a signal."""
        if self.held:
            self.waiting = number
        else:
            self.stop(number)

    def stop(self, number: int) -> Never:
        """Raise Stopped; what is tidied up because of it is not disturbed by another signal."""
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        self.waiting = None
        raise Stopped(signal.Signals(number).name)


_stop = _Stop()


@contextmanager
def stoppable() -> Iterator[None]:
    """
    Turn SIGINT, SIGTERM and SIGHUP into one Stopped, raised wherever the block is; leave the block quietly with it.

    Signals after the first are ignored: the ending that it began is bounded in time.
    """
    before = {number: signal.signal(number, _stop.hear) for number in _SIGNALS}
    try:
        yield
    except Stopped:
        return
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def unbroken() -> Iterator[None]:
    """
    Have Stopped wait until the end of this block.

    For the start of a program together with the note of it: whoever is torn in between has a child that it does not
    know. Keep it short. A start must not happen with signals ignored, which the child would inherit.
    """
    if threading.current_thread() is not threading.main_thread():
        # Python raises what a signal means in the main thread alone.
        yield
        return
    _stop.held += 1
    try:
        yield
    finally:
        _stop.held -= 1
        if not _stop.held and _stop.waiting is not None:
            _stop.stop(_stop.waiting)


def run_to_end(command: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Run a program for what it does; return its exit code. It does not outlive this call, however that ends."""
    process: subprocess.Popen[bytes] | None = None
    try:
        with unbroken():
            process = subprocess.Popen(
                command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        return process.wait()
    finally:
        if process is not None and process.returncode is None:
            process.kill()
            process.wait()
