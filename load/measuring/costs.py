"""What requests cost the server: processor time of its processes, and what PostgreSQL counted."""

from pathlib import Path

import asyncpg
import msgspec
import psutil


class Cost(msgspec.Struct, frozen=True):
    """The cost of some requests. A buffer is a page of 8 KiB that PostgreSQL touched, in memory or not."""

    server_cpu_ms: float
    database_cpu_ms: float
    statements: int
    buffers: int


class Meter:
    """Reads the counters of a web server and of its PostgreSQL before and after."""

    def __init__(self, url: str, *, cluster: Path, port: int) -> None:
        self._url = url
        self._cluster = cluster
        self._port = port
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Connect, and have PostgreSQL count statements."""
        self._connection = await asyncpg.connect(self._url)
        await self._connection.execute("create extension if not exists pg_stat_statements")

    async def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            await self._connection.close()

    async def execute(self, sql: str) -> None:
        """Run a statement as the superuser."""
        assert self._connection is not None
        await self._connection.execute(sql)

    async def read(self) -> Cost:
        """Return what all statements of the application and both servers have cost so far."""
        statements, buffers = await self.counted()
        return Cost(self._server_cpu_ms(), self._database_cpu_ms(), statements, buffers)

    async def counted(self) -> tuple[int, int]:
        """Return how many statements of the application there were so far, and how many buffers they touched."""
        assert self._connection is not None
        row = await self._connection.fetchrow(
            """
            select coalesce(sum(calls), 0)::bigint as statements,
              coalesce(sum(shared_blks_hit + shared_blks_read), 0)::bigint as buffers
            from pg_stat_statements s
            join pg_roles r on r.oid = s.userid
            where r.rolname like 'hp\\_app%' and s.toplevel
            """
        )
        assert row is not None
        return row["statements"], row["buffers"]

    def _server_cpu_ms(self) -> float:
        return 1000 * sum(_cpu_seconds(process) for process in _listening(self._port))

    def _database_cpu_ms(self) -> float:
        postmaster = psutil.Process(int((self._cluster / "postmaster.pid").read_text().splitlines()[0]))
        return 1000 * sum(_cpu_seconds(process) for process in (postmaster, *postmaster.children()))


def between(before: Cost, after: Cost, *, requests: int) -> Cost:
    """Return the cost of one request of those in between."""
    return Cost(
        (after.server_cpu_ms - before.server_cpu_ms) / requests,
        (after.database_cpu_ms - before.database_cpu_ms) / requests,
        round((after.statements - before.statements) / requests),
        round((after.buffers - before.buffers) / requests),
    )


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system


def _listening(port: int) -> list[psutil.Process]:
    """Return the process that listens on a port, with its children."""
    pids = {
        one.pid
        for one in psutil.net_connections("tcp")
        if one.laddr and one.laddr.port == port and one.status == psutil.CONN_LISTEN and one.pid
    }
    found: dict[int, psutil.Process] = {}
    for pid in pids:
        process = psutil.Process(pid)
        for one in (process, *process.children()):
            found[one.pid] = one
    return list(found.values())
