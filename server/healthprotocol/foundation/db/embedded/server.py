"""The embedded server: started on a directory, ended cleanly, and found again after any of its parts was killed."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import asyncpg
import psutil

from healthprotocol.foundation.db.embedded import cluster
from healthprotocol.foundation.db.embedded.failure import EmbeddedServerFailed
from healthprotocol.foundation.db.embedded.identity import ServerIdentity, installed_programs, server_version
from healthprotocol.foundation.processes import LockFile, ProcessIdentity, end, wait_until
from healthprotocol.foundation.stopping import unbroken

_START_SECONDS = 60
_PORT_ATTEMPTS = 5
_LOG_LIMIT_BYTES = 10_000_000

# Fast shutdown (roll back, checkpoint), then immediate (recover at the next start), then what nothing withstands.
_ENDING = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

# A server process whose postmaster is dead can only be ended; recovery at the next start is due anyway.
_ENDING_ORPHAN = ((signal.SIGQUIT, 2.0), (signal.SIGKILL, 5.0))

_SOCKET_FOLDER_PREFIX = "hp-postgresql-"
# sun_path holds 103 bytes and a zero on macOS (107 on Linux), of which the socket's own name takes up to 16.
_SOCKET_FOLDER_BYTES = 103 - len("/.s.PGSQL.65535")

# Lines of postmaster.pid, counted from one.
_PORT_LINE, _SOCKET_FOLDER_LINE, _STATE_LINE = 4, 5, 8


class EmbeddedServer:
    """
    A PostgreSQL of our own in `data_dir/postgresql`, for one launcher at a time.

    It listens on a unix socket and on a free port of 127.0.0.1, both behind the password that lies beside the cluster
    (mode 0600). `durable=False` is faster and may lose commits when the machine, not just the server, dies: for tests
    only. A context manager: leaving it stops the server.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.resolve()
        self.directory = self.data_dir / "postgresql"
        self._durable = durable
        self._lock = LockFile(self.data_dir / "postgresql.lock")
        self._password_path = self.data_dir / "postgresql.password"
        self._log_path = self.data_dir / "postgresql.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: ServerIdentity | None = None
        self._socket_folder: Path | None = None
        self._port: int | None = None

    @staticmethod
    def version() -> str:
        """Return the version of the server that the wheel brings. Raises EmbeddedServerFailed without the wheel."""
        installed_programs()
        return server_version()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The superuser's URL over the unix socket, database `postgres`. Raises RuntimeError before start()."""
        return self.url_of("postgres")

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs, else None."""
        return self._process.pid if self._process is not None and self.is_running() else None

    def url_of(self, database: str) -> str:
        """Return the superuser's URL of another database of this server."""
        if self._socket_folder is None or self._port is None:
            message = "the embedded server was not started"
            raise RuntimeError(message)
        password = self._password_path.read_text("ascii").strip()
        return _url(password, database, folder=str(self._socket_folder), port=self._port)

    def url_of_running(self, database: str) -> str | None:
        """Return the superuser's URL when another process runs this server now, None when nobody does."""
        if not self._lock.is_held():
            return None
        try:
            lines = self._pid_lines()
            password = self._password_path.read_text("ascii").strip()
        except FileNotFoundError:
            return None
        if len(lines) < _STATE_LINE or lines[_STATE_LINE - 1].strip() != "ready":
            return None
        return _url(password, database, folder=lines[_SOCKET_FOLDER_LINE - 1], port=int(lines[_PORT_LINE - 1]))

    def ensure_database(self, name: str) -> str:
        """Make the database `name` in the running server if there is none; return its URL."""
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            asyncio.run(self._execute(f'create database "{name}"'))
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Remove the database `name` and everything in it, whoever is connected."""
        asyncio.run(self._execute(f'drop database if exists "{name}" with (force)'))

    def start(self) -> str:
        """
        Make the cluster if there is none, end what an earlier launcher left, start, and return the superuser's URL.

        Raises DirectoryInUse when another launcher lives on this directory, and EmbeddedServerFailed with one line
        for the person at the terminal when there can be no server.
        """
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = self._lock.read()
        self._lock.acquire()
        try:
            _remove_socket_folder(before.get("socket_folder"))
            self._identity = ServerIdentity(self.directory)
            self._make_cluster(self._identity)
            self._clear_leftovers()
            cluster.configure(self.directory, self._identity, durable=self._durable)
            self._socket_folder = _new_socket_folder(self._identity)
            self._lock.describe(socket_folder=str(self._socket_folder))
            self._start_on_free_port()
        except BaseException:
            self.stop()
            raise
        return self.url

    def is_running(self) -> bool:
        """Return whether the postmaster that this launcher started is alive."""
        return self._process is not None and self._process.poll() is None

    def restart(self) -> None:
        """Start again after the postmaster died, at the same address, so that open URLs stay right."""
        self._end_postmaster()
        self._clear_leftovers()
        self._start_postmaster()

    def stop(self) -> None:
        """End the server cleanly and give the directory back. Doing it twice is no fault."""
        self._end_postmaster()
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None
        self._lock.release()

    def _make_cluster(self, identity: ServerIdentity) -> None:
        if (self.directory / "PG_VERSION").exists():
            cluster.require_same_major(self.directory)
            if not self._password_path.exists():
                message = (
                    f"{self._password_path} is missing: put it back from the backup; the cluster opens with no other"
                )
                raise EmbeddedServerFailed(message)
            identity.own(self.directory)
            return
        if self.directory.exists() and any(self.directory.iterdir()):
            message = f"{self.directory} is not empty and not a PostgreSQL cluster: move it away or choose HP_DATA_DIR"
            raise EmbeddedServerFailed(message)
        password = cluster.new_password()
        # Written first: a cluster without its password could never be opened, a password without a cluster is replaced.
        with os.fdopen(os.open(self._password_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(password)
        cluster.create(self.directory, identity, password=password, durable=self._durable)

    def _clear_leftovers(self) -> None:
        """End server processes of this directory that have no launcher, and remove what they left behind."""
        try:
            lines = self._pid_lines()
        except FileNotFoundError:
            return
        postmaster = ProcessIdentity.of(int(lines[0])) if lines and lines[0].strip().isdigit() else None
        if postmaster is not None and postmaster.pid in {process.pid for process in self._server_processes()}:
            end(postmaster, signals=_ENDING)
        for process in self._server_processes():
            end(process, signals=_ENDING_ORPHAN)
        # A pid that somebody else got since then would make PostgreSQL refuse to start.
        (self.directory / "postmaster.pid").unlink(missing_ok=True)

    def _server_processes(self) -> Iterator[ProcessIdentity]:
        """Yield every PostgreSQL process whose working directory is this cluster."""
        ours = self.directory.stat()
        for process in psutil.process_iter(["pid", "name"]):
            if process.info["name"] != "postgres":
                continue
            with contextlib.suppress(psutil.Error, OSError):
                where = Path(process.cwd()).stat()
                identity = ProcessIdentity.of(process.pid)
                if (where.st_dev, where.st_ino) == (ours.st_dev, ours.st_ino) and identity is not None:
                    yield identity

    def _start_on_free_port(self) -> None:
        for attempt in range(_PORT_ATTEMPTS):
            self._port = _free_port()
            try:
                self._start_postmaster()
            except EmbeddedServerFailed:
                # Somebody may have taken the port between our look and the server's.
                if attempt + 1 == _PORT_ATTEMPTS or not _is_taken(self._port):
                    raise
            else:
                return

    def _start_postmaster(self) -> None:
        if self._identity is None or self._socket_folder is None:
            message = "restart() needs a server that was started"
            raise RuntimeError(message)
        if self._log_path.exists() and self._log_path.stat().st_size > _LOG_LIMIT_BYTES:
            self._log_path.replace(self._log_path.with_suffix(".log.1"))
        with os.fdopen(os.open(self._log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            begin = log.tell()
            arguments = ["-k", str(self._socket_folder), "-p", str(self._port)]
            with unbroken():
                self._process = self._identity.popen("postgres", arguments, directory=self.directory, output=log)
        if not wait_until(lambda: self._is_ready() or not self.is_running(), timeout_seconds=_START_SECONDS):
            self._end_postmaster()
            message = f"PostgreSQL was not ready after {_START_SECONDS} s: see {self._log_path}"
            raise EmbeddedServerFailed(message)
        if not self.is_running():
            message = f"PostgreSQL did not start: {self._last_words(begin)} (all of it in {self._log_path})"
            raise EmbeddedServerFailed(message)

    def _is_ready(self) -> bool:
        """Return whether the postmaster that we started says so in the file that it keeps."""
        try:
            lines = self._pid_lines()
        except FileNotFoundError:
            return False
        ours = self._process is not None and bool(lines) and lines[0].strip() == str(self._process.pid)
        return ours and len(lines) >= _STATE_LINE and lines[_STATE_LINE - 1].strip() == "ready"

    def _pid_lines(self) -> list[str]:
        """Return the lines of postmaster.pid: 1 the pid, 4 the port, 5 the socket's folder, 8 the state."""
        return (self.directory / "postmaster.pid").read_text("utf-8", "replace").splitlines()

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url, timeout=10)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _last_words(self, begin: int) -> str:
        with self._log_path.open("rb") as log:
            log.seek(begin)
            lines = log.read(100_000).decode("utf-8", "replace").splitlines()
        fatal = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
        return fatal[-1] if fatal else "it said nothing"

    def _end_postmaster(self) -> None:
        if self._process is None:
            return
        for number, patience_seconds in _ENDING:
            if self._process.poll() is not None:
                break
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_seconds)
        self._process = None


def _url(password: str, database: str, *, folder: str, port: int) -> str:
    return f"postgresql://{cluster.SUPERUSER}:{password}@/{database}?host={folder}&port={port}"


def _new_socket_folder(identity: ServerIdentity) -> Path:
    for parent in _socket_parents():
        if os.access(parent, os.W_OK):
            folder = Path(tempfile.mkdtemp(prefix=_SOCKET_FOLDER_PREFIX, dir=parent))
            if len(os.fsencode(folder)) <= _SOCKET_FOLDER_BYTES:
                identity.own(folder)
                return folder
            folder.rmdir()
    message = "no folder short enough for PostgreSQL's socket: set TMPDIR to one of under 80 characters"
    raise EmbeddedServerFailed(message)


def _remove_socket_folder(folder: object) -> None:
    """Remove the socket folder of an earlier launcher that was killed, as it wrote it into the lock file."""
    if isinstance(folder, str) and Path(folder).name.startswith(_SOCKET_FOLDER_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)


def _socket_parents() -> tuple[Path, ...]:
    return tuple(dict.fromkeys((Path("/tmp"), Path(tempfile.gettempdir()))))  # noqa: S108 - mkdtemp makes it private


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
