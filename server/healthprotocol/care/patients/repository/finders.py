"""What the list of patients is filtered and ordered by, and the blind indexes that find them."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from healthprotocol.care.patients.rules import NAMES_FORWARD
from healthprotocol.foundation.crypto import blind_index
from healthprotocol.foundation.db.listing import (
    Blind,
    Compound,
    Join,
    Kind,
    ListingSpec,
    choice,
    part,
    secret,
    text,
    timestamp,
)
from healthprotocol.foundation.db.listing import uuid as uuid_field

TABLE = "patient"
IDENTIFIER_TABLE = "patient_identifier"


def name_birth(folded_family_name: str, birth_date: date) -> str:
    """Return what surname and birth date are indexed by together; the surname is in its compared form."""
    return blind_index.compound(folded_family_name, blind_index.day(birth_date))


def _identifier(values: Sequence[Any]) -> str:
    system, bar, value = str(values[0]).rpartition("|")
    if not bar or not system.strip() or not value.strip():
        raise ValueError("an identifier is written as its system, a bar, and its value")
    return blind_index.identifier(system, value)


EMAIL = Blind(
    table=TABLE,
    column="email",
    index="exact",
    size_bytes=blind_index.UNIQUE_BYTES,
    normalise=lambda values: blind_index.email(values[0]),
    expected="a whole e-mail address",
)
PHONE = Blind(
    table=TABLE,
    column="phone",
    index="exact",
    size_bytes=blind_index.UNIQUE_BYTES,
    normalise=lambda values: blind_index.phone(values[0]),
    expected="a whole telephone number with its country code",
)
IDENTIFIER = Blind(
    table=IDENTIFIER_TABLE,
    column="value",
    index="exact",
    size_bytes=blind_index.UNIQUE_BYTES,
    normalise=_identifier,
    expected='an identifier with its system, such as "urn:example:mrn|A-17"',
)
NAME_BIRTH = Blind(
    table=TABLE,
    column="name_birth",
    index="compound",
    size_bytes=blind_index.COMPOUND_BYTES,
    normalise=lambda values: name_birth(blind_index.folded(values[0]), values[1]),
)

PATIENTS = ListingSpec(
    name="patients",
    fields={
        "id": uuid_field("p.id", sortable=True),
        "status": choice("p.status", ("active", "archived")),
        "time_zone": text("p.time_zone"),
        "email": secret("p.email_bidx", EMAIL, nullable=True),
        "phone": secret("p.phone_bidx", PHONE, nullable=True),
        "identifier": secret(
            "ji.value_bidx",
            IDENTIFIER,
            join=Join("patient_identifier ji where ji.organisation_id = p.organisation_id and ji.patient_id = p.id"),
        ),
        "family_name": part(Kind.TEXT, "name_birth"),
        "birth_date": part(Kind.DATE, "name_birth"),
        "created_at": timestamp("p.created_at", sortable=True),
        "updated_at": timestamp("p.updated_at", sortable=True),
    },
    default_order="created_at desc",
    further_orders=(NAMES_FORWARD,),
    compounds={
        "name_birth": Compound(parts=("family_name", "birth_date"), field=secret("p.name_birth_bidx", NAME_BIRTH))
    },
)
