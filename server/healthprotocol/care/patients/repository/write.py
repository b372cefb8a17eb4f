"""Patients into SQL, many in as many statements as one; all that says who they are as ciphertext."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from healthprotocol.care.patients.model import (
    Demographics,
    Identifier,
    Patient,
    PatientId,
)
from healthprotocol.care.patients.repository.finders import IDENTIFIER_TABLE, TABLE, name_birth
from healthprotocol.foundation.crypto import blind_index
from healthprotocol.foundation.crypto.data_keys import SubjectKey
from healthprotocol.foundation.crypto.fields import Padding
from healthprotocol.foundation.db.transaction import Transaction


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


async def _indexes(tx: Transaction, d: Demographics) -> tuple[bytes | None, bytes | None, bytes]:
    emails = await tx.keys.index(tx, TABLE, "email", "exact")
    phones = await tx.keys.index(tx, TABLE, "phone", "exact")
    names = await tx.keys.index(tx, TABLE, "name_birth", "compound", size=blind_index.COMPOUND_BYTES)
    return (
        emails.of(blind_index.email(d.email)) if d.email else None,
        phones.of(blind_index.phone(d.phone)) if d.phone else None,
        names.of(name_birth(blind_index.folded(d.family_name), d.birth_date)),
    )


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
