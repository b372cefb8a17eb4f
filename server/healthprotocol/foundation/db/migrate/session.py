"""One migrator's connection: the turn it holds, the role it is, the limits of what it runs."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import asyncpg

from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.history import Connection
from healthprotocol.foundation.db.migrate.locks import BlockerWatch, Limits, hold_turn, with_retry
from healthprotocol.foundation.db.migrate.roles import OWNER, app_role, ensure_roles

T = TypeVar("T")

_APPLICATION = "healthprotocol migrate"
# A concurrent index waits for old transactions while others read and write on: its patience harms nobody.
_CONCURRENT_LOCK_SECONDS = 600


class Session:
    """
    A connection that holds the turn, as the owner of the schema.

    `sees_all` is whether the one who signed in is above row-level security; if not, rows are read tenant by tenant.
    """

    def __init__(self, connection: Connection, url: str, *, limits: Limits, waited: bool, sees_all: bool) -> None:
        self.connection = connection
        self.limits = limits
        self.waited = waited
        self.sees_all = sees_all
        self._watch = BlockerWatch(url, connection.get_server_pid())

    async def atomically(self, act: Callable[[], Awaitable[T]], *, what: str, is_long: bool = False) -> T:
        """
        Run `act` in one transaction under the limits; all of it again when a lock was not to be had.

        `is_long` lifts the limit of time on a statement, for one that reads a whole table while others write.
        """
        seconds_of_a_statement = 0 if is_long else self.limits.statement_seconds

        async def attempt(seconds: float) -> T:
            async with self.connection.transaction():
                await self.connection.execute(
                    f"set local lock_timeout = '{round(seconds * 1000)}ms';"
                    f"set local statement_timeout = '{round(seconds_of_a_statement * 1000)}ms'"
                )
                return await act()

        return await with_retry(attempt, watch=self._watch, limits=self.limits, what=what)

    async def outside(self, sql: str) -> None:
        """Run a statement that no transaction may hold, such as a concurrent index."""
        await self.connection.execute(f"set lock_timeout = '{_CONCURRENT_LOCK_SECONDS}s'")
        try:
            # One core for an index, not all of them: it may take longer, and those who wait for answers may not.
            await self.connection.execute("set statement_timeout = 0; set max_parallel_maintenance_workers = 0")
            await self.connection.execute(sql)
        finally:
            await self.connection.execute(
                "reset lock_timeout; reset statement_timeout; reset max_parallel_maintenance_workers"
            )

    async def close(self) -> None:
        """Close what only this session opened."""
        await self._watch.close()


@contextlib.asynccontextmanager
async def open_session(url: str, *, limits: Limits, app_password: str | None) -> AsyncIterator[Session]:
    """
    Sign in as the administrator, wait for the turn, make the roles (with a password), and become the owner.

    Raises MigrationFailed when the user may not do that, or another migrator does not get on.
    """
    # With this the server notices within seconds that a killed migrator is gone, and gives its turn to the next.
    settings = {"application_name": _APPLICATION, "client_connection_check_interval": "2s", "lock_timeout": "4s"}
    connection: Connection = await asyncpg.connect(url, timeout=5, server_settings=settings)
    session: Session | None = None
    try:
        waited = await hold_turn(connection, limits)
        if app_password is not None:
            await ensure_roles(connection, app_role=app_role(url), app_password=app_password)
        sees_all = bool(
            await connection.fetchval("select rolsuper or rolbypassrls from pg_roles where rolname = session_user")
        )
        await connection.execute(f"set role {OWNER}")
        session = Session(connection, url, limits=limits, waited=waited, sees_all=sees_all)
        yield session
    except asyncpg.InsufficientPrivilegeError as error:
        message = "the database user may not create roles or schemas: use an administrator's URL for `migrate up`"
        raise MigrationFailed(message) from error
    finally:
        if session is not None:
            await session.close()
        await connection.close()
