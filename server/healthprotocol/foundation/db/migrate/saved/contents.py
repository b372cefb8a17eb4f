"""What a table holds, as one short text that differs when a row was added, removed or changed."""

from healthprotocol.foundation.db.migrate.files import Target
from healthprotocol.foundation.db.migrate.rows import enter, scopes
from healthprotocol.foundation.db.migrate.session import Session

EMPTY = "0 0 0"


async def contents(session: Session, target: Target, columns: tuple[str, ...]) -> str:
    """
    Return the number of rows with something to save in `columns`, and two sums of their hashes; in any order.

    Belongs in a transaction. Of a target of columns, rows with no value in any of them count as nothing, so that rows
    which code that does not know the columns adds make no difference.
    """
    condition = " or ".join(f"{column} is not null" for column in target.columns) or "true"
    query = f"""
        select count(*) as rows, coalesce(sum(hashtextextended(found.said, 0)), 0)::text as one,
          coalesce(sum(hashtextextended(found.said, 1)), 0)::text as other
        from (select row({", ".join(columns)})::text as said from {target.table} where {condition}) found
    """  # noqa: S608 - names from the catalogue
    total = [0, 0, 0]
    for scope in await scopes(session, target.table):
        await enter(session, scope)
        row = await session.connection.fetchrow(query)
        assert row is not None
        total = [before + int(more) for before, more in zip(total, row.values(), strict=True)]
    return " ".join(str(number) for number in total)
