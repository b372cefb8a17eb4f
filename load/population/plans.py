"""
The care protocols of the data set, and what each plans: computed once for a first day and a zone, by the real rules.

A shape is what all assignments of a protocol that begin on the same day in the same zone have in common.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from healthprotocol.care.assignments.model import Assignment, AssignmentId
from healthprotocol.care.assignments.rules import lifecycle
from healthprotocol.care.entries.model import RecordedValue
from healthprotocol.care.entries.repository import StoredContent
from healthprotocol.care.entries.rules.occurrence_ids import with_prefix
from healthprotocol.care.entries.rules.occurrences import occurrences
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.model import (
    Activity,
    Measurement,
    Medication,
    Phase,
    ProtocolContent,
    ProtocolId,
    Quantity,
    Questionnaire,
    QuestionnaireItem,
    Schedule,
    ValueRange,
)
from healthprotocol.foundation.ids import AccountId, OrganisationId

ZONES = ("Europe/Berlin", "UTC")
# Windows that close later than this are not looked for.
AHEAD = timedelta(days=40)
_NOBODY = UUID(int=0)


def _mm_hg(code: str, display: str, low: float, high: float) -> Quantity:
    return Quantity(
        code=code,
        display=display,
        unit="mm[Hg]",
        plausible_range=ValueRange(low=30, high=300),
        target_range=ValueRange(low=low, high=high),
        alert_thresholds=ValueRange(low=low - 20, high=high + 40),
    )


PRESSURE = Activity(
    key="pressure",
    kind="measurement",
    title="Blood pressure in the morning",
    instructions="Sit down for five minutes before you measure.",
    schedule=Schedule(time_of_day=(time(8),), window_minutes=240, lead_minutes=120),
    measurement=Measurement(
        code="85354-9",
        unit="mm[Hg]",
        components=(
            _mm_hg("8480-6", "Systolic blood pressure", 90, 140),
            _mm_hg("8462-4", "Diastolic blood pressure", 50, 90),
        ),
    ),
)
TABLET = Activity(
    key="tablet",
    kind="medication",
    title="Ramipril 5 mg",
    instructions="One tablet in the evening.",
    schedule=Schedule(time_of_day=(time(18),), window_minutes=240),
    medication=Medication(name="Ramipril", dose="5 mg", code="C09AA05", system="http://www.whocc.no/atc"),
)
WEIGHT = Activity(
    key="weight",
    kind="measurement",
    title="Weight",
    schedule=Schedule(period=1, period_unit="wk", day_of_week=("mon",), time_of_day=(time(7),), window_minutes=720),
    measurement=Measurement(
        code="29463-7", display="Body weight", unit="kg", plausible_range=ValueRange(low=30, high=300)
    ),
)
MOOD = Activity(
    key="mood",
    kind="questionnaire",
    title="How the week was",
    schedule=Schedule(period=1, period_unit="wk", day_of_week=("thu",), time_of_day=(time(9),), window_minutes=720),
    questionnaire=Questionnaire(
        title="The week", items=(QuestionnaireItem(link_id="slept", text="Did you sleep well?", type="boolean"),)
    ),
)
DRESSING = Activity(
    key="dressing",
    kind="task",
    title="Change the dressing",
    schedule=Schedule(time_of_day=(time(10),), window_minutes=480),
)
VISIT = Activity(
    key="visit",
    kind="appointment",
    title="Visit",
    schedule=Schedule(period=14, period_unit="d", time_of_day=(time(11),), window_minutes=480),
)


def _content(title: str, days: int, category: str, *activities: Activity) -> ProtocolContent:
    return ProtocolContent(
        title=title,
        description=f"{title}, for the benchmark.",
        duration_days=days,
        content="<h2>Why</h2>"
        + "<p>What is measured at home is nearer to the truth than what is measured here.</p>" * 20,
        category=category,
        tags=(category, "home"),
        languages=("en",),
        phases=(Phase(title="All of it", start_day=1, length_days=days, activities=activities),),
    )


# The first is what the large cohort follows; the rest are everybody's.
CONTENTS = (
    _content("Blood pressure at home", 180, "cardiovascular", PRESSURE, TABLET),
    _content("Weekly weight and mood", 182, "follow-up", WEIGHT, MOOD),
    _content("Wound care", 10, "surgery", DRESSING),
    _content("Visits every two weeks", 364, "follow-up", VISIT),
)
# How often each is given, but for the large cohort.
WEIGHTS = (2, 40, 33, 25)


def contents_of(activity_key: str) -> tuple[StoredContent, ...]:
    """Return what entries of an activity say: values that lie where measured ones do, most entries nothing."""
    if activity_key == "pressure":
        return tuple(
            StoredContent(values=(_value("8480-6", 118 + step, "mm[Hg]"), _value("8462-4", 72 + step % 17, "mm[Hg]")))
            for step in range(40)
        )
    if activity_key == "weight":
        return tuple(StoredContent(values=(_value("29463-7", 60 + step / 2, "kg"),)) for step in range(60))
    return (StoredContent(), StoredContent(), StoredContent(), StoredContent(note="It went well."))


def _value(code: str, value: float, unit: str) -> RecordedValue:
    return RecordedValue(code=code, value=value, unit=unit, converted_value=value, converted_unit=unit)


class Slot(NamedTuple):
    """One occurrence of a shape: `tail` ends its id; instants are UTC."""

    activity_key: str
    day: date
    tail: str
    planned_at: datetime
    opens_at: datetime
    closes_at: datetime


class Shape(NamedTuple):
    """What is planned in order, split at the instant of the data set: windows that closed, and those that will."""

    ends_on: date
    closed: tuple[Slot, ...]
    ahead: tuple[Slot, ...]


@lru_cache(maxsize=4_096)
def shape(template: int, starts_on: date, time_zone: str, at: datetime) -> Shape:
    """Return what an assignment of a protocol plans, up to some weeks after `at`."""
    content = CONTENTS[template]
    ends_on = lifecycle.last_day(starts_on, duration_days=content.duration_days)
    assignment = Assignment(
        id=AssignmentId(_NOBODY),
        organisation_id=OrganisationId(_NOBODY),
        protocol_id=ProtocolId(_NOBODY),
        patient_id=PatientId(_NOBODY),
        status="active",
        assigned_at=at,
        assigned_by=AccountId(_NOBODY),
        starts_on=starts_on,
        ends_on=ends_on,
        time_zone=time_zone,
        segments=(lifecycle.first_segment(version=1, starts_on=starts_on),),
    )
    slots = [
        Slot(
            one.activity_key,
            one.planned_local.date(),
            with_prefix("", one.planned_local, one.slot),
            one.planned_at.astimezone(UTC),
            one.opens_at.astimezone(UTC),
            one.closes_at.astimezone(UTC),
        )
        for one in occurrences(
            assignment, {1: content}, from_on=starts_on, to_on=(at + AHEAD).date(), standing={}, at=at
        )
    ]
    return Shape(
        ends_on,
        tuple(slot for slot in slots if slot.closes_at <= at),
        tuple(slot for slot in slots if slot.closes_at > at),
    )
