"""Saving: what is to go is copied out in one snapshot, sealed, and read back before anything is removed."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.files import Target
from healthprotocol.foundation.db.migrate.rows import enter, key_of, scopes, stored_columns
from healthprotocol.foundation.db.migrate.saved.contents import contents
from healthprotocol.foundation.db.migrate.saved.folder import Backups, SavedFolder, SavedTable, file_of
from healthprotocol.foundation.db.migrate.session import Session

Advance = Callable[[int, int | None], None]


async def save(session: Session, backups: Backups, targets: Sequence[Target], *, title: str, advance: Advance) -> str:
    """
    Copy `targets` into a folder of their own and verify it; return the folder's name.

    All of them are of one instant. Memory is that of a chunk. Raises MigrationFailed when what is read back differs.
    """
    at = datetime.now(UTC)
    folder = backups.create(title, at)
    async with session.connection.transaction(isolation="repeatable_read", readonly=True):
        # Reading many rows takes what it takes; it holds no lock that a reader or writer would wait for.
        await session.connection.execute("set local statement_timeout = 0")
        tables = [await _table(session, folder, target, advance) for target in targets]
    folder.finish(title, at, tuple(tables))
    await asyncio.to_thread(folder.verify)
    return folder.path.name


async def save_again(
    session: Session, backups: Backups, targets: Sequence[Target], *, title: str, before: str | None, advance: Advance
) -> str:
    """
    Copy `targets`, which the transaction that this belongs in has locked; return the name of a folder of their own.

    The other tables of the folder `before` are taken over. Raises MigrationFailed when what is read back differs.
    """
    at = datetime.now(UTC)
    folder = backups.create(title, at)
    again = {target.table: target for target in targets}
    tables: list[SavedTable] = []
    if before is not None:
        # In the order of the folder before: children first, as they are dropped.
        opened = backups.open(before)
        for one in opened.manifest().tables:
            target = again.pop(one.table, None)
            tables.append(
                folder.carry(one, opened) if target is None else await _table(session, folder, target, advance)
            )
    tables.extend([await _table(session, folder, target, advance) for target in again.values()])
    folder.finish(title, at, tuple(tables))
    await asyncio.to_thread(folder.verify)
    return folder.path.name


async def _table(session: Session, folder: SavedFolder, target: Target, advance: Advance) -> SavedTable:
    columns = tuple(await stored_columns(session.connection, target.table))
    if target.columns:
        key = await key_of(session.connection, target.table)
        if unknown := set(target.columns) - set(columns):
            raise MigrationFailed(f"{target.table} has no column {', '.join(sorted(unknown))} to save")
        columns = tuple(dict.fromkeys((*key.columns, *target.columns)))
    writer = folder.writer(target.table)
    copied = 0
    listed = ", ".join(columns)
    for scope in await scopes(session, target.table):
        await enter(session, scope)
        query = f"select {listed} from {target.table}"  # noqa: S608 - names from the catalogue
        said = await session.connection.copy_from_query(query, output=writer.write, format="text")
        copied += int(said.split()[-1])
        advance(copied, None)
    digest = writer.close()
    if writer.rows != copied:
        raise MigrationFailed(f"{target.table}: {copied} rows were copied and {writer.rows} arrived")
    path = folder.path / file_of(target.table)
    return SavedTable(
        table=target.table,
        columns=columns,
        is_whole=not target.columns,
        file=path.name,
        rows=copied,
        sha256=digest,
        bytes=path.stat().st_size,
        contents=await contents(session, target, columns),
    )
