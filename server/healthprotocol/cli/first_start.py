"""What stands between a database that answers and one that serves: its schema, the sign-in role, the demo data."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg

from healthprotocol.cli.demo_marks import LOADED, LOADING
from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.installation import DATABASE, Installation
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.stopping import run_to_end

if TYPE_CHECKING:
    from healthprotocol.cli.terminal import Terminal
    from healthprotocol.foundation.db.embedded import EmbeddedServer

DEMO_ACCOUNTS = (
    "admin@demo.example",
    "clinician@demo.example",
    "coordinator@demo.example",
    "auditor@demo.example",
    "patient@demo.example",
    "clinician@other.example",
)
DEMO_PASSWORD = "correct-horse-battery-demo"  # noqa: S105 - public by intent, and refused in production


class FirstStart:
    """Brings one database to where the server can start, doing only what is not done yet."""

    def __init__(self, installation: Installation, terminal: "Terminal", *, administrator_url: str) -> None:
        self._installation = installation
        self._terminal = terminal
        self._administrator_url = administrator_url
        self._application_url = installation.application_url(administrator_url)
        self._loaded = installation.data_dir / LOADED
        self._loading = installation.data_dir / LOADING

    def undo_half_a_demo(self, server: "EmbeddedServer | None") -> None:
        """Empty the embedded database when the loading of the demo was cut off: nobody has served from it yet."""
        if server is not None and self._loading.exists():
            server.drop_database(DATABASE)
            server.ensure_database(DATABASE)
            self._loading.unlink()

    def migrate(self) -> None:
        """Apply what is pending, and let the application sign in. Raises CommandFailed."""
        self._installation.require_environment(self._administrator_url)
        if self._is_application(self._administrator_url):
            if asyncio.run(migrate.status(self._administrator_url)).pending:
                raise CommandFailed(
                    "the database lacks migrations; run `healthprotocol migrate up` as an administrator"
                )
            return
        if asyncio.run(self._needs_migration()):
            self._run(["migrate", "up"], url=self._administrator_url, doing="Migrating the database")

    def load_demo(self) -> bool:
        """Load the demo into a database without organisations; return whether the demo accounts are there."""
        if self._loaded.exists():
            return True
        if self._installation.settings.is_production or not asyncio.run(self._is_empty()):
            return False
        self._loading.touch(mode=0o600)
        self._run(["demo", "load"], url=self._application_url, doing="Loading the demo data")
        self._loading.replace(self._loaded)
        return True

    @staticmethod
    def _is_application(url: str) -> bool:
        return urlsplit(url).username == migrate.app_role(url)

    async def _needs_migration(self) -> bool:
        if (await migrate.status(self._administrator_url)).pending:
            return True
        try:
            connection = await asyncpg.connect(self._application_url, timeout=5)
        except asyncpg.InvalidAuthorizationSpecificationError:
            # No such role, or another password: the database comes from a backup, or the root key is another.
            return True
        await connection.close()
        return False

    async def _is_empty(self) -> bool:
        connection = await asyncpg.connect(self._application_url, timeout=5)
        try:
            return not await connection.fetchval("select exists (select from hp_organisations())")
        finally:
            await connection.close()

    def _run(self, arguments: Sequence[str], *, url: str, doing: str) -> None:
        # In a process of its own: what it loads (the services) would stay in this one for months.
        environment: Mapping[str, str] = self._installation.child_environment(HP_DATABASE_URL=url)
        flags = ["--json"] if self._terminal.as_json else []
        command = [sys.executable, "-P", "-m", "healthprotocol", *arguments, *flags]
        if run_to_end(command, environment=environment) != 0:
            raise CommandFailed(f"{doing} failed; what it said is above")
