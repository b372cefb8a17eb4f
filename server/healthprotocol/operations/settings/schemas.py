"""The wire shapes of settings."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from healthprotocol.foundation.config.runtime import LONGEST_REASON, Effective, Source, Wish
from healthprotocol.foundation.config.runtime_rows import Choice
from healthprotocol.foundation.config.setting import LONGEST_TEXT, Variation

Value = int | float | bool | Annotated[str, Meta(max_length=LONGEST_TEXT)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Reason = Annotated[str, Meta(min_length=1, max_length=LONGEST_REASON)]


class VariationOut(msgspec.Struct, frozen=True, kw_only=True):
    """Another value from `starts_at` on, before `ends_at`, for `percent` of the accounts; null is no bound."""

    value: Value | None
    starts_at: datetime | None
    ends_at: datetime | None
    percent: Percent | None


class SettingOut(msgspec.Struct, frozen=True, kw_only=True):
    """
    A setting: what it is, what holds now, and whose choice that is.

    `title` and `group` are for people. `source` `started` is what the platform was started with, `relaxed` what holds
    in an environment for development or tests while nobody chooses.

    `own_value` and `variation` are the organisation's own choice; null where it takes what the installation says.
    `version` 0 means that the organisation never chose. A sensitive value is null everywhere.
    """

    name: str
    title: str
    group: str
    type: Literal["integer", "number", "boolean", "text"]
    unit: str
    description: str
    minimum: float | None
    maximum: float | None
    choices: list[Value]
    is_sensitive: bool
    value: Value | None
    source: Source
    own_value: Value | None
    variation: VariationOut | None
    version: int
    changed_at: datetime | None
    changed_by: UUID | None


class SettingVersionOut(msgspec.Struct, frozen=True, kw_only=True):
    """One change: who, when, why, to what. `value` null took the own choice back; `changed_by` null is an operator."""

    version: int
    value: Value | None
    variation: VariationOut | None
    reason: str
    changed_by: UUID | None
    changed_at: datetime


class VariationIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Another value from `starts_at` on, before `ends_at`, for `percent` of the accounts; left out is no bound."""

    value: Value
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    percent: Percent | None = None


class ChangeSetting(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """
    A new choice, whole: `value` null takes the own one back, and a variation that is left out goes.

    `reason` is kept with it for good: write about the setting, never about a person.
    """

    value: Value | None
    reason: Reason
    variation: VariationIn | None = None

    def wish(self) -> Wish:
        return Wish(value=self.value, variation=_variation_in(self.variation), reason=self.reason)


class RollBackSetting(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Choose again what `version` said; 0 is before the first."""

    version: Annotated[int, Meta(ge=0, le=2_147_483_647)]
    reason: Reason


def setting(found: Effective) -> SettingOut:
    one, own = found.setting, found.own
    return SettingOut(
        name=one.name,
        title=one.title,
        group=one.group,
        type=one.kind,
        unit=one.unit,
        description=one.description,
        minimum=one.least,
        maximum=one.most,
        choices=list(one.choices),
        is_sensitive=one.is_sensitive,
        value=_shown(found.value, hide=one.is_sensitive),
        source=found.source,
        own_value=None if own is None else _shown(own.value, hide=one.is_sensitive),
        variation=None if own is None else _variation_out(own.variation, hide=one.is_sensitive),
        version=own.version if own else 0,
        changed_at=own.changed_at if own else None,
        changed_by=own.changed_by if own else None,
    )


def version(choice: Choice, *, hide: bool) -> SettingVersionOut:
    return SettingVersionOut(
        version=choice.version,
        value=_shown(choice.value, hide=hide),
        variation=_variation_out(choice.variation, hide=hide),
        reason=choice.reason,
        changed_by=choice.changed_by,
        changed_at=choice.changed_at,
    )


def _shown(value: Any, *, hide: bool) -> Any:
    return None if hide else value


def _variation_out(variation: Variation | None, *, hide: bool) -> VariationOut | None:
    if variation is None:
        return None
    return VariationOut(
        value=_shown(variation.value, hide=hide),
        starts_at=variation.starts_at,
        ends_at=variation.ends_at,
        percent=variation.percent,
    )


def _variation_in(given: VariationIn | None) -> Variation | None:
    if given is None:
        return None
    return Variation(value=given.value, starts_at=given.starts_at, ends_at=given.ends_at, percent=given.percent)
