"""The cluster on disk: how it is made, and the settings that it runs with."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec

from healthprotocol.foundation.db.embedded.failure import EmbeddedServerFailed
from healthprotocol.foundation.db.embedded.identity import ServerIdentity, server_version
from healthprotocol.foundation.db.embedded.sizes import SMALLEST, memory_bytes, sizes_for
from healthprotocol.foundation.stopping import unbroken

SUPERUSER = "postgres"

_INITDB_SECONDS = 120

# Texts of statements and their values carry health data: errors are terse, and neither is ever logged.
_SETTINGS = """\
# Written by healthprotocol at every start. Your own settings go into operator.conf beside this file.
listen_addresses = '127.0.0.1'
password_encryption = 'scram-sha-256'
unix_socket_permissions = 0700
max_connections = 100
superuser_reserved_connections = 3

shared_buffers = '{shared_buffers}MB'
work_mem = '8MB'
maintenance_work_mem = '{maintenance_work_mem}MB'
max_wal_size = '1GB'
min_wal_size = '{min_wal_size}MB'
wal_compression = on
random_page_cost = 1.1
# A kind of event or plan that is new in a table of millions is found by an index once PostgreSQL has heard of it.
autovacuum_analyze_scale_factor = 0.01
# One short query for each person who waits; a container's shared memory is small.
max_parallel_workers_per_gather = 0
jit = off

idle_in_transaction_session_timeout = '60s'
log_error_verbosity = 'terse'
log_min_error_statement = 'panic'
log_parameter_max_length_on_error = 0
log_parameter_max_length = 0
log_statement = 'none'
log_min_duration_statement = -1
log_checkpoints = off
log_line_prefix = '%m [%p] '
log_timezone = 'UTC'
timezone = 'UTC'
default_text_search_config = 'pg_catalog.simple'
{durability}{statistics}
include = 'operator.conf'
"""

_STATISTICS = """
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track_utility = off
"""

_FORGETFUL = """
fsync = off
synchronous_commit = on
full_page_writes = off
"""

_DURABLE = """
fsync = on
synchronous_commit = on
full_page_writes = on
"""

_SIGN_IN = """\
# Written by healthprotocol at every start: a password on every way in, and no way in from another machine.
local all         all               scram-sha-256
local replication all               scram-sha-256
host  all         all 127.0.0.1/32  scram-sha-256
"""


def create(directory: Path, identity: ServerIdentity, *, password: str, durable: bool) -> None:
    """
    Make the cluster in `directory`, whole or not at all: an initdb that is killed leaves nothing that looks made.

    Raises EmbeddedServerFailed with the last line that initdb said.
    """
    growing = directory.with_name(f"{directory.name}.new")
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir(mode=0o700)
    identity.own(growing, for_program="initdb")
    with tempfile.TemporaryFile() as said, _password_file(identity, password) as password_file:
        arguments = [
            f"--username={SUPERUSER}",
            f"--pwfile=/dev/fd/{password_file.fileno()}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--data-checksums",
            *([] if durable else ["--no-sync"]),
        ]
        inherit = (password_file.fileno(),)
        if _run(lambda: identity.popen("initdb", arguments, directory=growing, output=said, inherit=inherit)) != 0:
            said.seek(0)
            lines = [line for line in said.read().decode("utf-8", "replace").splitlines() if line.strip()]
            message = (
                f"PostgreSQL could not make its cluster in {directory}: {lines[-1] if lines else 'no word of why'}"
            )
            raise EmbeddedServerFailed(message)
    identity.own(growing)
    growing.rename(directory)


def _password_file(identity: ServerIdentity, password: str) -> IO[bytes]:
    # A file without a name: it is gone when it is closed, whatever happens in between.
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(f"{password}\n".encode())
    file.flush()
    file.seek(0)
    identity.own_open(file.fileno(), for_program="initdb")
    return file


def _run(start: "Callable[[], subprocess.Popen[bytes]]") -> int:
    """Run a program to its end, or to its limit; return its exit code. Nothing of it outlives the call."""
    process: subprocess.Popen[bytes] | None = None
    try:
        with unbroken():
            process = start()
        return process.wait(_INITDB_SECONDS)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    finally:
        if process is not None and process.poll() is None:
            # With its children: it runs the server itself in single-user mode.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def configure(directory: Path, identity: ServerIdentity, *, durable: bool) -> None:
    """Write the settings and the sign-in rules. What an operator keeps in operator.conf has the last word."""
    statistics = _STATISTICS if _has_statistics(identity) else ""
    settings = _SETTINGS.format(
        durability=_DURABLE if durable else _FORGETFUL,
        statistics=statistics,
        **msgspec.structs.asdict(sizes_for(memory_bytes()) if durable else SMALLEST),
    )
    identity.write(directory, "postgresql.conf", settings)
    identity.write(directory, "pg_hba.conf", _SIGN_IN)
    if not (directory / "operator.conf").exists():
        identity.write(directory, "operator.conf", "# Settings of this installation; read at start.\n")


def require_same_major(directory: Path) -> None:
    """Raise EmbeddedServerFailed when the cluster was made by another major version of PostgreSQL."""
    made_by = (directory / "PG_VERSION").read_text("ascii").strip()
    ours = server_version().split(".", maxsplit=1)[0]
    if made_by != ours:
        message = (
            f"{directory} was made by PostgreSQL {made_by} and this release brings {ours}: "
            "dump it with the earlier release, move the folder away, start, and restore"
        )
        raise EmbeddedServerFailed(message)


def new_password() -> str:
    """Return a password of 256 bits that needs no quoting in a URL."""
    return secrets.token_hex(32)


def _has_statistics(identity: ServerIdentity) -> bool:
    return any((identity.programs.parent / "lib").rglob("pg_stat_statements.*"))
