"""Patients in SQL, and their fields into and out of ciphertext. Opened by this slice's service only."""

import asyncio
from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec

from healthprotocol.care.patients.model import (
    Address,
    Demographics,
    Identifier,
    Patient,
    PatientId,
    PatientRow,
    PersonName,
    Sex,
)
from healthprotocol.care.patients.repository.finders import IDENTIFIER_TABLE, TABLE
from healthprotocol.foundation.crypto.data_keys import SubjectKey
from healthprotocol.foundation.db.listing import Listing, Page, SqlText, fetch_page
from healthprotocol.foundation.db.transaction import Record, Transaction
from healthprotocol.foundation.ids import AccountId

_AT_ONCE = 500
# By way of a subquery: so one plan serves any number of them, and none is made for each call.
_OF_IDS = "p.id = any((select $2::uuid[])::uuid[])"

# Who was erased is nobody any more: to every read she does not exist.
_STANDS: SqlText = "p.status <> 'erased'"

_ROW: SqlText = """
select p.id, p.status, p.given_name_ct, p.family_name_ct, p.birth_date_ct, p.sex_ct, p.time_zone, p.revision,
  p.created_at, p.updated_at
from patient p
"""


FULL: SqlText = f"""
select p.id, p.status, p.given_name_ct, p.family_name_ct, p.birth_date_ct, p.sex_ct, p.email_ct, p.phone_ct,
  p.address_ct, p.language_ct, p.time_zone, p.revision, p.created_at, p.created_by, p.updated_at,
  i.positions, i.systems, i.values_ct
from patient p
cross join lateral (
  select array_agg(i.position order by i.position) as positions,
    array_agg(i.system order by i.position) as systems,
    array_agg(i.value_ct order by i.position) as values_ct
  from patient_identifier i
  where i.organisation_id = p.organisation_id and i.patient_id = p.id
) i
where p.organisation_id = $1 and {_STANDS}
"""  # noqa: S608 - made of constants of this module


async def get(tx: Transaction, patient_id: PatientId, *, for_update: bool = False) -> Patient | None:
    """Return a patient with her identifiers in one statement, None when there is none in this organisation."""
    row = await tx.fetchrow(
        f"{FULL} and p.id = $2 {'for update of p' if for_update else ''}",
        tx.tenant,
        patient_id,
    )
    return None if row is None else patient_of(row, await tx.keys.subject(tx, patient_id))


async def page(tx: Transaction, listing: Listing) -> Page[PatientRow]:
    """Return one page of the list."""
    where: SqlText = f"p.organisation_id = $1 and {_STANDS}"
    found = await fetch_page(tx, listing, _ROW, where, tx.tenant)
    return found.of(await _rows(tx, found.items))


async def is_more_than(tx: Transaction, listing: Listing, limit: int) -> bool:
    """Return whether the filter selects more than `limit` patients; no more than that are counted."""
    where, args = listing.where(3)
    found = await tx.fetchval(
        f"""
        select count(*)
        from (select from patient p where p.organisation_id = $1 and {_STANDS} and {where} limit $2) as found
        """,  # noqa: S608 - made of constants of this module and the listing's
        tx.tenant,
        limit + 1,
        *args,
    )
    return found > limit


async def rows_of(tx: Transaction, patient_ids: Sequence[UUID]) -> list[PatientRow]:
    """Return the patients of these ids that exist, in no order."""
    rows = await tx.fetch(
        f"{_ROW} where p.organisation_id = $1 and {_OF_IDS} and {_STANDS}", tx.tenant, list(patient_ids)
    )
    return await _rows(tx, rows)


async def names(
    tx: Transaction,
    patient_ids: Sequence[UUID] | None,
    listing: Listing | None = None,
    *,
    limit: int,
    with_birth_date: bool = False,
) -> list[PersonName]:
    """
    Return the names of at most `limit` patients that the filter selects: of these ids, or of all when None.

    Nothing else of them is decrypted, so ten thousand can be searched.
    """
    where, args = ("true", []) if listing is None else listing.where(4)
    rows = await tx.fetch(
        f"""
        select p.id, p.given_name_ct, p.family_name_ct, p.birth_date_ct
        from patient p
        where p.organisation_id = $1 and {"$2::uuid[] is null" if patient_ids is None else _OF_IDS} and {_STANDS}
          and {where}
        limit $3
        """,  # noqa: S608 - made of constants of this module and the listing's
        tx.tenant,
        None if patient_ids is None else list(patient_ids),
        limit,
        *args,
    )
    found: list[PersonName] = []
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        keys = await tx.keys.subjects(tx, [row["id"] for row in some])
        found += [_name(row, keys[row["id"]], with_birth_date=with_birth_date) for row in some if row["id"] in keys]
        if len(rows) > _AT_ONCE:
            # Thousands of names take a tenth of a second to read: others get their turn in between.
            await asyncio.sleep(0)
    return found


