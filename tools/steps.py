"""Runs the programs of a make target one after the other: shows that they work, and leaves none behind."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "log"

_PR_SET_PDEATHSIG = 1
_TAIL_LINES = 40

# An interrupted test run tidies up; what does not is ended.
_ENDING = ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


class StepFailed(Exception):
    """A step did not succeed; the message is for the person at the terminal."""


class Interrupted(BaseException):
    """A signal asked us to end; `number` is which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def guarded() -> Iterator[None]:
    """
    Run the block so that a failure is one line and an exit code, and a signal ends what was started.

    make hands SIGTERM on to us and a terminal sends Ctrl-C to both; when make itself is killed, Linux tells us.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

    def interrupt(number: int, _frame: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        yield
    except StepFailed as failure:
        print(f"\n{failure}", file=sys.stderr, flush=True)
        sys.exit(1)
    except Interrupted as stopped:
        sys.exit(128 + stopped.number)


def restore_signals() -> None:
    """Give signals their usual meaning back, before this process becomes another program."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
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
    log = LOGS / f"{re.sub(r'[^a-z0-9]+', '-', doing.lower()).strip('-')}.log"
    with log.open("wb") as output:
        process = _start(command, folder=folder, environment=environment, output=output.fileno())
        with _showing(doing, log, counting):
            code = _wait(process)
    if code != 0:
        tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-_TAIL_LINES:])
        raise StepFailed(f"{tail}\n\n{doing} failed (exit code {code}). All of it: {log.relative_to(ROOT)}")


def shown(doing: str, command: Sequence[str | Path], *, folder: Path = ROOT, environment: Mapping[str, str]) -> bool:
    """Run a program whose words are the result, at this terminal; return whether it succeeded."""
    print(f"\n── {doing}", flush=True)
    began = time.monotonic()
    code = _wait(_start(command, folder=folder, environment=environment, output=None))
    print(f"── {doing}: {'passed' if code == 0 else f'FAILED (exit code {code})'} in {_took(began)}", flush=True)
    return code == 0


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
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=folder,
        env=None if environment is None else dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output in {None, subprocess.PIPE} else subprocess.STDOUT,
        # Its own group, so that a signal goes to it once, from us, and to all that it starts.
        start_new_session=True,
    )


def _wait(process: "subprocess.Popen[bytes]") -> int:
    try:
        return process.wait()
    except BaseException:
        end(process)
        raise


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
