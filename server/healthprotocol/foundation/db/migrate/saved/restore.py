"""
Putting back: the saved rows come into a temporary table, and from there in batches to where they belong.

A whole table's rows are inserted where none has their key; a column's values go to the rows that still exist. Both may
be done twice, so a killed restore is simply done again.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from uuid import UUID

from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.files import Target
from healthprotocol.foundation.db.migrate.rows import Key, enter, key_of, scopes
from healthprotocol.foundation.db.migrate.saved.folder import SavedFolder, SavedTable
from healthprotocol.foundation.db.migrate.session import Session

Advance = Callable[[int, int | None], None]

_HOLD = "migrate_saved_rows"
_BATCH_ROWS = 5000

_SEQUENCES = """
select a.attname as name, pg_get_serial_sequence($1, a.attname) as sequence
from pg_attribute a
where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
  and pg_get_serial_sequence($1, a.attname) is not null
"""


async def restore(session: Session, folder: SavedFolder, target: Target, *, advance: Advance) -> int:
    """
    Put `target` back from `folder`; return how many rows were saved.

    Raises MigrationFailed when the folder does not hold it or is damaged.
    """
    saved = next((one for one in folder.manifest().tables if _holds(one, target)), None)
    if saved is None:
        raise MigrationFailed(f"{folder.path.name} does not hold {target.table}")
    connection = session.connection
    key = await key_of(connection, target.table)
    listed = ", ".join(saved.columns)
    await connection.execute(f"drop table if exists pg_temp.{_HOLD}")
    await connection.execute(
        f"create temp table {_HOLD} as select {listed} from {target.table} limit 0"  # noqa: S608
    )
    await connection.execute(f"alter table {_HOLD} add column place bigint generated always as identity")
    try:
        await connection.copy_to_table(
            _HOLD, source=_pieces(folder.read(saved)), columns=list(saved.columns), format="text"
        )
        await connection.execute(f"create index on {_HOLD} (place); analyze {_HOLD}")
        await connection.execute(f"grant select on {_HOLD} to public")
        for scope in await scopes(session, target.table):
            await _put(session, saved, target, key, scope, advance)
        if not target.columns:
            await _advance_sequences(session, target.table)
    finally:
        await connection.execute(f"drop table if exists pg_temp.{_HOLD}")
    return saved.rows


async def _put(
    session: Session, saved: SavedTable, target: Target, key: Key, scope: UUID | None, advance: Advance
) -> None:
    statement = _insert(saved) if not target.columns else _update(target, key)
    if scope is not None:
        statement = statement.replace("/* scope */", "and saved.organisation_id = $3")
    for begin in range(0, saved.rows, _BATCH_ROWS):
        values: Sequence[object] = (begin, begin + _BATCH_ROWS, *(() if scope is None else (scope,)))

        async def batch(values: Sequence[object] = values) -> None:
            await enter(session, scope)
            await session.connection.execute(statement, *values)

        await session.atomically(batch, what=f"restore of {target.table}")
        advance(min(begin + _BATCH_ROWS, saved.rows), saved.rows)


def _insert(saved: SavedTable) -> str:
    listed = ", ".join(saved.columns)
    values = ", ".join(f"saved.{column}" for column in saved.columns)
    return f"""
        insert into {saved.table} ({listed}) overriding system value
        select {values} from {_HOLD} as saved where saved.place > $1 and saved.place <= $2 /* scope */
        on conflict do nothing
    """  # noqa: S608 - names from the catalogue


def _update(target: Target, key: Key) -> str:
    sets = ", ".join(f"{column} = saved.{column}" for column in target.columns)
    same = " and ".join(f"{target.table}.{column} = saved.{column}" for column in key.columns)
    return f"""
        update {target.table} set {sets}
        from {_HOLD} as saved where {same} and saved.place > $1 and saved.place <= $2 /* scope */
    """  # noqa: S608 - names from the catalogue and from the file


async def _advance_sequences(session: Session, table: str) -> None:
    """Let every sequence of the table go on after what was put back; none ever goes back itself."""
    for scope in await scopes(session, table):

        async def act(scope: UUID | None = scope) -> None:
            await enter(session, scope)
            for row in await session.connection.fetch(_SEQUENCES, table):
                name, sequence = row["name"], row["sequence"]
                await session.connection.execute(
                    f"""
                    select setval($1::text::regclass, greatest(max(t.{name}), (select last_value from {sequence})))
                    from {table} as t
                    """,  # noqa: S608 - names from the catalogue
                    sequence,
                )

        await session.atomically(act, what=f"sequences of {table}")


def _holds(saved: SavedTable, target: Target) -> bool:
    if saved.table != target.table:
        return False
    return saved.is_whole if not target.columns else set(target.columns) <= set(saved.columns)


async def _pieces(read: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in read:
        if piece:
            yield piece
