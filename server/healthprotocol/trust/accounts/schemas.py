"""The wire shapes of sessions, accounts, tokens and organisations."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from healthprotocol.api.paging import Page
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.ids import AccountId
from healthprotocol.trust.accounts.model import Account, AccountChange, NewAccount, NewToken, Organisation, Token
from healthprotocol.trust.accounts.service.sign_in import Credentials
from healthprotocol.trust.permissions import rules as permissions

Email = Annotated[str, Meta(min_length=3, max_length=254)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
# Longer than a good password may be, so that what is wrong with it is said by the rules, once.
Password = Annotated[str, Meta(min_length=1, max_length=1024)]
StaffRole = Literal["admin", "clinician", "coordinator", "auditor"]
PersonRole = Literal["admin", "clinician", "coordinator", "auditor", "patient"]


class SignInRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`code` is the second factor, for accounts that have one."""

    email: Annotated[str, Meta(min_length=1, max_length=254)]
    password: Password
    code: Annotated[str, Meta(max_length=32)] | None = None

    def credentials(self) -> Credentials:
        return Credentials(email=self.email, password=self.password)


class SessionAccountOut(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in. `email` is null for a program; `patient_id` is there for a patient only."""

    id: UUID
    email: str | None
    name: str | None
    role: str
    organisation_id: UUID
    patient_id: UUID | UnsetType = UNSET


class SessionOut(msgspec.Struct, frozen=True, kw_only=True):
    """`csrf_token` goes into X-CSRF-Token with every write; null for a bearer token, which needs none."""

    account: SessionAccountOut
    csrf_token: str | None
    permissions: list[str]


class ChangePassword(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One's own password. `current_password` is asked again, so that an open screen is not enough."""

    current_password: Password
    password: Password


class AccountOut(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `email` is null for a program; `patient_id` is there for a patient only."""

    id: UUID
    email: str | None
    name: str | None
    role: str
    status: str
    has_password: bool
    created_at: datetime
    updated_at: datetime
    patient_id: UUID | UnsetType = UNSET


class CreateAccount(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A person who shall sign in. Without a password she cannot yet."""

    email: Email
    role: PersonRole
    name: Name | None = None
    password: Password | None = None
    patient_id: UUID | None = None

    def new_account(self) -> NewAccount:
        return NewAccount(
            role=self.role, email=self.email, name=self.name, password=self.password, patient_id=self.patient_id
        )


class UpdateAccount(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What is left out stays."""

    role: StaffRole | None = None
    status: Literal["active", "disabled"] | None = None
    name: Name | None = None

    def change(self) -> AccountChange:
        return AccountChange(role=self.role, status=self.status, name=self.name)


class SetPassword(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A new password for somebody else's account."""

    password: Password


class TokenOut(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token without its secret."""

    id: UUID
    account_id: UUID
    name: str
    scopes: list[str]
    created_by: UUID
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewTokenOut(TokenOut, frozen=True, kw_only=True):
    """A bearer token as it is shown once: `token` goes into `Authorization: Bearer …`."""

    token: str


class CreateToken(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`scopes` are permissions, or `*` for all that a program may have. `account_id` names a service account."""

    name: Name
    scopes: Annotated[list[Annotated[str, Meta(min_length=1, max_length=40)]], Meta(min_length=1, max_length=50)]
    expires_in_days: Annotated[int, Meta(ge=1, le=365)] = 90
    account_id: UUID | None = None

    def new_token(self) -> NewToken:
        return NewToken(
            name=self.name,
            scopes=tuple(self.scopes),
            lifetime=timedelta(days=self.expires_in_days),
            account_id=AccountId(self.account_id) if self.account_id else None,
        )


class OrganisationOut(msgspec.Struct, frozen=True, kw_only=True):
    """The organisation one belongs to, and its own choices."""

    id: UUID
    name: str
    settings: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class OrganisationSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Choices of an organisation; null goes back to what is usual, what is left out stays."""

    late_entry_days: Annotated[int, Meta(ge=0, le=90)] | UnsetType | None = UNSET
    time_zone: Annotated[str, Meta(min_length=1, max_length=64)] | UnsetType | None = UNSET
    language: Annotated[str, Meta(min_length=2, max_length=35)] | UnsetType | None = UNSET

    def named(self) -> Mapping[str, Any]:
        """Return the settings that were sent."""
        return msgspec.to_builtins(self)


class UpdateOrganisation(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What is left out stays."""

    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    settings: OrganisationSettings | None = None


def session(account: Account, actor: Actor, csrf_token: str | None) -> SessionOut:
    return SessionOut(
        account=SessionAccountOut(
            id=account.id,
            email=account.email,
            name=account.name,
            role=account.role,
            organisation_id=account.organisation_id,
            patient_id=account.patient_id or UNSET,
        ),
        csrf_token=csrf_token,
        permissions=list(permissions.permissions_of(actor)),
    )


def account(value: Account) -> AccountOut:
    return AccountOut(
        id=value.id,
        email=value.email,
        name=value.name,
        role=value.role,
        status=value.status,
        has_password=value.has_password,
        created_at=value.created_at,
        updated_at=value.updated_at,
        patient_id=value.patient_id or UNSET,
    )


def accounts(page: Page[Account]) -> Page[AccountOut]:
    return page.of(account(item) for item in page.items)


def token(value: Token) -> TokenOut:
    return TokenOut(**_token_fields(value))


def new_token(value: Token, secret: str) -> NewTokenOut:
    return NewTokenOut(**_token_fields(value), token=secret)


def tokens(page: Page[Token]) -> Page[TokenOut]:
    return page.of(token(item) for item in page.items)


def organisation(value: Organisation) -> OrganisationOut:
    return OrganisationOut(
        id=value.id,
        name=value.name,
        settings=value.settings,
        created_at=value.created_at,
        updated_at=value.updated_at,
    )


def _token_fields(value: Token) -> dict[str, Any]:
    return {
        "id": value.id,
        "account_id": value.account_id,
        "name": value.name,
        "scopes": list(value.scopes),
        "created_by": value.created_by,
        "created_at": value.created_at,
        "expires_at": value.expires_at,
        "last_used_at": value.last_used_at,
        "revoked_at": value.revoked_at,
    }
