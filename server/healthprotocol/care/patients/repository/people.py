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
from healthprotocol.care.patients.repository.finders import IDENTIFIER_TABLE, TABLE, name_birth
from healthprotocol.foundation.crypto import blind_index
from healthprotocol.foundation.crypto.data_keys import SubjectKey
from healthprotocol.foundation.crypto.fields import Padding
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


async def insert(tx: Transaction, people: Sequence[tuple[Patient, SubjectKey]]) -> dict[UUID, list[int]]:
    """Insert patients in two statements; return by id the positions of the identifiers that another patient has."""
    rows = [
        (
            patient.id,
            patient.status,
            *_cells(patient.id, patient.demographics, key),
            *await _indexes(tx, patient.demographics),
            patient.demographics.time_zone,
            patient.revision,
            patient.created_at,
            patient.created_by,
            patient.updated_at,
        )
        for patient, key in people
    ]
    await tx.execute(
        """
        insert into patient (
          organisation_id, id, status, given_name_ct, family_name_ct, birth_date_ct, sex_ct, email_ct, phone_ct,
          address_ct, language_ct, email_bidx, phone_bidx, name_birth_bidx, time_zone, revision, created_at,
          created_by, updated_at
        )
        select $1, id, status, given_name_ct, family_name_ct, birth_date_ct, sex_ct, email_ct, phone_ct, address_ct,
          language_ct, email_bidx, phone_bidx, name_birth_bidx, time_zone, revision, created_at, created_by, updated_at
        from unnest(
          $2::uuid[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[],
          $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[], $14::bytea[], $15::text[], $16::int[],
          $17::timestamptz[], $18::uuid[], $19::timestamptz[]
        ) as p (
          id, status, given_name_ct, family_name_ct, birth_date_ct, sex_ct, email_ct, phone_ct, address_ct, language_ct,
          email_bidx, phone_bidx, name_birth_bidx, time_zone, revision, created_at, created_by, updated_at
        )
        """,
        tx.tenant,
        *zip(*rows, strict=True),
    )
    claims = [(patient.id, patient.demographics.identifiers, key) for patient, key in people]
    return await _insert_identifiers(tx, claims)


async def taken_identifiers(
    tx: Transaction, people: Sequence[Sequence[Identifier]], *, owners: Sequence[UUID] = ()
) -> dict[int, list[int]]:
    """
    Return which identifiers another patient has already, by place in `people`: their positions.

    `owners` are these people themselves, where they are patients: what is theirs is not taken.
    """
    indexer = await tx.keys.index(tx, IDENTIFIER_TABLE, "value", "exact")
    sought = [[indexer.of(blind_index.identifier(one.system, one.value)) for one in own] for own in people]
    rows = await tx.fetch(
        """
        select patient_id, value_bidx
        from patient_identifier
        where organisation_id = $1 and value_bidx = any($2::bytea[])
        """,
        tx.tenant,
        [value for own in sought for value in own],
    )
    taken: dict[bytes, object] = {row["value_bidx"]: row["patient_id"] for row in rows}
    found: dict[int, list[int]] = {}
    for place, own in enumerate(sought):
        owner = owners[place] if owners else place
        # The first of a batch to name one has it; who names it after her is too late.
        positions = [position for position, value in enumerate(own) if taken.setdefault(value, owner) != owner]
        if positions:
            found[place] = positions
    return found


async def save(tx: Transaction, people: Sequence[tuple[Patient, SubjectKey]]) -> dict[UUID, list[int]]:
    """
    Write changed patients in three statements.

    Returns by id the positions of the identifiers that another patient has.
    """
    rows = [
        (
            patient.id,
            patient.status,
            *_cells(patient.id, patient.demographics, key),
            *await _indexes(tx, patient.demographics),
            patient.demographics.time_zone,
            patient.revision,
            patient.updated_at,
        )
        for patient, key in people
    ]
    await tx.execute(
        """
        update patient p
        set status = new.status, given_name_ct = new.given_name_ct, family_name_ct = new.family_name_ct,
          birth_date_ct = new.birth_date_ct, sex_ct = new.sex_ct, email_ct = new.email_ct, phone_ct = new.phone_ct,
          address_ct = new.address_ct, language_ct = new.language_ct, email_bidx = new.email_bidx,
          phone_bidx = new.phone_bidx, name_birth_bidx = new.name_birth_bidx, time_zone = new.time_zone,
          revision = new.revision, updated_at = new.updated_at
        from unnest(
          $2::uuid[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[],
          $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[], $14::bytea[], $15::text[], $16::int[],
          $17::timestamptz[]
        ) as new (
          id, status, given_name_ct, family_name_ct, birth_date_ct, sex_ct, email_ct, phone_ct, address_ct, language_ct,
          email_bidx, phone_bidx, name_birth_bidx, time_zone, revision, updated_at
        )
        where p.organisation_id = $1 and p.id = new.id
        """,
        tx.tenant,
        *zip(*rows, strict=True),
    )
    await tx.execute(
        "delete from patient_identifier where organisation_id = $1 and patient_id = any($2::uuid[])",
        tx.tenant,
        [patient.id for patient, _ in people],
    )
    return await _insert_identifiers(
        tx, [(patient.id, patient.demographics.identifiers, key) for patient, key in people]
    )


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


