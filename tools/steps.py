"""Runs the programs of a make target one after the other: shows that they work, and leaves none behind."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Never

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "log"

_PR_SET_PDEATHSIG = 1
_TAIL_LINES = 40
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# The lines by which pytest, Vitest, npm's scripts and our own checks name what failed, and why.
_FAILURE = re.compile(r"\s*(FAIL(ED)?\b|ERROR\b|OVER |[A-Za-z]*Error: )")
_BETWEEN_LOOKS_SECONDS = 0.2

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# An interrupted test run tidies up; what does not is ended.
_ENDING = ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


class StepFailed(Exception):
    """A step did not succeed; the message is for the person at the terminal."""


class Interrupted(BaseException):
    """A signal asked us to end; `number` is which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _Running:
    """What was started and has not ended. No signal comes between a start and the note of it."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self._is_starting = False
        self._waiting: int | None = None

    def start(self, make: "Callable[[], subprocess.Popen[bytes]]") -> "subprocess.Popen[bytes]":
        """Start a program. Raises Interrupted, once it is noted, for a signal that came meanwhile."""
        self._is_starting = True
        try:
            process = make()
            self._processes = [each for each in self._processes if each.returncode is None] + [process]
        finally:
            self._is_starting = False
        if self._waiting is not None:
            self._stop(self._waiting)
        return process

    def interrupt(self, number: int, _frame: object) -> None:
        """Handle a signal: at once, or after the start that is going on, which would hand its deafness on."""
        if self._is_starting:
            self._waiting = number
        else:
            self._stop(number)

    def _stop(self, number: int) -> Never:
        # The first signal counts; a second does not disturb the tidying up.
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    def end_all(self) -> None:
        for process in self._processes:
            end(process)


_running = _Running()


@contextmanager
def guarded() -> Iterator[None]:
    """
    Run the block so that a failure is one line and an exit code, and a signal ends what was started.

    make hands SIGTERM on to us and a terminal sends Ctrl-C to both; when make itself is killed, Linux tells us.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

    for number in _SIGNALS:
        signal.signal(number, _running.interrupt)
    try:
        yield
    except StepFailed as failure:
        print(f"\n{failure}", file=sys.stderr, flush=True)
        sys.exit(1)
    except Interrupted as stopped:
        sys.exit(128 + stopped.number)
    finally:
        _running.end_all()


def restore_signals() -> None:
    """Give signals their usual meaning back, before this process becomes another program."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def quiet(
    doing: str,
    command: Sequence[str | Path],
    *,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    counting: tuple[str, int] | None = None,
) -> None:
    """
    Run a program whose words matter only when it fails: they go to a log, and their end is shown then.

    `counting` is (pattern, total): how many lines that match it make the whole. Raises StepFailed.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = _log_of(doing)
    with log.open("wb") as output:
        process = _start(command, folder=folder, environment=environment, output=output.fileno())
        with _showing(doing, log, counting):
            code = process.wait()
    if code != 0:
        tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-_TAIL_LINES:])
        raise StepFailed(f"{tail}\n\n{doing} failed (exit code {code}). All of it: {log.relative_to(ROOT)}")


def shown(doing: str, command: Sequence[str | Path], *, folder: Path = ROOT, environment: Mapping[str, str]) -> bool:
    """
    Run a program whose words are the result; return whether it succeeded.

    At a terminal it speaks there itself. Elsewhere its words pass through a log, so that `ending` can say them again.
    """
    print(f"\n── {doing}", flush=True)
    began = time.monotonic()
    if sys.stdout.isatty():
        code = _start(command, folder=folder, environment=environment, output=None).wait()
    else:
        LOGS.mkdir(parents=True, exist_ok=True)
        with _log_of(doing).open("wb") as log, _log_of(doing).open("rb") as said:
            code = _wait_aloud(_start(command, folder=folder, environment=environment, output=log.fileno()), said)
    print(f"── {doing}: {'passed' if code == 0 else f'FAILED (exit code {code})'} in {_took(began)}", flush=True)
    return code == 0


def ending(doing: str) -> str:
    """What failed and the last lines, of what `shown` logged; nothing when it spoke at a terminal."""
    log = _log_of(doing)
    if sys.stdout.isatty() or not log.is_file():
        return ""
    lines = _COLOURS.sub("", log.read_text("utf-8", "replace")).splitlines()
    failed = list(dict.fromkeys(line.strip() for line in lines if _FAILURE.match(line)))[:_TAIL_LINES]
    named = [f"── {doing}, what failed", *failed] if failed else []
    return "\n".join([f"── {doing}, its last lines", *lines[-_TAIL_LINES:], *named, ""])


def _wait_aloud(process: "subprocess.Popen[bytes]", said: BinaryIO) -> int:
    """Pass on what a program writes until it ends. A file, not a pipe: what it leaves behind cannot hold us up."""
    while process.poll() is None:
        _pass_on(said)
        time.sleep(_BETWEEN_LOOKS_SECONDS)
    _pass_on(said)
    return process.returncode


def _pass_on(said: BinaryIO) -> None:
    sys.stdout.buffer.write(said.read())
    sys.stdout.flush()


def _log_of(doing: str) -> Path:
    return LOGS / f"{re.sub(r'[^a-z0-9]+', '-', doing.lower()).strip('-')}.log"


def background(command: Sequence[str | Path], *, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a program that others in this run need; its stdout is a pipe. End it with `end`."""
    return _start(command, folder=ROOT, environment=environment, output=subprocess.PIPE)


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a program and all that it started in its group."""
    for number, patience_seconds in _ENDING:
        if process.poll() is not None:
            break
        try:
            os.killpg(process.pid, number)
            process.wait(patience_seconds)
        except (subprocess.TimeoutExpired, ProcessLookupError):
            continue


def _start(
    command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str] | None, output: int | None
) -> "subprocess.Popen[bytes]":
    return _running.start(
        lambda: subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env=None if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=None if output in {None, subprocess.PIPE} else subprocess.STDOUT,
            # Its own group, so that a signal goes to it once, from us, and to all that it starts.
            start_new_session=True,
        )
    )


@contextmanager
def _showing(doing: str, log: Path, counting: tuple[str, int] | None) -> Iterator[None]:
    """Show `doing`, how far it is and how long it takes: on one line at a terminal, else every ten seconds."""
    began = time.monotonic()
    is_done = threading.Event()

    def status() -> str:
        if counting is None:
            return doing
        pattern, total = counting
        done = len(set(re.findall(pattern, log.read_text("utf-8", "replace"), re.MULTILINE)))
        return f"{doing} {min(done, total)}/{total}"

    def show() -> None:
        at_terminal = sys.stderr.isatty()
        while not is_done.wait(0.2 if at_terminal else 10):
            text = f"  {status()} … {_took(began)}"
            print(
                f"\r{text:<70}" if at_terminal else text, end="" if at_terminal else "\n", file=sys.stderr, flush=True
            )

    watcher = threading.Thread(target=show, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_done.set()
        watcher.join()
        text = f"  {doing}: {_took(began)}"
        print(f"\r{text:<70}" if sys.stderr.isatty() else text, file=sys.stderr, flush=True)


def _took(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"
