"""What a flag is: its declaration in code, what people decided about it, who asks, and what she is answered."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

import msgspec

Value = bool | str | int | float
V = TypeVar("V", bool, str, float)

ON, OFF = "on", "off"


class Kind(StrEnum):
    """The type of a flag's values."""

    BOOLEAN = "boolean"
    STRING = "string"
    NUMBER = "number"


class Reason(StrEnum):
    """Why a value was given, in OpenFeature's words (specification 1.4.7 and "Resolution reason")."""

    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"
    DEFAULT = "DEFAULT"
    STATIC = "STATIC"
    DISABLED = "DISABLED"
    ERROR = "ERROR"


class Cause(StrEnum):
    """The same in ours: which part of what was decided made the value."""

    KILLED = "killed"
    REQUIREMENT = "requirement"
    RULE = "rule"
    ROLLOUT = "rollout"
    CHOSEN = "chosen"
    DECLARED = "declared"
    BROKEN = "broken"


class StickyBy(StrEnum):
    """What a percentage is of: accounts, or whole organisations."""

    ACCOUNT = "account"
    ORGANISATION = "organisation"


class Arm(StrEnum):
    """Which side of a rollout a request was on."""

    TREATED = "treated"
    CONTROL = "control"


class Flag(msgspec.Struct, Generic[V], frozen=True, kw_only=True):
    """
    A flag as the code declares it. Make it by `boolean`, `string` or `number` of `declaration`.

    `variants` are the values by name; `default` names the one given when nothing else was decided, `off` the one given
    when the flag is killed or what it requires is missing. `ends_on` is the day by which it should be gone from the
    code; None for a switch that is meant to stay. `for_client` lets browsers see its value.
    """

    key: str
    kind: Kind
    variants: Mapping[str, V]
    default: str
    off: str
    owner: str
    description: str
    created_on: date
    ends_on: date | None = None
    for_client: bool = False


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """
    Who is given `variant`.

    All conditions that are named must hold, each by any of its members; none named is everybody.
    `percentage` is of accounts (or organisations), 0 to 100, the same ones each time. `from_at` and `until_at` bound
    when it holds; the first instant is inside, the second is not.
    """

    variant: str
    organisations: tuple[UUID, ...] = ()
    roles: tuple[str, ...] = ()
    accounts: tuple[UUID, ...] = ()
    percentage: float | None = None
    sticky_by: StickyBy = StickyBy.ACCOUNT
    from_at: datetime | None = None
    until_at: datetime | None = None


class Requirement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another flag that must give the same caller one of `variants`, else this flag is off."""

    key: str
    variants: tuple[str, ...] = (ON,)


class Stage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The percentage that a running rollout `id` gives `variant` at the moment; the others are its control."""

    id: UUID
    variant: str
    percentage: float


class State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """
    What was decided about a flag, for all organisations or for one.

    `default` is the variant for whom no rule matches, None to leave it to the installation, or to the declaration.
    """

    is_killed: bool = False
    default: str | None = None
    rules: tuple[Rule, ...] = ()
    requires: tuple[Requirement, ...] = ()
    rollout: Stage | None = None


class Caller(msgspec.Struct, frozen=True):
    """Who asks. Without an account she is in no percentage of accounts."""

    organisation_id: UUID
    account_id: UUID | None = None
    role: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """
    A value and why.

    `rule` counts from 0 in the rules of where it was decided; `own` says that this is the caller's
    organisation; `arm` is there when the flag is being rolled out to callers like this one.
    """

    key: str
    variant: str
    value: Value
    reason: Reason
    cause: Cause
    rule: int | None = None
    own: bool = False
    arm: Arm | None = None
    rollout_id: UUID | None = None
