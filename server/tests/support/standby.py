"""A streaming replica of the run's embedded server, made by pg_basebackup; a test may pause, promote or stop it."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.db.embedded.identity import installed_programs
from tests.support.postgresql import APP_PASSWORD, TEMPLATE, Cluster

_REPLICATION = "host replication all 127.0.0.1/32 scram-sha-256\n"
_STATE_LINE = 8


class Standby(EmbeddedServer):
    """A server whose cluster is a copy that follows another; its roles and passwords are those of the other."""

    def app_url(self, cluster: Cluster, database: str) -> str:
        role = migrate.app_role(cluster.admin_url(TEMPLATE))
        return migrate.app_url(self.url_of(database), app_password=APP_PASSWORD, role=role)

    async def run(self, statement: str) -> None:
        """Say something to it as its superuser."""
        connection = await asyncpg.connect(self.url)
        await connection.execute(statement)
        await connection.close()

    def die(self) -> None:
        """End it, so that `restart` can bring it back at the same address."""
        self._end_postmaster()

    def _is_ready(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            lines = self._pid_lines()
            return len(lines) >= _STATE_LINE and lines[_STATE_LINE - 1].strip() in {"ready", "standby"}
        return False


async def let_replicas_in(cluster: Cluster) -> None:
    """Open the way on which a replica comes; nobody has it in an installation of one machine."""
    rules = cluster.server.directory / "pg_hba.conf"
    if _REPLICATION not in rules.read_text():
        with rules.open("a") as file:
            file.write(_REPLICATION)
    connection = await asyncpg.connect(cluster.admin_url("postgres"))
    await connection.execute("select pg_reload_conf()")
    await connection.close()


@contextlib.contextmanager
def standby_of(cluster: Cluster, folder: Path) -> Iterator[Standby]:
    """Give a running replica of the cluster; it is stopped afterwards."""
    password = (cluster.server.data_dir / "postgresql.password").read_text()
    port = cluster.admin_url("postgres").rpartition("port=")[2]
    folder.mkdir(mode=0o700)
    subprocess.run(
        [
            str(installed_programs() / "pg_basebackup"),
            f"--dbname=postgresql://postgres:{password.strip()}@127.0.0.1:{port}/",
            f"--pgdata={folder / 'postgresql'}",
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        timeout=300,
    )
    (folder / "postgresql.password").write_text(password)
    standby = Standby(folder, durable=False)
    standby.start()
    try:
        yield standby
    finally:
        standby.stop()
