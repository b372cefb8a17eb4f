"""Find patients exactly, by keyed indexes."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from healthprotocol.care.patients.model import Identifier
from healthprotocol.care.patients.repository.finders import IDENTIFIER_TABLE, TABLE, name_birth
from healthprotocol.foundation.crypto import blind_index
from healthprotocol.foundation.db.transaction import Transaction


async def find_by_email(tx: Transaction, email: str) -> list[UUID]:
    """Return the ids of at most 200 patients with exactly this e-mail."""
    index = (await tx.keys.index(tx, TABLE, "email", "exact")).of(blind_index.email(email))
    return await _find(tx, "email_bidx", index)


async def find_by_phone(tx: Transaction, phone: str) -> list[UUID]:
    """Return the ids of at most 200 patients with exactly this phone number."""
    index = (await tx.keys.index(tx, TABLE, "phone", "exact")).of(blind_index.phone(phone))
    return await _find(tx, "phone_bidx", index)


async def find_by_name_birth(tx: Transaction, family_name: str, birth_date: date) -> list[UUID]:
    """Return the ids of at most 200 patients with this surname (in compared form) and birth date."""
    indexer = await tx.keys.index(tx, TABLE, "name_birth", "compound", size=blind_index.COMPOUND_BYTES)
    return await _find(tx, "name_birth_bidx", indexer.of(name_birth(family_name, birth_date)))


async def find_by_identifier(tx: Transaction, value: str) -> list[UUID]:
    """Return the ids of patients with this record number, in any of the (at most 100) systems that occur here."""
    systems = await _systems(tx)
    indexer = await tx.keys.index(tx, IDENTIFIER_TABLE, "value", "exact")
    wanted = [indexer.of(blind_index.identifier(one, value)) for one in systems]
    rows = await tx.fetch(
        """
        select distinct patient_id
        from patient_identifier
        where organisation_id = $1 and value_bidx = any($2::bytea[])
        limit 200
        """,
        tx.tenant,
        wanted,
    )
    return [row["patient_id"] for row in rows]


async def find_by_identifiers(tx: Transaction, identifiers: Sequence[Identifier]) -> dict[Identifier, UUID]:
    """Return whose these record numbers are, in one statement; those of nobody are left out."""
    indexer = await tx.keys.index(tx, IDENTIFIER_TABLE, "value", "exact")
    indexes = {one: indexer.of(blind_index.identifier(one.system, one.value)) for one in identifiers}
    rows = await tx.fetch(
        """
        select value_bidx, patient_id
        from patient_identifier
        where organisation_id = $1 and value_bidx = any($2::bytea[])
        """,
        tx.tenant,
        list(set(indexes.values())),
    )
    owners = {row["value_bidx"]: row["patient_id"] for row in rows}
    return {one: owners[index] for one, index in indexes.items() if index in owners}


async def _systems(tx: Transaction) -> list[str]:
    # Each one is looked up behind the one before it: `distinct` would read the identifiers of all patients.
    rows = await tx.fetch(
        """
        with recursive systems as (
          select min(i.system) as system from patient_identifier i where i.organisation_id = $1
          union all
          select (
            select min(i.system) from patient_identifier i where i.organisation_id = $1 and i.system > s.system
          )
          from systems s
          where s.system is not null
        )
        select s.system
        from systems s
        where s.system is not null
        limit 100
        """,
        tx.tenant,
    )
    return [row["system"] for row in rows]


async def _find(tx: Transaction, column: str, index: bytes) -> list[UUID]:
    rows = await tx.fetch(
        f"select p.id from patient p where p.organisation_id = $1 and p.{column} = $2 limit 200",  # noqa: S608 - a column of this module
        tx.tenant,
        index,
    )
    return [row["id"] for row in rows]