async def among(tx: Transaction, patient_ids: Sequence[UUID], listing: Listing) -> set[UUID]:
    """Return those of at most some thousands of patients whom the filter selects."""
    where, args = listing.where(3)
    rows = await tx.fetch(
        f"""
        select p.id
        from patient p
        where p.organisation_id = $1 and {_OF_IDS} and {_STANDS} and {where}
        """,  # noqa: S608 - made of constants of this module and the listing's
        tx.tenant,
        list(patient_ids),
        *args,
    )
    return {row["id"] for row in rows}


async def in_order(tx: Transaction, patient_ids: Sequence[UUID], listing: Listing) -> list[UUID]:
    """Return those of at most some thousands of patients who exist, in the order that was asked for."""
    order: SqlText = ", ".join([key.sql for key in listing.order.keys])
    rows = await tx.fetch(
        f"select p.id from patient p where p.organisation_id = $1 and {_OF_IDS} and {_STANDS} order by {order}",  # noqa: S608 - made of constants of this module and the listing's
        tx.tenant,
        list(patient_ids),
    )
    return [row["id"] for row in rows]


async def ids_of_filter(tx: Transaction, listing: Listing, *, after: UUID | None, limit: int) -> list[UUID]:
    """Return up to `limit` ids that a filter selects, in id order after `after`; for acts on many."""
    where, args = listing.where(4)
    rows = await tx.fetch(
        f"""
        select p.id
        from patient p
        where p.organisation_id = $1 and ($2::uuid is null or p.id > $2) and {_STANDS} and {where}
        order by p.id
        limit $3
        """,  # noqa: S608 - made of constants of this module and the listing's
        tx.tenant,
        after,
        limit,
        *args,
    )
    return [row["id"] for row in rows]


async def time_zones(tx: Transaction, patient_ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return status and time zone of the patients of these ids that exist."""
    rows = await tx.fetch(
        f"""
        select p.id, p.status, p.time_zone
        from patient p
        where p.organisation_id = $1 and {_OF_IDS} and {_STANDS}
        """,  # noqa: S608 - made of constants of this module
        tx.tenant,
        patient_ids,
    )
    return {row["id"]: (row["status"], row["time_zone"]) for row in rows}


def patient_of(row: Record, key: SubjectKey) -> Patient:
    """Return the patient of a row of FULL."""
    patient_id = PatientId(row["id"])

    def plain(column: str) -> str | None:
        return key.decrypt_text(row[f"{column}_ct"], table=TABLE, column=column, row_id=patient_id)

    address = plain("address")
    demographics = Demographics(
        given_name=plain("given_name") or "",
        family_name=plain("family_name") or "",
        birth_date=date.fromisoformat(plain("birth_date") or ""),
        sex=msgspec.convert(plain("sex"), Sex),
        email=plain("email"),
        phone=plain("phone"),
        address=None if address is None else msgspec.json.decode(address, type=Address),
        language=plain("language"),
        identifiers=tuple(
            Identifier(
                system=system,
                value=key.decrypt(
                    table=IDENTIFIER_TABLE, column=f"value/{position}", row_id=patient_id, ciphertext=value_ct
                ).decode(),
            )
            # All three are null where there is no identifier.
            for position, system, value_ct in zip(
                row["positions"] or (), row["systems"] or (), row["values_ct"] or (), strict=True
            )
        ),
        time_zone=row["time_zone"],
    )
    return Patient(
        id=patient_id,
        status=row["status"],
        demographics=demographics,
        revision=row["revision"],
        created_at=row["created_at"],
        created_by=AccountId(row["created_by"]),
        updated_at=row["updated_at"],
    )


async def _rows(tx: Transaction, rows: Sequence[Record]) -> list[PatientRow]:
    keys = await tx.keys.subjects(tx, [row["id"] for row in rows])
    return [_row(row, keys[row["id"]]) for row in rows if row["id"] in keys]


def _name(row: Record, key: SubjectKey, *, with_birth_date: bool) -> PersonName:
    id_, given_ct, family_ct, birth_ct = row
    given = key.decrypt_text(given_ct, table=TABLE, column="given_name", row_id=id_)
    family = key.decrypt_text(family_ct, table=TABLE, column="family_name", row_id=id_)
    birth = key.decrypt_text(birth_ct, table=TABLE, column="birth_date", row_id=id_) if with_birth_date else None
    return PersonName(
        id=id_,
        given_name=given or "",
        family_name=family or "",
        birth_date=None if birth is None else date.fromisoformat(birth),
    )


def _row(row: Record, key: SubjectKey) -> PatientRow:
    patient_id = PatientId(row["id"])

    def plain(column: str) -> str:
        return key.decrypt_text(row[f"{column}_ct"], table=TABLE, column=column, row_id=patient_id) or ""

    return PatientRow(
        id=patient_id,
        status=row["status"],
        given_name=plain("given_name"),
        family_name=plain("family_name"),
        birth_date=date.fromisoformat(plain("birth_date")),
        sex=msgspec.convert(plain("sex"), Sex),
        time_zone=row["time_zone"],
        revision=row["revision"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
