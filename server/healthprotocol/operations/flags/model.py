"""What people see of a flag: its declaration, what was decided, what it gives, whether it is still needed."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from healthprotocol.foundation.flags.guard import Plan, Watch
from healthprotocol.foundation.flags.model import Decision, Flag, Requirement, Rule, State


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided for all organisations, or for one. Revision 0: nothing ever was."""

    key: str
    state: State = State()
    reason: str = ""
    changed_by: UUID | None = None
    changed_at: datetime | None = None
    revision: int = 0


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `changed_as` is a role, `operator` or `guard`; `is_own` says that it was for one organisation."""

    key: str
    revision: int
    act: str
    reason: str
    changed_by: UUID | None
    changed_as: str
    changed_at: datetime
    before: State
    after: State
    is_own: bool


class Use(msgspec.Struct, frozen=True):
    """How often a flag was asked for, when last (None: never), and since when this database knows of it."""

    asked: int
    last_at: datetime | None
    known_since: datetime


class Mark(StrEnum):
    """Why a flag should be looked at by somebody."""

    PAST_END = "past_end"
    SETTLED = "settled"
    NOT_ASKED_FOR = "not_asked_for"
    UNKNOWN_TO_DATABASE = "unknown_to_database"
    NOT_DECLARED = "not_declared"


class Stale(msgspec.Struct, frozen=True, kw_only=True):
    """A flag that should be looked at: each mark with a sentence for people."""

    key: str
    owner: str | None
    marks: dict[Mark, str]


class RolloutStage(msgspec.Struct, frozen=True, kw_only=True):
    """So many per cent for at least so long."""

    percentage: float
    hold_seconds: float


USUAL_STAGES = (
    RolloutStage(percentage=1, hold_seconds=1_800),
    RolloutStage(percentage=10, hold_seconds=3_600),
    RolloutStage(percentage=50, hold_seconds=3_600),
    RolloutStage(percentage=100, hold_seconds=3_600),
)


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What is rolled out, by which stages, and what its guard holds it to."""

    variant: str
    stages: tuple[RolloutStage, ...] = USUAL_STAGES
    plan: Plan = Plan()


# A paused rollout is watched and holds one of the few places: one that was forgotten must not hold it for ever. Long
# enough for a holiday over the turn of a year.
LONGEST_PAUSE = timedelta(days=14)


class RolloutStatus(StrEnum):
    """Whether a rollout goes on, and how it ended."""

    RUNNING = "running"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled_back"
    STOPPED = "stopped"


class Rollout(msgspec.Struct, kw_only=True):
    """
    A gradual rollout, to accounts of all organisations or of one (`is_own`).

    `why` is what the guard found, when it ended it. While it is paused it rests in its stage, watched as before, until
    `paused_until` at the longest: then the guard stops it.
    """

    id: UUID
    key: str
    variant: str
    stages: tuple[RolloutStage, ...]
    stage: int
    status: RolloutStatus
    why: str | None
    reason: str
    plan: Plan
    watch: Watch
    started_at: datetime
    stage_began_at: datetime
    ended_at: datetime | None
    revision: int
    paused_at: datetime | None = None
    is_own: bool = False

    @property
    def percentage(self) -> float:
        """How many are treated in this stage."""
        return self.stages[self.stage].percentage

    @property
    def held_until(self) -> datetime:
        """Before this instant it does not go on to the next stage."""
        return self.stage_began_at + timedelta(seconds=self.stages[self.stage].hold_seconds)

    @property
    def paused_until(self) -> datetime | None:
        """When a pause that nobody ends is ended by the guard; None: it is not paused."""
        return None if self.paused_at is None else self.paused_at + LONGEST_PAUSE


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A decision about a rollout, and the evidence for it."""

    number: int
    act: str
    at: datetime
    evidence: dict[str, Any]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """
    A flag as an admin of one organisation sees it.

    `decision` is what it gives her; `revision` grows with every change that holds for her organisation.
    """

    flag: Flag[Any]
    installation: Stored
    own: Stored
    decision: Decision
    use: Use | None
    marks: dict[Mark, str]
    rollout: Rollout | None
    revision: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be otherwise; what is UNSET stays. `default` None goes back to the installation's, or the declared."""

    default: str | msgspec.UnsetType | None = msgspec.UNSET
    rules: tuple[Rule, ...] | msgspec.UnsetType = msgspec.UNSET
    requires: tuple[Requirement, ...] | msgspec.UnsetType = msgspec.UNSET


class Today(msgspec.Struct, frozen=True):
    """
    Against what staleness is measured: the day, the instant, and after how many days something is stale.

    Within `new_days` of the day that this database came to know a flag, nobody has to have asked for it.
    """

    on: date
    at: datetime
    days: int = 30
    new_days: int = 14