async def _indexes(tx: Transaction, d: Demographics) -> tuple[bytes | None, bytes | None, bytes]:
    emails = await tx.keys.index(tx, TABLE, "email", "exact")
    phones = await tx.keys.index(tx, TABLE, "phone", "exact")
    names = await tx.keys.index(tx, TABLE, "name_birth", "compound", size=blind_index.COMPOUND_BYTES)
    return (
        emails.of(blind_index.email(d.email)) if d.email else None,
        phones.of(blind_index.phone(d.phone)) if d.phone else None,
        names.of(name_birth(blind_index.folded(d.family_name), d.birth_date)),
    )


async def _insert_identifiers(
    tx: Transaction, claims: Sequence[tuple[PatientId, Sequence[Identifier], SubjectKey]]
) -> dict[UUID, list[int]]:
    """Insert all in one statement; return by patient the positions of those that another patient has."""
    indexer = await tx.keys.index(tx, IDENTIFIER_TABLE, "value", "exact")
    rows = [
        (
            patient_id,
            position,
            one.system,
            key.encrypt(
                table=IDENTIFIER_TABLE,
                column=f"value/{position}",
                row_id=patient_id,
                plaintext=one.value.encode(),
                pad=Padding.NAME,
            ),
            indexer.of(blind_index.identifier(one.system, one.value)),
        )
        for patient_id, identifiers, key in claims
        for position, one in enumerate(identifiers)
    ]
    if not rows:
        return {}
    # In order of the index, so that two who claim the same identifiers wait for each other and never both.
    inserted = await tx.fetch(
        """
        insert into patient_identifier (organisation_id, patient_id, position, system, value_ct, value_bidx)
        select $1, w.patient_id, w.position, w.system, w.value_ct, w.value_bidx
        from unnest($2::uuid[], $3::int[], $4::text[], $5::bytea[], $6::bytea[])
          as w (patient_id, position, system, value_ct, value_bidx)
        order by w.value_bidx
        on conflict (organisation_id, value_bidx) do nothing
        returning patient_id, position
        """,
        tx.tenant,
        *zip(*rows, strict=True),
    )
    kept = {(row["patient_id"], row["position"]) for row in inserted}
    taken: dict[UUID, list[int]] = {}
    for patient_id, position, *_ in rows:
        if (patient_id, position) not in kept:
            taken.setdefault(patient_id, []).append(position)
    return taken


def _cells(patient_id: PatientId, d: Demographics, key: SubjectKey) -> tuple[bytes | None, ...]:
    """Ciphertext of given name, family name, birth date, sex, e-mail, phone, address, language, in this order."""

    def cell(column: str, value: str | None, pad: Padding) -> bytes | None:
        return key.encrypt_text(value, table=TABLE, column=column, row_id=patient_id, pad=pad)

    address = None if d.address is None else msgspec.json.encode(d.address).decode()
    return (
        cell("given_name", d.given_name, Padding.NAME),
        cell("family_name", d.family_name, Padding.NAME),
        cell("birth_date", d.birth_date.isoformat(), Padding.CODE),
        cell("sex", d.sex, Padding.CODE),
        cell("email", d.email, Padding.NAME),
        cell("phone", d.phone, Padding.NAME),
        cell("address", address, Padding.TEXT),
        cell("language", d.language, Padding.CODE),
    )


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
    def plain(column: str) -> str:
        return key.decrypt_text(row[f"{column}_ct"], table=TABLE, column=column, row_id=row["id"]) or ""

    return PersonName(
        id=row["id"],
        given_name=plain("given_name"),
        family_name=plain("family_name"),
        birth_date=date.fromisoformat(plain("birth_date")) if with_birth_date else None,
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
