"""`healthprotocol up`: everything on this machine in one process tree, from the database to the worker."""

import contextlib
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Annotated, cast

import typer

from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.first_start import FirstStart
from healthprotocol.cli.installation import DATABASE, Installation, require_reachable
from healthprotocol.cli.supervisor import Child, CrashLimit, Supervisor, end_leftovers, stoppable
from healthprotocol.cli.terminal import JsonFlag, Terminal
from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.processes import DirectoryInUse, LockFile, ProcessIdentity, end_with_parent
from healthprotocol.foundation.telemetry import metrics_folder

_READY_SECONDS = 60
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - what to ask when it listens on all

ACCOUNTS = ("admin", "clinician", "coordinator", "auditor", "patient")
ACCOUNT_NAMES = (*(f"{name}@demo.example" for name in ACCOUNTS), "clinician@other.example")
DEMO_PASSWORD = "correct-horse-battery-demo"  # noqa: S105 - public by intent, and refused in production


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: HP_PORT=8080 healthprotocol up --no-demo")(up)


def up(
    *,
    demo: Annotated[bool, typer.Option(help="Load the demo data into an empty database.")] = True,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
    json: JsonFlag = False,
) -> None:
    """
    Start everything: database, migrations, demo data at the first start, server and worker.

    Ctrl-C or SIGTERM ends all of it. A later start goes on where this one ended.
    """
    terminal = Terminal(as_json=json)
    with stoppable():
        if with_parent:
            end_with_parent()
        installation = Installation.load()
        with _alone(installation) as lock, contextlib.ExitStack() as stack:
            _require_free_port(installation)
            _run(installation, lock, stack, terminal, demo=demo)
    terminal.note("Stopped.")


def _run(
    installation: Installation, lock: LockFile, stack: contextlib.ExitStack, terminal: Terminal, *, demo: bool
) -> None:
    server, administrator_url = _database(installation, stack, terminal)
    demo_loaded = _prepare(FirstStart(installation, terminal, administrator_url=administrator_url), server, demo=demo)
    operations_port = _operations_port(installation)
    environment = installation.child_environment(
        HP_DATABASE_URL=installation.application_url(administrator_url), HP_OPERATIONS_PORT=str(operations_port)
    )
    metrics_folder.prepare(installation.data_dir / "metrics")
    environment |= {metrics_folder.FOLDER_VARIABLE: str(installation.data_dir / "metrics")}
    supervisor = Supervisor(terminal.note)
    stack.callback(supervisor.stop)
    logs = installation.data_dir / "log"
    web = Child("server", ["serve", "--with-parent"], environment=environment, log=logs / "server.log")
    supervisor.start(web)
    supervisor.start(Child("worker", ["worker", "--with-parent"], environment=environment, log=logs / "worker.log"))

    def describe() -> None:
        lock.describe(url=_address(installation), children=[[who.pid, who.started_at] for who in supervisor.identities])

    describe()
    with terminal.step("Starting the server"):
        _wait_ready(installation, web)
    _say_ready(installation, terminal, operations_port=operations_port, demo_loaded=demo_loaded)
    crashes = CrashLimit("database")

    def look_after_database() -> None:
        if server is not None and not server.is_running():
            pause = crashes.count(remedy=f"what it said is in {installation.data_dir / 'postgresql.log'}")
            terminal.note(f"the database ended; it starts again in {pause:g} s")
            time.sleep(pause)
            server.restart()

    supervisor.watch(on_tick=look_after_database, on_restart=describe)


def _prepare(first_start: FirstStart, server: EmbeddedServer | None, *, demo: bool) -> bool:
    first_start.refuse_demo_in_production()
    first_start.undo_half_a_demo(server)
    first_start.migrate()
    return demo and first_start.load_demo()


@contextlib.contextmanager
def _alone(installation: Installation) -> Iterator[LockFile]:
    """Hold the data directory. Raises CommandFailed when another `up` lives in it."""
    installation.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = LockFile(installation.data_dir / "healthprotocol.lock")
    before = lock.read()
    try:
        lock.acquire(url=_address(installation))
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


def _require_free_port(installation: Installation) -> None:
    host, port = installation.settings.host, installation.settings.port
    if not is_free(host, port):
        raise CommandFailed(f"port {port} of {host} is taken by another program; stop it or choose another HP_PORT")


def _operations_port(installation: Installation) -> int:
    """Return the operations port: the chosen one, which must be free, or else any free one when the default is not."""
    host, port = installation.settings.host, installation.settings.operations_port
    if is_free(host, port):
        return port
    if "operations_port" in installation.settings.model_fields_set:
        raise CommandFailed(f"port {port} of {host} is taken by another program; choose another HP_OPERATIONS_PORT")
    with _socket(host) as probe:
        probe.bind((host, 0))
        return cast("int", probe.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    """Return whether a server could listen there. Raises CommandFailed when the host is none of this machine."""
    try:
        with _socket(host) as probe:
            probe.bind((host, port))
    except socket.gaierror:
        raise CommandFailed(f"HP_HOST {host} is not an address of this machine") from None
    except PermissionError:
        raise CommandFailed(f"port {port} needs more rights than this user has; choose an HP_PORT over 1023") from None
    except OSError:
        return False
    return True


def _socket(host: str) -> socket.socket:
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    # As the server does it: connections of an earlier one that linger do not keep the port.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return probe


def _database(
    installation: Installation, stack: contextlib.ExitStack, terminal: Terminal
) -> tuple[EmbeddedServer | None, str]:
    """Return the embedded server, running, or None when the operator gave another; and the administrator's URL."""
    if (url := installation.settings.database_url) is not None:
        require_reachable(url)
        return None, url
    server = EmbeddedServer(installation.data_dir)
    with terminal.step("Starting PostgreSQL"):
        stack.enter_context(server)
    return server, server.ensure_database(DATABASE)


def _address(installation: Installation) -> str:
    host = _ANY_HOST.get(installation.settings.host, installation.settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{installation.settings.port}"


def _wait_ready(installation: Installation, web: Child) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not _is_ready(installation):
        if not web.is_running() or time.monotonic() > deadline:
            what = "did not become ready" if web.is_running() else "ended while it started"
            raise CommandFailed(f"the server {what}; see {web.log}. It said last:\n{web.last_words()}")
        time.sleep(0.05)


def _is_ready(installation: Installation) -> bool:
    host = _ANY_HOST.get(installation.settings.host, installation.settings.host)
    connection = HTTPConnection(host, installation.settings.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP's own number
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _say_ready(installation: Installation, terminal: Terminal, *, operations_port: int, demo_loaded: bool) -> None:
    address = _address(installation)
    lines = ["", f"[bold green]HealthProtocol is ready:[/] [bold]{address}[/]", ""]
    if demo_loaded:
        lines += [f"  Sign in as   {ACCOUNT_NAMES[0]}"]
        lines += [f"               {name}" for name in ACCOUNT_NAMES[1:]]
        lines += [f"  Password     {DEMO_PASSWORD}", ""]
    lines += [f"  Data         {installation.data_dir}", f"  Logs         {installation.data_dir / 'log'}"]
    lines += [f"  Operations   http://127.0.0.1:{operations_port}/metrics", "", "  Stop with Ctrl-C."]
    terminal.result({"url": address, "operations_port": operations_port, "demo": demo_loaded}, *lines)
