"""Accounts and what they sign in with, as values."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from healthprotocol.foundation.config.setting import Setting
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.ids import AccountId, OrganisationId

_SIGNING_IN = "Signing in"

STAFF_IDLE_MINUTES = Setting(
    name="session.staff_idle_minutes",
    title="Sign staff out when idle for",
    group=_SIGNING_IN,
    default=15,
    unit="minutes",
    least=5,
    most=720,
    description="Staff who do nothing for so long are signed out, so that nobody else goes on in their name.",
)
PATIENT_IDLE_MINUTES = Setting(
    name="session.patient_idle_minutes",
    title="Sign patients out when idle for",
    group=_SIGNING_IN,
    default=30,
    unit="minutes",
    least=5,
    most=720,
    description="Patients who do nothing for so long are signed out, and sign in again to go on.",
)
LONGEST_SESSION_HOURS = Setting(
    name="session.longest_hours",
    title="Longest time signed in",
    group=_SIGNING_IN,
    default=12,
    unit="hours",
    least=1,
    most=24,
    description="After so long one signs in again, even in the middle of work; for those who sign in from now on.",
)
MOST_SESSIONS = Setting(
    name="session.most_at_once",
    title="Devices signed in at the same time",
    group=_SIGNING_IN,
    default=5,
    unit="devices",
    least=1,
    most=1_000,
    description="On how many devices or browsers a person may be signed in; one more signs the oldest out.",
)
FREE_ATTEMPTS = Setting(
    name="sign_in.free_attempts",
    title="Wrong passwords before waiting",
    group=_SIGNING_IN,
    default=5,
    unit="attempts",
    least=1,
    most=20,
    scope="installation",
    description="So many wrong passwords for one person from one network cost nothing; after them she waits.",
)
LONGEST_WAIT_SECONDS = Setting(
    name="sign_in.longest_wait_seconds",
    title="Longest wait after wrong passwords",
    group=_SIGNING_IN,
    default=300,
    unit="seconds",
    least=1,
    most=3_600,
    scope="installation",
    description="The wait grows with each wrong password for one person from one network, up to this.",
)
SETTINGS = (
    STAFF_IDLE_MINUTES,
    PATIENT_IDLE_MINUTES,
    LONGEST_SESSION_HOURS,
    MOST_SESSIONS,
    FREE_ATTEMPTS,
    LONGEST_WAIT_SECONDS,
)


class AccountStatus(StrEnum):
    """A disabled account cannot sign in; what it did stays."""

    ACTIVE = "active"
    DISABLED = "disabled"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Someone or something that signs in. `email` is None for programs; `patient_id` is set for patients only."""

    id: AccountId
    organisation_id: OrganisationId
    role: str
    status: str
    name: str | None
    email: str | None
    patient_id: UUID | None
    has_password: bool
    created_at: datetime
    updated_at: datetime
    revision: int


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. Without a password nobody can sign in yet."""

    role: str
    email: str
    name: str | None = None
    password: str | None = None
    patient_id: UUID | None = None

    def __repr__(self) -> str:
        """Keep the password out of whatever prints this."""
        return f"NewAccount(role={self.role!r})"


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an account; None keeps."""

    role: str | None = None
    status: str | None = None
    name: str | None = None


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant. `settings` are its own choices, by name."""

    id: OrganisationId
    name: str
    settings: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    revision: int


class SessionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long sessions live, and how many an account may have at a time: the oldest goes for a new one."""

    staff_idle: timedelta
    patient_idle: timedelta
    absolute: timedelta
    most_sessions: int


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it is stored, with what its account is now."""

    id: UUID
    actor: Actor
    status: str
    last_seen_at: datetime
    idle: timedelta
    expires_at: datetime


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token as an admin sees it: everything but the token."""

    id: UUID
    account_id: AccountId
    name: str
    scopes: tuple[str, ...]
    created_by: AccountId
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    revision: int


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `account_id` None makes a service account of the same name."""

    name: str
    scopes: tuple[str, ...]
    lifetime: timedelta
    account_id: AccountId | None = None


class BearerCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token as it is stored, with what its account is now."""

    id: UUID
    actor: Actor
    status: str
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
