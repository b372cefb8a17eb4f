"""Patients in SQL, and their fields into and out of ciphertext. Opened by this slice's service only."""

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

import msgspec

from healthprotocol.care.patients.model import Address, Demographics, Identifier, Patient, PatientId, PatientRow, Sex
from healthprotocol.foundation.crypto import blind_index
from healthprotocol.foundation.crypto.data_keys import SubjectKey
from healthprotocol.foundation.crypto.fields import Padding
from healthprotocol.foundation.db.listing import Listing, ListingSpec, choice, text, timestamp
from healthprotocol.foundation.db.listing import uuid as uuid_field
from healthprotocol.foundation.db.transaction import Record, Transaction
from healthprotocol.foundation.ids import AccountId

_TABLE = "patient"
_IDENTIFIER_TABLE = "patient_identifier"

PATIENTS = ListingSpec(
    name="patients",
    fields={
        "id": uuid_field("p.id", sortable=True),
        "status": choice("p.status", ("active", "archived")),
        "time_zone": text("p.time_zone"),
        "created_at": timestamp("p.created_at", sortable=True),
        "updated_at": timestamp("p.updated_at", sortable=True),
    },
    default_order="created_at desc",
)

_ROW = """
select p.id, p.status, p.given_name_ct, p.family_name_ct, p.birth_date_ct, p.sex_ct, p.time_zone, p.revision,
  p.created_at, p.updated_at
from patient p
"""


async def insert(tx: Transaction, patient: Patient, key: SubjectKey) -> bool:
    """Insert a patient; False when one of the identifiers is another's."""
    d = patient.demographics
    cells = _cells(patient.id, d, key)
    indexes = await _indexes(tx, d)
    await tx.execute(
        """
        insert into patient (
          organisation_id, id, status, given_name_ct, family_name_ct, birth_date_ct, sex_ct, email_ct, phone_ct,
          address_ct, language_ct, email_bidx, phone_bidx, name_birth_bidx, time_zone, revision, created_at,
          created_by, updated_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
        """,
        tx.tenant,
        patient.id,
        patient.status,
        *cells,
        *indexes,
        d.time_zone,
        patient.revision,
        patient.created_at,
        patient.created_by,
        patient.updated_at,
    )
    return await _insert_identifiers(tx, patient.id, d.identifiers, key)


async def save(tx: Transaction, patient: Patient, key: SubjectKey) -> bool:
    """Write a changed patient; False when one of the identifiers is another's."""
    d = patient.demographics
    await tx.execute(
        """
        update patient
        set status = $3, given_name_ct = $4, family_name_ct = $5, birth_date_ct = $6, sex_ct = $7, email_ct = $8,
          phone_ct = $9, address_ct = $10, language_ct = $11, email_bidx = $12, phone_bidx = $13,
          name_birth_bidx = $14, time_zone = $15, revision = $16, updated_at = $17
        where organisation_id = $1 and id = $2
        """,
        tx.tenant,
        patient.id,
        patient.status,
        *_cells(patient.id, d, key),
        *await _indexes(tx, d),
        d.time_zone,
        patient.revision,
        patient.updated_at,
    )
    await tx.execute(
        "delete from patient_identifier where organisation_id = $1 and patient_id = $2", tx.tenant, patient.id
    )
    return await _insert_identifiers(tx, patient.id, d.identifiers, key)


async def get(tx: Transaction, patient_id: PatientId, *, for_update: bool = False) -> Patient | None:
    """Return a patient, None when there is none in this organisation."""
    row = await tx.fetchrow(
        f"""
        select p.id, p.status, p.given_name_ct, p.family_name_ct, p.birth_date_ct, p.sex_ct, p.email_ct, p.phone_ct,
          p.address_ct, p.language_ct, p.time_zone, p.revision, p.created_at, p.created_by, p.updated_at
        from patient p
        where p.organisation_id = $1 and p.id = $2
        {"for update" if for_update else ""}
        """,
        tx.tenant,
        patient_id,
    )
    if row is None:
        return None
    key = await tx.keys.subject(tx, patient_id)
    identifiers = await tx.fetch(
        """
        select position, system, value_ct
        from patient_identifier
        where organisation_id = $1 and patient_id = $2
        order by position
        """,
        tx.tenant,
        patient_id,
    )
    return _patient(row, identifiers, key)


async def page(tx: Transaction, listing: Listing) -> tuple[list[PatientRow], str | None]:
    """Return one page of the list and the token of the next."""
    sql, args = listing.sql(_ROW, "p.organisation_id = $1", 2)
    rows, token = listing.page(await tx.fetch(sql, tx.tenant, *args))
    return await _rows(tx, rows), token


async def all_rows(tx: Transaction, listing: Listing, *, limit: int) -> list[PatientRow] | None:
    """Return every patient that the filter selects, None when there are more than `limit`."""
    where, args = listing.where(3)
    rows = await tx.fetch(f"{_ROW} where p.organisation_id = $1 and {where} limit $2", tx.tenant, limit + 1, *args)
    return None if len(rows) > limit else await _rows(tx, rows)


async def rows_of(tx: Transaction, patient_ids: Sequence[UUID]) -> list[PatientRow]:
    """Return the patients of these ids that exist, in no order."""
    rows = await tx.fetch(f"{_ROW} where p.organisation_id = $1 and p.id = any($2::uuid[])", tx.tenant, patient_ids)
    return await _rows(tx, rows)


async def find_by_email(tx: Transaction, email: str) -> list[UUID]:
    """Return the ids of at most 200 patients with exactly this e-mail."""
    index = (await tx.keys.index(tx, _TABLE, "email", "exact")).of(blind_index.email(email))
    return await _find(tx, "email_bidx", index)


