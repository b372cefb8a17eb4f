"""What is asked for: changes, kills, the stale report."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from healthprotocol.foundation.flags.model import Requirement, Rule
from healthprotocol.operations.flags.model import Change, Course, RolloutStage

Reason = Annotated[str, Meta(min_length=3, max_length=500)]
Variant = Annotated[str, Meta(min_length=1, max_length=40)]
Key = Annotated[str, Meta(min_length=3, max_length=120)]
Percentage = Annotated[float, Meta(ge=0, le=100)]
RoleName = Literal["admin", "clinician", "coordinator", "auditor", "patient", "service"]


class RuleIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """
    Who of the organisation is given `variant`: every condition that is named must hold; none named is everybody.

    `percentage` is of accounts, the same ones each time; raising it takes nobody out.
    """

    variant: Variant
    roles: Annotated[list[RoleName], Meta(max_length=6)] = []
    accounts: Annotated[list[UUID], Meta(max_length=1000)] = []
    percentage: Percentage | None = None
    from_at: datetime | None = None
    until_at: datetime | None = None

    def rule(self) -> Rule:
        return Rule(
            variant=self.variant,
            roles=tuple(self.roles),
            accounts=tuple(self.accounts),
            percentage=self.percentage,
            from_at=self.from_at,
            until_at=self.until_at,
        )


class RequirementIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Another flag that must give one of `variants`, else this one is off."""

    key: Key
    variants: Annotated[list[Variant], Meta(min_length=1, max_length=20)]


class ChangeFlag(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """
    What your organisation decides about a flag, before what the installation does. What is left out stays.

    `default` is the variant for whom no rule matches; null leaves it to the installation.
    """

    reason: Reason
    default: Variant | UnsetType | None = UNSET
    rules: Annotated[list[RuleIn], Meta(max_length=50)] | UnsetType = UNSET
    requires: Annotated[list[RequirementIn], Meta(max_length=10)] | UnsetType = UNSET

    def change(self) -> Change:
        rules, requires = self.rules, self.requires
        return Change(
            default=self.default,
            rules=UNSET if isinstance(rules, UnsetType) else tuple(one.rule() for one in rules),
            requires=UNSET
            if isinstance(requires, UnsetType)
            else tuple(Requirement(key=one.key, variants=tuple(one.variants)) for one in requires),
        )


class Because(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Why, in words: it stands in the history for whoever comes after."""

    reason: Reason


class StageIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """So many per cent of accounts, for at least so long."""

    percentage: Annotated[float, Meta(gt=0, le=100)]
    hold_seconds: Annotated[float, Meta(ge=1, le=2_592_000)]


class StartRollout(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """
    What is rolled out to the accounts of your organisation, and by which stages: percentages that grow to 100.

    Left out they are 1, 10, 50 and 100, the first held for half an hour, the others for an hour.
    """

    variant: Variant
    reason: Reason
    stages: Annotated[list[StageIn], Meta(min_length=1, max_length=20)] | UnsetType = UNSET

    def course(self) -> Course:
        if isinstance(self.stages, UnsetType):
            return Course(variant=self.variant)
        stages = tuple(RolloutStage(percentage=one.percentage, hold_seconds=one.hold_seconds) for one in self.stages)
        return Course(variant=self.variant, stages=stages)


class StaleQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """After how many days something is stale."""

    days: Annotated[int, Meta(ge=1, le=3650)] = 30
