"""Keys of other systems' files in SQL: which row each became. Opened by this slice's service only."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal
from uuid import UUID

from healthprotocol.foundation.crypto.blind_index import Indexer
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.ids import AccountId, OperationId

KeyNoun = Literal["patient", "assignment"]

# Where dry runs keep what they claimed, and what makes a row of it unique within a dry run.
_CLAIMS = {"import_claim": "claim_bidx", "import_claimed_plan": "plan_bidx, starts_on"}


async def hold_uploads(tx: Transaction, account_id: AccountId) -> None:
    """Have an account's other beginnings of uploads wait until this transaction ends: it counts, then adds."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"{tx.tenant}:upload:{account_id}")


async def hold(tx: Transaction, noun: KeyNoun) -> None:
    """Wait until no other file of this noun is being written in this organisation, and keep others waiting."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"{tx.tenant}:import:{noun}")


async def rows_of(tx: Transaction, noun: KeyNoun, keys: Sequence[str]) -> dict[str, UUID]:
    """Return the rows that these keys became."""
    indexer = await _indexer(tx, noun)
    by_index = {indexer.of(key): key for key in keys}
    rows = await tx.fetch(
        """
        select k.key_bidx, k.row_id
        from import_key k
        where k.organisation_id = $1 and k.noun = $2 and k.key_bidx = any($3::bytea[])
        """,
        tx.tenant,
        noun,
        list(by_index),
    )
    return {by_index[row["key_bidx"]]: row["row_id"] for row in rows}


async def keep(tx: Transaction, noun: KeyNoun, rows: Mapping[str, UUID]) -> None:
    """Tie keys to the rows that they became; one that is tied already stays as it is."""
    indexer = await _indexer(tx, noun)
    await tx.execute(
        """
        insert into import_key (organisation_id, noun, key_bidx, row_id)
        select $1, $2, new.key_bidx, new.row_id
        from unnest($3::bytea[], $4::uuid[]) as new (key_bidx, row_id)
        order by new.key_bidx
        on conflict (organisation_id, noun, key_bidx) do nothing
        """,
        tx.tenant,
        noun,
        [indexer.of(key) for key in rows],
        list(rows.values()),
    )


async def forget(tx: Transaction, row_id: UUID) -> None:
    """Delete the keys of a row that is nobody's any more."""
    await tx.execute("delete from import_key where organisation_id = $1 and row_id = $2", tx.tenant, row_id)


async def claimed(tx: Transaction, operation_id: OperationId, names: Iterable[str]) -> dict[str, UUID]:
    """Return the rows that a dry run's earlier lines would have made under these names."""
    indexer = await _claim_indexer(tx)
    by_index = {indexer.of(name): name for name in names}
    if not by_index:
        return {}
    rows = await tx.fetch(
        """
        select c.claim_bidx, c.row_id
        from import_claim c
        where c.organisation_id = $1 and c.operation_id = $2 and c.claim_bidx = any($3::bytea[])
        """,
        tx.tenant,
        operation_id,
        list(by_index),
    )
    return {by_index[row["claim_bidx"]]: row["row_id"] for row in rows}


async def claim(tx: Transaction, operation_id: OperationId, rows: Mapping[str, UUID]) -> None:
    """Keep what a dry run's lines would have made, by name; what was claimed before stays as it is."""
    indexer = await _claim_indexer(tx)
    await tx.execute(
        """
        insert into import_claim (organisation_id, operation_id, claim_bidx, row_id)
        select $1, $2, new.claim_bidx, new.row_id
        from unnest($3::bytea[], $4::uuid[]) as new (claim_bidx, row_id)
        order by new.claim_bidx
        on conflict (organisation_id, operation_id, claim_bidx) do nothing
        """,
        tx.tenant,
        operation_id,
        [indexer.of(name) for name in rows],
        list(rows.values()),
    )


