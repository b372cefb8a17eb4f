"""Small revisions for the tests: the house's first one, and what a test writes behind it."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.migrate import Limits, MigrationStatus, Options, PaceLimits
from tests.support.postgresql import APP_PASSWORD, Cluster

Connection: TypeAlias = "asyncpg.Connection[Any]"

ONE, OTHER = UUID("01900000-0000-7000-8000-000000000001"), UUID("01900000-0000-7000-8000-000000000002")

BOAT = """
create table boat (
  organisation_id uuid not null,
  id int not null,
  name text,
  sails int,
  primary key (organisation_id, id)
);
select hp_protect('boat');
"""

# The last try outlasts an autovacuum, which PostgreSQL ends a second after it is in somebody's way.
QUICK = Limits(lock_seconds=(0.1, 0.2, 3.0), pause_seconds=0.05, longest_pause_seconds=0.1, turn_seconds=60)
SMALL = PaceLimits(first_rows=10, fewest_rows=10, most_rows=20, idle_rest=0.0, rest=0.0, busy_rest=0.0)

# What a migrator of its own process runs, so that it can be killed: prints a line at each sign of progress, and goes on
# when it is answered. What it saves it writes for ever, if it is told to linger.
_PROGRAM = """
import asyncio, sys
from pathlib import Path
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.migrate.saved.sealed import SealedWriter
url, password, folder, saved, direction, target, lingers = sys.argv[1:]
def tell(doing, done, total):
    print(doing, done, total, flush=True)
    sys.stdin.readline()
async def linger(writer, data):
    await asyncio.sleep(600)
if lingers:
    SealedWriter.write = linger
options = migrate.Options(
    folder=Path(folder), progress=tell, backups=migrate.Backups(Path(saved), bytes(32)),
    pace=migrate.PaceLimits(first_rows=10, fewest_rows=10, most_rows=20, idle_rest=0.0, rest=0.0, busy_rest=0.0),
)
if direction == "up":
    asyncio.run(migrate.up(url, app_password=password, target=target or None, options=options))
else:
    asyncio.run(migrate.down(url, target=target, options=options))
"""


class Toys:
    """A folder of revisions and a database of its own."""

    def __init__(self, cluster: Cluster, name: str, folder: Path) -> None:
        self.cluster = cluster
        self.name = name
        self.url = cluster.admin_url(name)
        self.folder = folder / "migrations"
        self.saved = folder / "saved"
        self.folder.mkdir()
        for source in migrate.migrations_folder().glob("0001_*.sql"):
            shutil.copy(source, self.folder)
        self.write("0002_boat", BOAT, "drop table boat;")

    def write(self, name: str, up: str, down: str = "select 1;") -> None:
        (self.folder / f"{name}.up.sql").write_text(f"-- {name}.up.sql\n{up.lstrip()}")
        (self.folder / f"{name}.down.sql").write_text(down)

    def options(self, **more: Any) -> Options:
        plain: dict[str, Any] = {
            "folder": self.folder,
            "limits": QUICK,
            "pace": SMALL,
            "backups": migrate.Backups(self.saved, bytes(32)),
        }
        return Options(**plain | more)

    async def up(self, target: str | None = None, **more: Any) -> MigrationStatus:
        return await migrate.up(self.url, app_password=APP_PASSWORD, target=target, options=self.options(**more))

    async def down(self, target: str, **more: Any) -> MigrationStatus:
        return await migrate.down(self.url, target=target, options=self.options(**more))

    async def fill(self, rows: int) -> None:
        """Make boats of two organisations, half each."""
        async with self.connect() as connection:
            await connection.execute(
                "insert into organisation (organisation_id, name, created_at, updated_at) "
                "select id, 'o', now(), now() from unnest($1::uuid[]) as id",
                [ONE, OTHER],
            )
            await connection.execute(
                "insert into boat select case n % 2 when 0 then $2::uuid else $3 end, n, 'boat ' || n "
                "from generate_series(1, $1) n",
                rows,
                ONE,
                OTHER,
            )

    async def ask(self, query: str, *values: Any) -> Any:
        async with self.connect() as connection:
            return await connection.fetchval(query, *values)

    async def execute(self, statement: str) -> None:
        async with self.connect() as connection:
            await connection.execute(statement)

    @asynccontextmanager
    async def connect(self, **more: Any) -> AsyncIterator[Connection]:
        connection: Connection = await asyncpg.connect(self.url, **more)
        try:
            yield connection
        finally:
            await connection.close()

    async def killed(
        self,
        when: Callable[[str], bool],
        *,
        direction: str = "up",
        target: str = "",
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> list[str]:
        """
        Run a migrator in a process of its own and kill it at the first line that `when` likes; return the lines.

        It stands still while `first` is done.
        """
        arguments = (self.url, APP_PASSWORD, self.folder, self.saved, direction, target, "")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _PROGRAM,
            *map(str, arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        lines: list[str] = []
        async for raw in process.stdout:
            lines.append(raw.decode().strip())
            if when(lines[-1]):
                if first is not None:
                    await first()
                process.kill()
                break
            process.stdin.write(b"\n")
        await process.wait()
        return lines

    async def killed_while(self, looks: Callable[[], Awaitable[bool]], *, lingers: bool = False) -> bool:
        """Run a migrator and kill it as soon as `looks` says yes; return whether it was killed."""
        arguments = (self.url, APP_PASSWORD, self.folder, self.saved, "up", "", "lingers" if lingers else "")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _PROGRAM,
            *map(str, arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(60):
            while process.returncode is None:
                if await looks():
                    process.kill()
                    await process.wait()
                    return True
                await asyncio.sleep(0.01)
        return False