async def find_by_phone(tx: Transaction, phone: str) -> list[UUID]:
    """Return the ids of at most 200 patients with exactly this phone number."""
    index = (await tx.keys.index(tx, _TABLE, "phone", "exact")).of(blind_index.phone(phone))
    return await _find(tx, "phone_bidx", index)


async def find_by_name_birth(tx: Transaction, family_name: str, birth_date: date) -> list[UUID]:
    """Return the ids of at most 200 patients with this surname (in compared form) and birth date."""
    indexer = await tx.keys.index(tx, _TABLE, "name_birth", "compound", size=blind_index.COMPOUND_BYTES)
    return await _find(tx, "name_birth_bidx", indexer.of(_name_birth(family_name, birth_date)))


async def find_by_identifier(tx: Transaction, value: str, *, system: str | None = None) -> list[UUID]:
    """Return the ids of patients with this record number, of one system or of any that occurs here (at most 100)."""
    systems = [system] if system is not None else await _systems(tx)
    indexer = await tx.keys.index(tx, _IDENTIFIER_TABLE, "value", "exact")
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


async def ids_of_filter(tx: Transaction, listing: Listing, *, after: UUID | None, limit: int) -> list[UUID]:
    """Return up to `limit` ids that a filter selects, in id order after `after`; for acts on many."""
    where, args = listing.where(4)
    rows = await tx.fetch(
        f"""
        select p.id
        from patient p
        where p.organisation_id = $1 and ($2::uuid is null or p.id > $2) and {where}
        order by p.id
        limit $3
        """,
        tx.tenant,
        after,
        limit,
        *args,
    )
    return [row["id"] for row in rows]


async def time_zones(tx: Transaction, patient_ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return status and time zone of the patients of these ids that exist."""
    rows = await tx.fetch(
        "select p.id, p.status, p.time_zone from patient p where p.organisation_id = $1 and p.id = any($2::uuid[])",
        tx.tenant,
        patient_ids,
    )
    return {row["id"]: (row["status"], row["time_zone"]) for row in rows}


async def _systems(tx: Transaction) -> list[str]:
    rows = await tx.fetch(
        "select distinct system from patient_identifier where organisation_id = $1 limit 100", tx.tenant
    )
    return [row["system"] for row in rows]


async def _find(tx: Transaction, column: str, index: bytes) -> list[UUID]:
    rows = await tx.fetch(
        f"select p.id from patient p where p.organisation_id = $1 and p.{column} = $2 limit 200", tx.tenant, index
    )
    return [row["id"] for row in rows]


async def _indexes(tx: Transaction, d: Demographics) -> tuple[bytes | None, bytes | None, bytes]:
    emails = await tx.keys.index(tx, _TABLE, "email", "exact")
    phones = await tx.keys.index(tx, _TABLE, "phone", "exact")
    names = await tx.keys.index(tx, _TABLE, "name_birth", "compound", size=blind_index.COMPOUND_BYTES)
    return (
        emails.of(blind_index.email(d.email)) if d.email else None,
        phones.of(blind_index.phone(d.phone)) if d.phone else None,
        names.of(_name_birth(blind_index.folded(d.family_name), d.birth_date)),
    )


def _name_birth(folded_family_name: str, birth_date: date) -> str:
    return blind_index.compound(folded_family_name, blind_index.day(birth_date))


async def _insert_identifiers(
    tx: Transaction, patient_id: PatientId, identifiers: Iterable[Identifier], key: SubjectKey
) -> bool:
    indexer = await tx.keys.index(tx, _IDENTIFIER_TABLE, "value", "exact")
    for position, identifier in enumerate(identifiers):
        inserted = await tx.fetchval(
            """
            insert into patient_identifier (organisation_id, patient_id, position, system, value_ct, value_bidx)
            values ($1, $2, $3, $4, $5, $6)
            on conflict (organisation_id, value_bidx) do nothing
            returning true
            """,
            tx.tenant,
            patient_id,
            position,
            identifier.system,
            key.encrypt(
                table=_IDENTIFIER_TABLE,
                column=f"value/{position}",
                row_id=patient_id,
                plaintext=identifier.value.encode(),
                pad=Padding.NAME,
            ),
            indexer.of(blind_index.identifier(identifier.system, identifier.value)),
        )
        if not inserted:
            return False
    return True


def _cells(patient_id: PatientId, d: Demographics, key: SubjectKey) -> tuple[bytes | None, ...]:
    """Ciphertext of given name, family name, birth date, sex, e-mail, phone, address, language, in this order."""

    def cell(column: str, value: str | None, pad: Padding) -> bytes | None:
        return key.encrypt_text(value, table=_TABLE, column=column, row_id=patient_id, pad=pad)

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


def _patient(row: Record, identifiers: Sequence[Record], key: SubjectKey) -> Patient:
    patient_id = PatientId(row["id"])

    def plain(column: str) -> str | None:
        return key.decrypt_text(row[f"{column}_ct"], table=_TABLE, column=column, row_id=patient_id)

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
                system=found["system"],
                value=key.decrypt(
                    table=_IDENTIFIER_TABLE,
                    column=f"value/{found['position']}",
                    row_id=patient_id,
                    ciphertext=found["value_ct"],
                ).decode(),
            )
            for found in identifiers
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


def _row(row: Record, key: SubjectKey) -> PatientRow:
    patient_id = PatientId(row["id"])

    def plain(column: str) -> str:
        return key.decrypt_text(row[f"{column}_ct"], table=_TABLE, column=column, row_id=patient_id) or ""

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