async def claimed_plans(
    tx: Transaction, operation_id: OperationId, names: Iterable[str]
) -> list[tuple[str, date, date]]:
    """Return the first and the last day of the plans that a dry run's earlier batches claimed under these names."""
    indexer = await _plan_indexer(tx)
    by_index = {indexer.of(name): name for name in names}
    if not by_index:
        return []
    rows = await tx.fetch(
        """
        select c.plan_bidx, c.starts_on, c.ends_on
        from import_claimed_plan c
        where c.organisation_id = $1 and c.operation_id = $2 and c.plan_bidx = any($3::bytea[])
        """,
        tx.tenant,
        operation_id,
        list(by_index),
    )
    return [(by_index[row["plan_bidx"]], row["starts_on"], row["ends_on"]) for row in rows]


async def claim_plans(tx: Transaction, operation_id: OperationId, plans: Sequence[tuple[str, date, date]]) -> None:
    """Keep the first and the last day of plans that a dry run's lines would have made, by name."""
    indexer = await _plan_indexer(tx)
    await tx.execute(
        """
        insert into import_claimed_plan (organisation_id, operation_id, plan_bidx, starts_on, ends_on)
        select $1, $2, new.plan_bidx, new.starts_on, new.ends_on
        from unnest($3::bytea[], $4::date[], $5::date[]) as new (plan_bidx, starts_on, ends_on)
        order by new.plan_bidx, new.starts_on
        on conflict (organisation_id, operation_id, plan_bidx, starts_on) do nothing
        """,
        tx.tenant,
        operation_id,
        [indexer.of(name) for name, _, _ in plans],
        [first for _, first, _ in plans],
        [last for _, _, last in plans],
    )


async def sweep_claims(tx: Transaction, *, limit: int) -> int:
    """Delete what dry runs that are over claimed, at most `limit` rows a table; return the most that went of one."""
    return max([await _sweep_claims(tx, table, limit=limit) for table in _CLAIMS])


async def forget_claims(tx: Transaction) -> None:
    """Delete what all dry runs claimed: some of it may be of somebody who is to be nobody."""
    for table in _CLAIMS:
        await tx.execute(f"delete from {table} where organisation_id = $1", tx.tenant)  # noqa: S608 - a word of ours


async def _sweep_claims(tx: Transaction, table: str, *, limit: int) -> int:
    key = f"organisation_id, operation_id, {_CLAIMS[table]}"
    tag = await tx.execute(
        f"""
        delete from {table}
        where ({key}) in (
          select {key}
          from {table} c
          where c.organisation_id = $1 and not exists (
            select
            from operation o
            where o.organisation_id = c.organisation_id and o.id = c.operation_id and o.status in ('queued', 'running')
          )
          limit $2
        )
        """,  # noqa: S608 - the table is a word of this module
        tx.tenant,
        limit,
    )
    return int(tag.rsplit(" ", 1)[-1])


async def begin_work(tx: Transaction) -> None:
    """Let work on files begin at the same time as other such work, but not while somebody is being erased."""
    await tx.execute("select pg_advisory_xact_lock_shared(hashtextextended($1, 0))", f"{tx.tenant}:file_work")


async def hold_work(tx: Transaction) -> None:
    """Let no work on files begin before this transaction has ended; what began by now can be seen."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"{tx.tenant}:file_work")


async def under_way(tx: Transaction, kinds: Sequence[str]) -> list[OperationId]:
    """Return the operations of these kinds that are not over, by id."""
    rows = await tx.fetch(
        """
        select o.id
        from operation o
        where o.organisation_id = $1 and o.status in ('queued', 'running') and o.kind = any($2::text[])
        order by o.id
        """,
        tx.tenant,
        list(kinds),
    )
    return [OperationId(row["id"]) for row in rows]


async def _claim_indexer(tx: Transaction) -> Indexer:
    return await tx.keys.index(tx, "import_claim", "claim", "dry_run")


async def _plan_indexer(tx: Transaction) -> Indexer:
    return await tx.keys.index(tx, "import_claimed_plan", "plan", "dry_run")


async def _indexer(tx: Transaction, noun: KeyNoun) -> Indexer:
    return await tx.keys.index(tx, "import_key", "key", noun)
