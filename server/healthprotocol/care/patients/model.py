"""The patient: who a plan is for. Pure values."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Literal, NewType
from uuid import UUID

import msgspec
from msgspec import Meta

from healthprotocol.foundation.ids import AccountId

PatientId = NewType("PatientId", UUID)

Sex = Literal["male", "female", "other", "unknown"]
PatientStatus = Literal["active", "archived"]

NamePart = Annotated[str, Meta(min_length=1, max_length=100)]
Line = Annotated[str, Meta(max_length=200)]


class Identifier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record number and the namespace it is unique in (FHIR Identifier)."""

    system: Annotated[str, Meta(min_length=1, max_length=200)]
    value: Annotated[str, Meta(min_length=1, max_length=100)]


class Address(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A postal address; `text` is the whole of it as one would write it on a letter."""

    text: Annotated[str, Meta(max_length=500)] | None = None
    lines: Annotated[tuple[Line, ...], Meta(max_length=5)] = ()
    city: Line | None = None
    postal_code: Annotated[str, Meta(max_length=20)] | None = None
    state: Line | None = None
    country: Line | None = None


class Demographics(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies and reaches a person. `email` and `phone` are in their compared form (E.164)."""

    given_name: str
    family_name: str
    birth_date: date
    sex: Sex = "unknown"
    email: str | None = None
    phone: str | None = None
    address: Address | None = None
    language: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    time_zone: str = "UTC"


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """A person in an organisation. `revision` grows with every change."""

    id: PatientId
    status: PatientStatus
    demographics: Demographics
    revision: int
    created_at: datetime
    created_by: AccountId
    updated_at: datetime


class Amendment(msgspec.Struct, frozen=True):
    """What `change` makes of a patient's demographics takes their place; `status` None keeps hers."""

    patient_id: PatientId
    change: Callable[[Demographics], Demographics]
    status: PatientStatus | None = None


class Erased(msgspec.Struct, frozen=True):
    """Who was erased, and when."""

    patient_id: PatientId
    erased_at: datetime


class PatientRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of a patient."""

    id: PatientId
    status: PatientStatus
    given_name: str
    family_name: str
    birth_date: date
    sex: Sex
    time_zone: str
    revision: int
    created_at: datetime
    updated_at: datetime


class PersonName(msgspec.Struct, frozen=True, kw_only=True):
    """What a patient is found by and called; `birth_date` is None where it was not asked for."""

    id: PatientId
    given_name: str
    family_name: str
    birth_date: date | None

    @property
    def full(self) -> str:
        """The name as it is read out."""
        return f"{self.given_name} {self.family_name}"


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """
    Everybody of an organisation as people are found by part of a name, side by side, in the order of a list of people.

    `words` are the names in compared form, each word behind a space. `births` are compared birth dates, none where
    they were not asked for.
    """

    ids: tuple[UUID, ...]
    words: tuple[str, ...]
    births: tuple[str, ...]


class PatientCreated(msgspec.Struct, frozen=True):
    """A patient was enrolled."""

    patient_id: PatientId


class PatientErased(msgspec.Struct, frozen=True):
    """
    A patient is being erased: whoever keeps something of her lets go of it in this transaction.

    Her key still stands while this is told, and is destroyed right after.
    """

    patient_id: PatientId


class PatientArchived(msgspec.Struct, frozen=True):
    """A patient was archived: nothing new may begin for her."""

    patient_id: PatientId
