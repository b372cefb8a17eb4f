"""What a run would lose: what is saved first, what nobody could bring back, and who would be surprised."""

from collections.abc import Callable, Collection, Sequence

import asyncpg

from healthprotocol.foundation.db.migrate import history, saved
from healthprotocol.foundation.db.migrate.changes import dropped, plain
from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.files import Revision, Script, Target
from healthprotocol.foundation.db.migrate.history import Connection, Direction
from healthprotocol.foundation.db.migrate.rows import enter, key_of, leave, scopes, stored_columns
from healthprotocol.foundation.db.migrate.saved import Backups
from healthprotocol.foundation.db.migrate.session import Session

Advance = Callable[[int, int | None], None]

# A column without values is found by reading the table; beyond this it is taken to hold some.
_LOOK_SECONDS = 5

_SESSIONS = """
select count(*) as sessions, min(backend_start) as since
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
  and usename is not null and usename <> session_user and pg_has_role(usename, 'hp_app', 'member')
"""


class Losses:
    """Saves what goes, or refuses to let it go."""

    def __init__(self, session: Session, backups: Backups | None, *, accept_loss: bool) -> None:
        self._session = session
        self._backups = backups
        self._accept_loss = accept_loss

    async def before_up(self, revision: Revision, *, applied_now: Sequence[str], advance: Advance) -> str | None:
        """
        Save what the head of the file names; return the folder, None when nothing is to be saved.

        Raises MigrationFailed when it could not be undone, or when code that runs may still use what goes.
        """
        if revision.phase == "contract":
            await _require_no_old_code(self._session.connection, revision, applied_now)
        if revision.back.is_impossible and not self._accept_loss:
            raise MigrationFailed(
                f"{revision.title} cannot be undone ({revision.back.said('Undo')}); run it with --accept-loss"
            )
        connection = self._session.connection
        if await history.steps(connection, revision.number, "up"):
            # Begun already: what was saved before the first step is the old state, and now is not.
            return (await history.kept(connection, "up")).get(revision.number)
        folder = await self._save(revision.title, revision.forwards.backups, advance)
        if folder is not None:
            await history.keep(connection, revision.number, "up", folder)
        return folder

    async def before_down(self, revision: Revision, *, advance: Advance) -> str | None:
        """
        Save what the way back drops; return the folder, None when there is nothing in it.

        Raises MigrationFailed when there is no way back, or no place to save to.
        """
        if revision.back.is_impossible:
            raise MigrationFailed(f"{revision.title} cannot be undone: {revision.back.said('Undo')}")
        found = [await self._stored(one) for one in merged(revision.back)]
        targets = [one for one in found if one is not None and await self._holds_rows(one)]
        return await self._save(f"{revision.title}-undone", targets, advance)

    async def hold(
        self, revision: Revision, direction: Direction, *, advance: Advance, tables: Collection[str] | None = None
    ) -> None:
        """
        Lock what is to go, and save it again where a row was written since it was saved. Belongs in the transaction.

        `tables` are those that go in it, None all of them. Nobody writes or reads them until the transaction ends, so
        comparing and saving have the time of a statement while the application is at work. Raises MigrationFailed.
        """
        if self._backups is None and self._accept_loss:
            return
        named = merged(revision.back) if direction == "down" else revision.forwards.backups
        found = [await self._stored(one) for one in named if tables is None or one.table in tables]
        targets = [one for one in found if one is not None]
        if not targets:
            return
        connection = self._session.connection
        listed = ", ".join(dict.fromkeys(one.table for one in targets))
        await connection.execute(f"lock table {listed} in access exclusive mode")
        limit = await connection.fetchval("select current_setting('statement_timeout')")
        if not await connection.fetchval(f"select sessions from ({_SESSIONS}) open"):  # noqa: S608 - a constant
            await connection.execute("set local statement_timeout = 0")
        try:
            await self._compare(revision, direction, targets, advance)
        except asyncpg.QueryCanceledError:
            raise MigrationFailed(
                f"{revision.title}: what was written to {listed} since it was saved cannot be told in {limit} while "
                "others wait. Stop the nodes, and run this again"
            ) from None
        await leave(self._session)
        await connection.execute("select set_config('statement_timeout', $1, true)", limit)

    async def _compare(
        self, revision: Revision, direction: Direction, targets: Sequence[Target], advance: Advance
    ) -> None:
        connection = self._session.connection
        folder = (await history.kept(connection, direction)).get(revision.number)
        tables = () if folder is None or self._backups is None else self._backups.open(folder).manifest().tables
        known = {one.table: one for one in tables}
        written: list[Target] = []
        for target in targets:
            one = known.get(target.table)
            if (
                one is not None
                and not one.is_whole
                and not set(target.columns) >= set(one.columns) - await self._key(target.table)
            ):
                # Another column of it is gone already, with its values in the folder.
                continue
            columns = one.columns if one is not None else tuple(await stored_columns(connection, target.table))
            before = one.contents if one is not None else saved.EMPTY
            if await saved.contents(self._session, target, columns) != before:
                written.append(target)
        await leave(self._session)
        if not written:
            return
        if self._backups is None:
            await self._save(revision.title, written, advance)
            return
        title = f"{revision.title}-undone" if direction == "down" else revision.title
        again = await saved.save_again(
            self._session, self._backups, written, title=title, before=folder, advance=advance
        )
        await leave(self._session)
        await history.keep(connection, revision.number, direction, again)

    async def _key(self, table: str) -> set[str]:
        return set((await key_of(self._session.connection, table)).columns)

    async def put_back(self, folder: str, target: Target, *, advance: Advance) -> None:
        """Put one target back. Raises MigrationFailed when there is nothing to take it from."""
        if self._backups is None:
            raise MigrationFailed(f"{target.table} is to be put back, and no folder of saved tables is named")
        await saved.restore(self._session, self._backups.open(folder), target, advance=advance)

    async def put_all_back(self, number: str, *, advance: Advance) -> None:
        """Put back what going back from revision `number` took away, parents before children."""
        folder = (await history.kept(self._session.connection, "down")).get(number)
        if folder is None or self._backups is None:
            return
        opened = self._backups.open(folder)
        for table in reversed(opened.manifest().tables):
            columns = () if table.is_whole else await self._standing(table.table, table.columns)
            try:
                await saved.restore(self._session, opened, Target(table.table, columns), advance=advance)
            except asyncpg.PostgresError as error:
                raise MigrationFailed(
                    f"{table.table} cannot be put back from {folder}: {type(error).__name__} [{error.sqlstate}]; "
                    "the folder stays, and `migrate up` tries again"
                ) from None
        await history.release_kept(self._session.connection, number, "down")

    async def _standing(self, table: str, columns: Sequence[str]) -> tuple[str, ...]:
        key = (await key_of(self._session.connection, table)).columns
        return tuple(column for column in columns if column not in key)

    async def _save(self, title: str, targets: Sequence[Target], advance: Advance) -> str | None:
        if not targets:
            return None
        if self._backups is not None:
            return await saved.save(self._session, self._backups, targets, title=title, advance=advance)
        if self._accept_loss:
            return None
        names = ", ".join(
            one.table if not one.columns else f"{one.table} ({', '.join(one.columns)})" for one in targets
        )
        raise MigrationFailed(
            f"{title} takes away {names}, and there is no place to save it; let a backup be made, or use --accept-loss"
        )

    async def _stored(self, target: Target) -> Target | None:
        """Return what of `target` is there and holds something of its own: what PostgreSQL computes is made again."""
        connection = self._session.connection
        if await connection.fetchval("select to_regclass($1) is null", target.table):
            return None
        if not target.columns:
            return target
        stored = await stored_columns(connection, target.table)
        columns = tuple(column for column in target.columns if column in stored)
        return Target(target.table, columns) if columns else None

    async def _holds_rows(self, target: Target) -> bool:
        connection = self._session.connection
        condition = " or ".join(f"{column} is not null" for column in target.columns) or "true"
        for scope in await scopes(self._session, target.table):
            try:
                async with connection.transaction():
                    await connection.execute(f"set local statement_timeout = '{_LOOK_SECONDS}s'")
                    await enter(self._session, scope)
                    query = f"select exists (select from {target.table} where {condition})"  # noqa: S608
                    if await connection.fetchval(query):
                        return True
            except asyncpg.QueryCanceledError:
                return True
            except asyncpg.UndefinedColumnError:
                return False
        return False


def merged(script: Script) -> Sequence[Target]:
    """Return what a file drops, one target a table, in the order of the file."""
    found: dict[str, Target] = {}
    for target, _line in dropped(script):
        table = plain(target.table)
        before = found.get(table)
        if before is None or not target.columns:
            found[table] = Target(table, target.columns)
        elif before.columns:
            found[table] = Target(table, (*before.columns, *target.columns))
    return list(found.values())


async def _require_no_old_code(connection: Connection, revision: Revision, applied_now: Sequence[str]) -> None:
    """Refuse a contract that follows its expand in one run while code that knows neither may be at work."""
    named = revision.forwards.said("Contracts")
    if named not in applied_now:
        return
    row = await connection.fetchrow(_SESSIONS)
    if row is not None and row["sessions"]:
        raise MigrationFailed(
            f"{revision.title} removes what {named} replaced, and {named} was applied only now: a release was skipped, "
            f"and {row['sessions']} sessions of the application are open. Stop its nodes, and run this again"
        )
