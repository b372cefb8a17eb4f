"""`healthprotocol up`: everything on this machine in one process tree, from the database to the worker."""

import contextlib
import os
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Annotated, cast

import typer

from healthprotocol.cli import ports
from healthprotocol.cli.config.started import told
from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.first_start import DEMO_ACCOUNTS, DEMO_PASSWORD, FirstStart
from healthprotocol.cli.installation import DATABASE, Installation, require_reachable
from healthprotocol.cli.safety import require_safe
from healthprotocol.cli.supervisor import Child, CrashLimit, Supervisor, end_leftovers
from healthprotocol.cli.terminal import JsonFlag, Terminal
from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.processes import DirectoryInUse, LockFile, ProcessIdentity, end_with_parent
from healthprotocol.foundation.stopping import stoppable
from healthprotocol.foundation.telemetry import metrics_folder

_READY_SECONDS = 60


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: HP_PORT=8080 healthprotocol up --no-demo")(up)


def up(
    *,
    demo: Annotated[bool, typer.Option(help="Load the demo data into an empty database.")] = True,
    with_parent: Annotated[int | None, typer.Option("--with-parent", hidden=True)] = None,
    json: JsonFlag = False,
) -> None:
    """
    Start everything: database, migrations, demo data at the first start, server and worker.

    Ctrl-C or SIGTERM ends all of it. A later start goes on where this one ended.
    """
    terminal = Terminal(as_json=json)
    with stoppable():
        if with_parent is not None:
            end_with_parent(with_parent)
        installation = Installation.load()
        with _alone(installation) as lock, contextlib.ExitStack() as stack:
            ports.require_free(installation.settings)
            require_safe(installation)
            tree = _Tree(
                installation, terminal, stack, operations_port=ports.free_operations_port(installation.settings)
            )
            tree.prepare(demo=demo)
            stack.enter_context(told(installation))
            tree.start(lock)
            tree.watch(lock)
    terminal.note("Stopped.")


class _Tree:
    """The parts of one `up`: the database first, then who uses it; `stack` ends them in reverse order."""

    def __init__(
        self, installation: Installation, terminal: Terminal, stack: contextlib.ExitStack, *, operations_port: int
    ) -> None:
        self._installation = installation
        self._terminal = terminal
        self._stack = stack
        self._operations_port = operations_port
        # First of all: a key that is refused must not be found out after the database was touched.
        _ = installation.root_key
        self._server = EmbeddedServer(installation.data_dir) if installation.is_embedded else None
        self._supervisor = Supervisor(terminal.note)
        self._has_demo = False
        self._database_url = ""

    def prepare(self, *, demo: bool) -> None:
        """Have a database that can be served from."""
        url = self._start_database()
        first_start = FirstStart(self._installation, self._terminal, administrator_url=url)
        first_start.undo_half_a_demo(self._server)
        first_start.migrate()
        self._has_demo = demo and first_start.load_demo()
        self._database_url = self._installation.application_url(url)

    def start(self, lock: LockFile) -> None:
        """Start who uses the database, wait until it serves, and say so."""
        metrics = self._installation.data_dir / "metrics"
        metrics_folder.prepare(metrics)
        environment = self._installation.child_environment(
            HP_DATABASE_URL=self._database_url, HP_OPERATIONS_PORT=str(self._operations_port)
        ) | {metrics_folder.FOLDER_VARIABLE: str(metrics)}
        logs = self._installation.data_dir / "log"
        self._stack.callback(self._supervisor.stop)
        with_us = ["--with-parent", str(os.getpid())]
        server = Child("server", ["serve", *with_us], environment=environment, log=logs / "server.log")
        worker = Child("worker", ["worker", *with_us], environment=environment, log=logs / "worker.log")
        with self._terminal.step("Starting the server"):
            self._supervisor.start(server)
            self._describe(lock)
            self._wait_ready(server)
        # After the server: what waited in the queue may wait another second, a person at the terminal not.
        self._supervisor.start(worker)
        self._describe(lock)
        self._say_ready()

    def watch(self, lock: LockFile) -> None:
        """Keep all parts running until a signal."""
        crashes = CrashLimit("database")

        def look_after_database() -> None:
            if self._server is not None and not self._server.is_running():
                pause = crashes.count(remedy=f"what it said is in {self._installation.data_dir / 'postgresql.log'}")
                self._terminal.note(f"the database ended; it starts again in {pause:g} s")
                time.sleep(pause)
                self._server.restart()

        self._supervisor.watch(on_tick=look_after_database, on_restart=lambda: self._describe(lock))

    def _start_database(self) -> str:
        """Return the administrator's URL of the embedded server, or of the one that the operator gave."""
        if self._server is None:
            url = cast("str", self._installation.settings.database_url)
            require_reachable(url)
            return url
        with self._terminal.step("Starting PostgreSQL"):
            # First: a signal may come at any moment of the start.
            self._stack.callback(self._server.stop)
            self._server.start()
        return self._server.ensure_database(DATABASE)

    def _describe(self, lock: LockFile) -> None:
        """Write for others who runs here: a second `up` says it, and one after a kill ends what is left of it."""
        children = [[who.pid, who.started_at] for who in self._supervisor.identities]
        lock.describe(url=ports.address(self._installation.settings), children=children)

    def _wait_ready(self, server: Child) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not self._is_ready():
            if not server.is_running() or time.monotonic() > deadline:
                what = "did not become ready" if server.is_running() else "ended while it started"
                raise CommandFailed(f"the server {what}; see {server.log}. It said last:\n{server.last_words()}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        settings = self._installation.settings
        connection = HTTPConnection(ports.local_host(settings), settings.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP's own number
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _say_ready(self) -> None:
        url = ports.address(self._installation.settings)
        lines = ["", f"[bold green]HealthProtocol is ready:[/] [bold]{url}[/]", ""]
        if self._has_demo:
            lines += [f"  Sign in as   {DEMO_ACCOUNTS[0]}"]
            lines += [f"               {name}" for name in DEMO_ACCOUNTS[1:]]
            lines += [f"  Password     {DEMO_PASSWORD}", ""]
        lines += [f"  Data         {self._installation.data_dir}"]
        lines += [f"  Logs         {self._installation.data_dir / 'log'}"]
        lines += [f"  Metrics      http://127.0.0.1:{self._operations_port}/metrics", "", "  Stop with Ctrl-C."]
        document = {"url": url, "operations_port": self._operations_port, "demo": self._has_demo}
        self._terminal.result(document, *lines)


@contextlib.contextmanager
def _alone(installation: Installation) -> Iterator[LockFile]:
    """Hold the data directory. Raises CommandFailed when another `up` lives in it."""
    lock = LockFile(installation.data_dir / "healthprotocol.lock")
    before = lock.read()
    try:
        installation.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire(url=ports.address(installation.settings))
    except OSError as error:
        raise CommandFailed(
            f"{installation.data_dir} cannot be written to ({error.strerror}); choose another HP_DATA_DIR"
        ) from None
    except DirectoryInUse as error:
        where = f"pid {error.holder.get('pid', 'unknown')} on {error.holder.get('url', 'an unknown address')}"
        raise CommandFailed(
            f"already running with {where}; stop it, or choose another HP_DATA_DIR and HP_PORT"
        ) from None
    try:
        children = cast("list[list[float]]", before.get("children", []))
        end_leftovers([ProcessIdentity(int(pid), started_at) for pid, started_at in children])
        yield lock
    finally:
        lock.release()
