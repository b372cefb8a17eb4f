"""Putting right what an interrupted or altered migration left: invalid indexes, checksums, saved rows."""

import asyncpg
import msgspec

from healthprotocol.foundation.db.migrate import history, indexes
from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.files import Revision, revisions
from healthprotocol.foundation.db.migrate.history import Connection
from healthprotocol.foundation.db.migrate.runner import Options, changed
from healthprotocol.foundation.db.migrate.session import open_session


class Repaired(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and whether it was put right: names of indexes, numbers of revisions."""

    rebuilt: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """What is not as it should be: leftover indexes, changed files, a revision that was begun."""

    invalid: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    half_done: str | None = None


async def damage(url: str) -> Damage:
    """Look, and change nothing."""
    connection: Connection = await asyncpg.connect(url, timeout=5)
    try:
        files = revisions()
        half = await history.half_done(connection)
        return Damage(
            invalid=tuple(one.name for one in await indexes.invalid(connection)),
            changed=changed(await history.applied(connection), files, await history.current(connection)),
            half_done=None if half is None else half[0],
        )
    finally:
        await connection.close()


async def repair(url: str, *, accept_checksum: bool, options: Options) -> Repaired:
    """
    Rebuild invalid indexes; with `accept_checksum`, take the files as they are now for what was applied.

    Raises MigrationFailed when an index cannot be built, such as a unique one over rows that are not.
    """
    files = revisions(options.folder)
    async with open_session(url, limits=options.limits, app_password=None) as session:
        connection = session.connection
        await history.open_books(connection, files, release=options.release)
        left = await indexes.invalid(connection)
        for place, index in enumerate(left):
            options.progress(f"rebuilding {index.name}", place, len(left))
            try:
                await indexes.rebuild(session, index)
            except asyncpg.PostgresError as error:
                raise MigrationFailed(
                    f"index {index.name} cannot be built: {type(error).__name__} [{error.sqlstate}]"
                ) from None
        other = changed(await history.applied(connection), files, await history.current(connection))
        if accept_checksum:
            await _accept(connection, [one for one in files if one.number in other], files)
        return Repaired(
            rebuilt=tuple(one.name for one in left),
            accepted=other if accept_checksum else (),
            refused=() if accept_checksum else other,
        )


async def _accept(connection: Connection, altered: list[Revision], files: tuple[Revision, ...]) -> None:
    half = await history.half_done(connection)
    async with connection.transaction():
        for one in altered:
            await history.accept(connection, one)
        for one in files:
            if half is None or half[0] != one.number:
                continue
            script = one.forwards if half[1] == "up" else one.back
            for place, statement in enumerate(script.statements):
                checksum = history.statement_checksum(statement.essence)
                await history.accept_step(connection, one.number, half[1], place, checksum)
