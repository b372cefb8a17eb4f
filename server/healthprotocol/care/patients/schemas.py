"""The shapes of patients over HTTP."""

from datetime import date, datetime
from typing import Annotated, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from healthprotocol.api.body import Further
from healthprotocol.api.items import Revision, Tag
from healthprotocol.api.paging import ListQuery, Page
from healthprotocol.care.patients.model import (
    Address,
    Demographics,
    Erased,
    Identifier,
    NamePart,
    Patient,
    PatientRow,
    PatientStatus,
    Sex,
)
from healthprotocol.care.patients.rules import latest_day, settle

U = TypeVar("U", bound="UpdatePatient")

AddressIn = Address | Annotated[str, Meta(max_length=500)]
Zone = Annotated[str, Meta(min_length=1, max_length=64)]
Language = Annotated[str, Meta(max_length=35)]
Contact = Annotated[str, Meta(max_length=254)]
Identifiers = Annotated[tuple[Identifier, ...], Meta(max_length=20)]


class CreatePatient(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A patient to enrol. Without `time_zone` the plan is computed in UTC."""

    given_name: NamePart
    family_name: NamePart
    birth_date: date
    sex: Sex | None = None
    email: Contact | None = None
    phone: Contact | None = None
    time_zone: Zone | None = None
    identifiers: Identifiers | None = None
    address: AddressIn | None = None
    language: Language | None = None

    def demographics(self) -> Demographics:
        """Return the values as the service takes them."""
        return Demographics(
            given_name=self.given_name,
            family_name=self.family_name,
            birth_date=self.birth_date,
            sex=self.sex or "unknown",
            email=self.email,
            phone=self.phone,
            address=_address(self.address),
            language=self.language,
            identifiers=self.identifiers or (),
            time_zone=self.time_zone or "UTC",
        )


class UpdatePatient(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What to change: fields that are absent stay; null empties an optional one. `status` active brings her back."""

    given_name: NamePart | UnsetType = UNSET
    family_name: NamePart | UnsetType = UNSET
    birth_date: date | UnsetType = UNSET
    sex: Sex | UnsetType | None = UNSET
    email: Contact | UnsetType | None = UNSET
    phone: Contact | UnsetType | None = UNSET
    time_zone: Zone | UnsetType = UNSET
    identifiers: Identifiers | UnsetType | None = UNSET
    address: AddressIn | UnsetType | None = UNSET
    language: Language | UnsetType | None = UNSET
    status: PatientStatus | UnsetType = UNSET

    def changed(self, before: Demographics) -> Demographics:
        """Return `before` with what was sent put in place."""
        sent = {name: value for name in Demographics.__struct_fields__ if (value := getattr(self, name)) is not UNSET}
        if "address" in sent:
            sent["address"] = _address(sent["address"])
        if "identifiers" in sent:
            sent["identifiers"] = sent["identifiers"] or ()
        if "sex" in sent:
            sent["sex"] = sent["sex"] or "unknown"
        return msgspec.structs.replace(before, **sent)

    def new_status(self) -> PatientStatus | None:
        """Return the status to set, None to keep it."""
        return None if isinstance(self.status, UnsetType) else self.status


class PatientUpdate(UpdatePatient, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """
    A patient of a bulk update, and what to change.

    `etag` is the one that was read (`r3`, with or without quotes), `revision` the number in it: give one of them.
    Without either whatever is there now is changed.
    """

    id: UUID
    revision: Revision | None = None
    etag: Tag | None = None


class PatientRef(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A patient of a bulk act. `etag` or `revision` as in a bulk update; without either it may be any."""

    id: UUID
    revision: Revision | None = None
    etag: Tag | None = None


def create_faults(now: datetime) -> Further[CreatePatient]:
    """Return what the rules say of a patient to enrol whose shape has faults."""
    return Further(
        lambda sent: settle(sent.demographics(), today=latest_day(now))[1],
        stand_ins={"given_name": "A", "family_name": "A", "birth_date": "2000-01-01"},
    )


def update_faults(now: datetime, kind: type[U]) -> Further[U]:
    """Return what the rules say of a change whose shape has faults: of what is in it, for it has not been read yet."""
    anybody = Demographics(given_name="A", family_name="A", birth_date=date(2000, 1, 1))
    stand_ins = {"id": str(UUID(int=0))} if kind is PatientUpdate else {}
    return Further(lambda sent: settle(sent.changed(anybody), today=latest_day(now))[1], stand_ins=stand_ins)


class PatientOut(msgspec.Struct, kw_only=True, frozen=True):
    """A patient in full."""

    id: UUID
    given_name: str
    family_name: str
    birth_date: date
    sex: Sex
    email: str | None
    phone: str | None
    time_zone: str
    identifiers: tuple[Identifier, ...]
    address: Address | None
    language: str | None
    status: PatientStatus
    created_at: datetime
    updated_at: datetime


class PatientListItem(msgspec.Struct, kw_only=True, frozen=True):
    """What a list shows of a patient."""

    id: UUID
    given_name: str
    family_name: str
    birth_date: date
    sex: Sex
    time_zone: str
    status: PatientStatus
    created_at: datetime
    updated_at: datetime


class PatientQuery(ListQuery, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """
    `q` finds by the beginnings of names, e-mail, phone, identifier, or surname with birth date.

    What it finds comes by name, unless `order_by` says otherwise. By name, of more than 10,000 patients the newest
    come first.
    """

    q: Annotated[str, Meta(max_length=200)] = ""


class ErasePatient(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Why; it is kept in the audit log."""

    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]


class ErasedOut(msgspec.Struct, kw_only=True, frozen=True):
    """The id leads to nobody any more."""

    id: UUID
    erased_at: datetime
    status: Literal["erased"] = "erased"


def erased(value: Erased) -> ErasedOut:
    """Return the shape of an erasure."""
    return ErasedOut(id=value.patient_id, erased_at=value.erased_at)


def patient(value: Patient) -> PatientOut:
    """Return the full shape."""
    d = value.demographics
    return PatientOut(
        id=value.id,
        given_name=d.given_name,
        family_name=d.family_name,
        birth_date=d.birth_date,
        sex=d.sex,
        email=d.email,
        phone=d.phone,
        time_zone=d.time_zone,
        identifiers=d.identifiers,
        address=d.address,
        language=d.language,
        status=value.status,
        created_at=value.created_at,
        updated_at=value.updated_at,
    )


def page(value: Page[PatientRow]) -> Page[PatientListItem]:
    """Return the shape of one page."""
    return value.of(msgspec.convert(row, PatientListItem, from_attributes=True) for row in value.items)


def _address(sent: Address | str | None) -> Address | None:
    return Address(text=sent) if isinstance(sent, str) else sent
