"""The patients of the data set, with keys of their own: what their rows hold is what the product would have written."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from asyncpg.pgproto.pgproto import UUID as FastUUID

from healthprotocol.foundation.crypto import blind_index
from healthprotocol.foundation.crypto.blind_index import Indexer
from healthprotocol.foundation.crypto.data_keys import SubjectKey
from healthprotocol.foundation.crypto.fields import Padding
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.ids import new_id
from population.clinics import Clinic
from population.plans import ZONES
from population.rows import Rows

SYSTEM = "urn:oid:2.16.840.1.113883.19.5"
RIVERS = (
    "Aare", "Allier", "Arno", "Asker", "Avon", "Bode", "Danube", "Dee", "Derwent", "Dordogne", "Douro", "Drava", "Ebro",
    "Eder", "Elbe", "Ems", "Enns", "Fulda", "Garonne", "Havel", "Inn", "Isar", "Kama", "Lahn", "Lech", "Loire", "Main",
    "Marne", "Meuse", "Mosel", "Neckar", "Neisse", "Oder", "Oise", "Oka", "Po", "Regen", "Rhine", "Rhone", "Ruhr",
    "Saale", "Saar", "Save", "Scheldt", "Seine", "Severn", "Shannon", "Spree", "Tagus", "Tay", "Thames", "Tiber",
    "Tisza", "Trent", "Tweed", "Unstrut", "Volga", "Weser", "Yonne", "Zala",
)  # fmt: skip
ENDINGS = ("", "er", "mann", "sen", "s", "in", "ova", "ez", "ton", "field")
GIVEN = (
    "Ada", "Alma", "Anna", "Bela", "Carl", "Clara", "Dora", "Edith", "Emil", "Eva", "Finn", "Greta", "Hanna", "Ida",
    "Ivo", "Jana", "Jon", "Karim", "Lea", "Lina", "Luis", "Mara", "Mia", "Nils", "Nora", "Olga", "Omar", "Paul", "Rosa",
    "Ruth", "Sara", "Sven", "Tara", "Theo", "Tom", "Uma", "Vera", "Wim", "Yara", "Zoe",
)  # fmt: skip


class Person(NamedTuple):
    """A patient with what her history is written with."""

    id: UUID
    key: SubjectKey
    time_zone: str
    created_at: datetime


class Desk:
    """
    What the key ring asks of a transaction, over a connection that sees all tenants.

    What it would execute is kept: the rows are written with all others.
    """

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", tenant: UUID, now: datetime) -> None:
        self.tenant = tenant
        self.now = now
        self.executed: list[tuple[Any, ...]] = []
        self._connection = connection

    def new_id(self) -> UUID:
        """Return a fresh id."""
        return new_id(self.now)

    async def fetch(self, sql: str, *args: object) -> Sequence[Any]:
        """Return all rows."""
        return await self._connection.fetch(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """Return the first value."""
        return await self._connection.fetchval(sql, *args)

    async def execute(self, _: str, *args: object) -> str:
        """Keep what would have been written."""
        self.executed.append(args)
        return "INSERT 0 1"

    def after_commit(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Nothing is committed here."""


class Indexes(NamedTuple):
    """The blind indexes of patients in one organisation."""

    email: Indexer
    phone: Indexer
    name_birth: Indexer
    identifier: Indexer


async def indexes_of(keys: KeyRing, desk: Desk) -> Indexes:
    """Return those of the desk's organisation."""
    return Indexes(
        await keys.index(desk, "patient", "email", "exact"),
        await keys.index(desk, "patient", "phone", "exact"),
        await keys.index(desk, "patient", "name_birth", "compound", size=blind_index.COMPOUND_BYTES),
        await keys.index(desk, "patient_identifier", "value", "exact"),
    )


async def enrol(
    rows: Rows, keys: KeyRing, desk: Desk, clinic: Clinic, numbers: range, *, rng: Random, by: UUID
) -> list[Person]:
    """Write the patients of these numbers with their keys and identifiers."""
    born = [
        (FastUUID(_id_bytes(rng, created_at)), created_at)
        for created_at in (desk.now - timedelta(days=130, minutes=rng.randrange(400_000)) for _ in numbers)
    ]
    made = await keys.create_subjects(desk, [patient_id for patient_id, _ in born])
    tenant, now, *columns = desk.executed.pop()
    for subject_id, version, key_id, wrapped, wrapping_version in zip(*columns, strict=True):
        rows.add("subject_key", tenant, subject_id, version, key_id, wrapped, wrapping_version, "active", now)
    indexes = await indexes_of(keys, desk)
    people = [
        Person(patient_id, made[patient_id], ZONES[0] if rng.random() < 0.8 else ZONES[1], created_at)
        for patient_id, created_at in born
    ]
    for number, person in zip(numbers, people, strict=True):
        _write(rows, clinic, person, indexes, number=number, rng=rng, by=by)
    return people


def _write(rows: Rows, clinic: Clinic, person: Person, indexes: Indexes, *, number: int, rng: Random, by: UUID) -> None:
    key, patient_id = person.key, person.id
    given, family = rng.choice(GIVEN), rng.choice(RIVERS) + rng.choice(ENDINGS)
    birth_date = date(1930, 1, 1) + timedelta(days=rng.randrange(32_000))
    email = f"{given}.{family}.{number}@river.example".lower()
    phone = f"+4930{10_000_000 + number}"

    def cell(column: str, value: str, pad: Padding) -> bytes | None:
        return key.encrypt_text(value, table="patient", column=column, row_id=patient_id, pad=pad)

    rows.add(
        "patient", clinic.organisation_id, patient_id, "archived" if rng.random() < 0.03 else "active",
        cell("given_name", given, Padding.NAME), cell("family_name", family, Padding.NAME),
        cell("birth_date", birth_date.isoformat(), Padding.CODE),
        cell("sex", "female" if rng.random() < 0.5 else "male", Padding.CODE),
        cell("email", email, Padding.NAME), cell("phone", phone, Padding.NAME), None,
        cell("language", "en", Padding.CODE), indexes.email.of(email), indexes.phone.of(phone),
        indexes.name_birth.of(blind_index.compound(family.casefold(), birth_date.isoformat())),
        person.time_zone, person.created_at, by, person.created_at,
    )  # fmt: skip
    record = f"MRN{number:08}"
    rows.add(
        "patient_identifier", clinic.organisation_id, patient_id, 0, SYSTEM,
        key.encrypt(table="patient_identifier", column="value/0", row_id=patient_id, plaintext=record.encode(),
                    pad=Padding.NAME),
        indexes.identifier.of(blind_index.identifier(SYSTEM, record)),
    )  # fmt: skip


def _id_bytes(rng: Random, at: datetime) -> bytes:
    milliseconds = int(at.timestamp() * 1000)
    high = milliseconds << 16 | 0x7000 | rng.getrandbits(12)
    return (high << 64 | 1 << 63 | rng.getrandbits(62)).to_bytes(16, "big")
