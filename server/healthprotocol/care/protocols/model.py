"""
The care protocol and its parts, as written, published, imported and sent over HTTP. Pure values.

Names and meanings: design decisions are in docs/decisions; schedule fields are FHIR R4 Timing.repeat's own.
"""

from datetime import date, datetime, time
from typing import Annotated, Literal, NewType
from uuid import UUID

import msgspec
from msgspec import Meta

from healthprotocol.foundation.ids import AccountId

ProtocolId = NewType("ProtocolId", UUID)

DayOfWeek = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
PeriodUnit = Literal["s", "min", "h", "d", "wk", "mo", "a"]
EventTiming = Literal[
    "MORN", "MORN.early", "MORN.late", "NOON", "AFT", "AFT.early", "AFT.late", "EVE", "EVE.early", "EVE.late", "NIGHT",
    "PHS", "HS", "WAKE", "C", "CM", "CD", "CV", "AC", "ACM", "ACD", "ACV", "PC", "PCM", "PCD", "PCV",
]  # fmt: skip
ActivityKind = Literal["task", "measurement", "medication", "exercise", "questionnaire", "education", "appointment"]
ProtocolStatus = Literal["draft", "active", "retired"]

ActivityKey = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]
Code = Annotated[str, Meta(min_length=1, max_length=64)]
UcumUnit = Annotated[str, Meta(min_length=1, max_length=32)]
ShortText = Annotated[str, Meta(max_length=200)]
LongText = Annotated[str, Meta(max_length=20_000)]
Minutes = Annotated[int, Meta(ge=0, le=527_040)]
LocalTime = Annotated[time, Meta(tz=False)]


class BoundsDuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """FHIR Duration: how long, from the anchor. `unit` is the UCUM code."""

    value: float
    unit: PeriodUnit


class BoundsRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """FHIR Range of durations: planned to `high`."""

    low: BoundsDuration | None = None
    high: BoundsDuration | None = None


