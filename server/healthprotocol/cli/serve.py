"""`healthprotocol serve`: the web door alone, for machines where something else runs the database."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from healthprotocol.cli import ports
from healthprotocol.cli.config.started import told
from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.safety import require_safe
from healthprotocol.cli.terminal import JsonFlag
from healthprotocol.foundation.processes import end_with_parent

_TARGET = "healthprotocol.app:create_app"

# What runs may finish; after that a worker that does not leave is killed. Less than the supervisor's patience.
_DRAIN_SECONDS = 15

# The operators' door is started again when it dies, after a pause that a lasting fault can be read in.
_LOOK_SECONDS, _DOOR_PAUSE_SECONDS = 0.5, 5.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: HP_DATABASE_URL=postgresql://… HP_WORKERS=4 healthprotocol serve")(serve)


def serve(
    *, with_parent: Annotated[int | None, typer.Option("--with-parent", hidden=True)] = None, json: JsonFlag = False
) -> None:
    """Serve HTTP with HP_WORKERS processes until SIGTERM; what runs then is finished first."""
    if with_parent is not None:
        end_with_parent(with_parent)
    installation = Installation.load()
    with installation.database_url() as url:
        # The settings are read again in each worker, from here.
        require_safe(installation, url)
        installation.hand_over(url, claims=True)
        with contextlib.ExitStack() as stack:
            if with_parent is None:
                # `up` tells it of itself: what this process was given is made of that.
                stack.enter_context(told(installation))
            _share_metrics(stack)
            stack.enter_context(_operators_door(installation))
            _serve(installation, quiet=json)


@contextlib.contextmanager
def _operators_door(installation: Installation) -> Iterator[None]:
    """Keep the operators' door open, in a process beside this one, for as long as the block lasts."""
    leaving = threading.Event()
    command = [sys.executable, "-P", "-m", "healthprotocol", "operations", "--with-parent", str(os.getpid())]

    def keep_open() -> None:
        # The server comes first: until it listens, the machine is busy enough with loading it.
        while not ports.is_answering(installation.settings) and not leaving.wait(_LOOK_SECONDS):
            pass
        while not leaving.is_set():
            door = subprocess.Popen(command)
            while door.poll() is None and not leaving.wait(_LOOK_SECONDS):
                pass
            if door.poll() is None:
                door.terminate()
                door.wait()
            leaving.wait(_DOOR_PAUSE_SECONDS)

    # Asked once before: what that loads must not be half loaded by a thread when the server forks its workers.
    ports.is_answering(installation.settings)
    keeper = threading.Thread(target=keep_open, name="operators-door", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        leaving.set()
        keeper.join()


def _share_metrics(stack: contextlib.ExitStack) -> None:
    """Name the folder in which processes add up their metrics, unless whoever started this one named it already."""
    from healthprotocol.foundation.telemetry import metrics_folder

    if metrics_folder.FOLDER_VARIABLE not in os.environ:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hp-metrics-"))
        metrics_folder.prepare(Path(folder))


def _serve(installation: Installation, *, quiet: bool) -> None:
    from granian.constants import Interfaces, Loops
    from granian.server.mp import MPServer as Server

    class LettingGo(Server):
        """Tells its workers that they end before it ends them: an open event stream never ends by itself."""

        def _stop_workers(self) -> None:
            for worker in self.wrks:
                # One that is gone, or so new that it has no handler yet, ends all the same.
                worker.interrupt_by_parent = True
                with contextlib.suppress(ProcessLookupError, TypeError):
                    os.kill(worker.inner.pid, signal.SIGUSR1)
            super()._stop_workers()

    settings = installation.settings
    server = LettingGo(
        _TARGET,
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        # By name: granian picks any faster loop that is installed, and the driver works with this one.
        loop=Loops.uvloop,
        respawn_failed_workers=settings.workers > 1,
        workers_kill_timeout=_DRAIN_SECONDS,
        log_enabled=not quiet,
        websockets=False,
    )
    try:
        server.serve(target_loader=partial(_load, os.getpid()), wrap_loader=False)
    except SystemExit as ended:
        if ended.code:
            raise CommandFailed("a server worker failed; what it said is above") from None
    except RuntimeError as error:
        raise CommandFailed(f"cannot listen on {settings.host}:{settings.port} ({error})") from None


def _load(parent: int) -> Any:
    """Return the application, in a worker: it must not outlive the process `parent`, even by kill -9."""
    # It was forked with its parent's handlers, which would swallow a stop that comes while it still loads.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    end_with_parent(parent)
    from healthprotocol.app import create_app

    return create_app()