class BoundsPeriod(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """FHIR Period in local dates, both inclusive."""

    start: date | None = None
    end: date | None = None


class Reminder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A reminder `after_minutes` from the planned time (negative: before it), while the occurrence is not yet done."""

    after_minutes: Annotated[int, Meta(ge=-20_160, le=20_160)]


_CAMEL = {
    name: "".join(part if i == 0 else part.title() for i, part in enumerate(name.split("_")))
    for name in (
        "bounds_duration", "bounds_range", "bounds_period", "count_max", "duration_max", "duration_unit",
        "frequency_max", "period_max", "period_unit", "day_of_week", "time_of_day",
    )
}  # fmt: skip


class Schedule(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename=_CAMEL
):
    """
    When an activity recurs: FHIR R4 Timing.repeat, and four fields of ours in minutes. All absent: once, at the anchor.

    What combines with what, and what is refused, is decided by `rules.recurrence`, which gives every fault its pointer.
    Source: FHIR R4 Timing; docs/decisions on schedules.
    """

    bounds_duration: BoundsDuration | None = None
    bounds_range: BoundsRange | None = None
    bounds_period: BoundsPeriod | None = None
    count: int | None = None
    count_max: int | None = None
    duration: float | None = None
    duration_max: float | None = None
    duration_unit: PeriodUnit | None = None
    frequency: int | None = None
    frequency_max: int | None = None
    period: float | None = None
    period_max: float | None = None
    period_unit: PeriodUnit | None = None
    day_of_week: Annotated[tuple[DayOfWeek, ...], Meta(max_length=7)] = ()
    time_of_day: Annotated[tuple[LocalTime, ...], Meta(max_length=100)] = ()
    when: Annotated[tuple[EventTiming, ...], Meta(max_length=26)] = ()
    offset: int | None = None
    offsets_minutes: Annotated[tuple[Minutes, ...], Meta(max_length=100)] = ()
    window_minutes: Annotated[int, Meta(ge=1, le=527_040)] | None = None
    lead_minutes: Minutes | None = None
    reminders: Annotated[tuple[Reminder, ...], Meta(max_length=10)] = ()


class ValueRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An interval in the definition's unit, ends inclusive; None leaves an end open."""

    low: float | None = None
    high: float | None = None


class Quantity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One measured quantity: a LOINC code and the UCUM unit it is kept in."""

    code: Code
    display: ShortText | None = None
    unit: UcumUnit
    plausible_range: ValueRange | None = None
    target_range: ValueRange | None = None
    alert_thresholds: ValueRange | None = None


class Measurement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """
    What is measured: one quantity, or with `components` several taken together, as in blood pressure.

    Then `code` names the panel, and each component has its own code, unit and ranges.
    """

    code: Code
    display: ShortText | None = None
    unit: UcumUnit
    plausible_range: ValueRange | None = None
    target_range: ValueRange | None = None
    alert_thresholds: ValueRange | None = None
    components: Annotated[tuple[Quantity, ...], Meta(max_length=20)] = ()


class AnswerOption(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A choice of an item; `score` is what it adds when the item is scored."""

    value: Annotated[str, Meta(min_length=1, max_length=200)]
    label: Annotated[str, Meta(max_length=500)] | None = None
    score: float | None = None


class QuestionnaireItem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One question (or `display` text). `link_id` is unique in the questionnaire."""

    link_id: Annotated[str, Meta(min_length=1, max_length=255)]
    text: Annotated[str, Meta(max_length=4000)]
    type: Literal["choice", "boolean", "integer", "decimal", "text", "date", "display"]
    required: bool = False
    options: Annotated[tuple[AnswerOption, ...], Meta(max_length=200)] = ()
    range: ValueRange | None = None


class ScoreBand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Scores from `low` to `high` inclusive, and what they mean; `severity` high is danger, for the care team."""

    low: float
    high: float
    label: ShortText
    severity: Literal["none", "low", "moderate", "high"] = "none"


class Scoring(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """
    How answers become one number.

    `items` None means every item whose options carry scores (or that is numeric). `reversed_items` score the highest
    plus the lowest option, minus their own. Fewer than `minimum_answered` answers: no score.
    """

    method: Literal["sum", "mean"]
    items: tuple[str, ...] | None = None
    reversed_items: tuple[str, ...] = ()
    minimum_answered: Annotated[int, Meta(ge=1, le=500)] | None = None
    bands: Annotated[tuple[ScoreBand, ...], Meta(max_length=20)] = ()


class Questionnaire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The items of a questionnaire activity and how they are scored."""

    title: ShortText | None = None
    code: Code | None = None
    items: Annotated[tuple[QuestionnaireItem, ...], Meta(max_length=500)] = ()
    scoring: Scoring | None = None


class Medication(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is taken and how much, as text; `code` is an RxNorm or ATC code where known."""

    name: ShortText
    dose: ShortText | None = None
    code: Code | None = None
    system: ShortText | None = None


class Activity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """
    Something to be done. `key` is stable across versions.

    `instructions` are for the patient, `clinician_instructions` for staff.
    """

    key: ActivityKey
    kind: ActivityKind
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    instructions: LongText | None = None
    clinician_instructions: LongText | None = None
    schedule: Schedule = Schedule()
    measurement: Measurement | None = None
    questionnaire: Questionnaire | None = None
    medication: Medication | None = None


class Phase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """
    Plan days from `start_day`, `length_days` of them.

    The anchor of its activities is the local midnight that begins its first day.
    """

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    start_day: Annotated[int, Meta(ge=1, le=365)]
    length_days: Annotated[int, Meta(ge=1, le=365)]
    description: Annotated[str, Meta(max_length=2000)] | None = None
    activities: Annotated[tuple[Activity, ...], Meta(max_length=200)] = ()


class Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something an imported source says that cannot be executed here: shown to staff and exported unchanged."""

    pointer: str
    what: str
    text: str


class ProtocolContent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """
    What a version of a care protocol says.

    `content` and `patient_content` are sanitised HTML: for staff and (where it differs) for the patient. `kept` comes
    from an import only.
    """

    title: Annotated[str, Meta(min_length=3, max_length=100)]
    description: Annotated[str, Meta(max_length=1000)] = ""
    duration_days: Annotated[int, Meta(ge=1, le=365)]
    content: Annotated[str, Meta(max_length=100_000)] = ""
    patient_content: Annotated[str, Meta(max_length=100_000)] | None = None
    category: Annotated[str, Meta(max_length=64)] | None = None
    tags: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=40)], ...], Meta(max_length=20)] = ()
    languages: Annotated[tuple[Annotated[str, Meta(min_length=2, max_length=35)], ...], Meta(max_length=20)] = ()
    phases: Annotated[tuple[Phase, ...], Meta(max_length=52)] = ()
    kept: Annotated[tuple[Kept, ...], Meta(max_length=2000)] = ()


class ProtocolVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a care protocol. `status` active means published: its content never changes again."""

    protocol_id: ProtocolId
    version: int
    status: ProtocolStatus
    content: ProtocolContent
    revision: int
    created_at: datetime
    updated_at: datetime
    created_by: AccountId
    published_at: datetime | None = None


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of a version: when it was, not what it says."""

    protocol_id: ProtocolId
    version: int
    status: ProtocolStatus
    title: str
    description: str
    duration_days: int
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None = None
