"""The shapes of occurrences and entries over HTTP."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from healthprotocol.api.body import decode_body
from healthprotocol.api.paging import Page
from healthprotocol.api.problem import problem_members
from healthprotocol.care.entries.model import Answer, Entry, GivenScore, NewEntry, Occurrence, RecordedOutcome
from healthprotocol.care.entries.service import Explained, Item, PlannedDay, Recorded, Today
from healthprotocol.care.entries.service.read import Measured
from healthprotocol.care.protocols.model import ActivityKind, Measurement, Medication, Questionnaire, ValueRange
from healthprotocol.foundation.errors import Problem


class OccurrenceOut(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One planned instance of an activity and how it stands. `planned_local` is the wall time that was meant."""

    id: str
    assignment_id: UUID
    activity_key: str
    kind: ActivityKind
    title: str
    planned_at: datetime
    planned_local: datetime
    slot: int
    opens_at: datetime
    closes_at: datetime
    state: str
    entry_id: UUID | None = None


class PreviewOccurrence(msgspec.Struct, kw_only=True, frozen=True):
    """An occurrence of nobody's plan."""

    activity_key: str
    kind: ActivityKind
    title: str
    planned_at: datetime
    planned_local: datetime
    slot: int
    opens_at: datetime
    closes_at: datetime


class PlanActivity(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What an activity of the day asks, adjusted to the patient."""

    assignment_id: UUID
    activity_key: str
    protocol_title: str
    kind: ActivityKind
    title: str
    instructions: str | None = None
    measurement: Measurement | None = None
    questionnaire: Questionnaire | None = None
    medication: Medication | None = None


class TodayOut(msgspec.Struct, kw_only=True, frozen=True):
    """A patient's day: `due` counts what applies, `done` what of it was completed."""

    date: date
    time_zone: str
    occurrences: list[OccurrenceOut]
    activities: list[PlanActivity]
    done: int
    due: int


class PreviewDay(msgspec.Struct, kw_only=True, frozen=True):
    """One local day of a preview."""

    date: date
    occurrences: list[PreviewOccurrence]


class Preview(msgspec.Struct, kw_only=True, frozen=True):
    """What a version would ask of a patient."""

    days: list[PreviewDay]


class GivenQuantity(msgspec.Struct, kw_only=True, frozen=True):
    """A value in a unit."""

    value: float
    unit: str


class ValueOut(msgspec.Struct, kw_only=True, frozen=True):
    """A measured value as given; `converted` is in the unit of its definition."""

    code: str
    value: float
    unit: str
    converted: GivenQuantity


class EntryRef(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """An entry of a bulk act."""

    id: UUID


class EntryOut(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What happened. `outcome` retracted is an undo of the entry in `replaces`."""

    id: UUID
    client_id: UUID
    patient_id: UUID
    assignment_id: UUID
    activity_key: str
    outcome: RecordedOutcome
    values: list[ValueOut]
    effective_at: datetime
    recorded_at: datetime
    recorded_by: UUID
    late: bool
    occurrence_id: str | None = None
    reason: str | None = None
    answers: list[Answer] | None = None
    score: GivenScore | None = None
    note: str | None = None
    replaces: UUID | None = None


class EntriesIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A batch: each has its own result, and a bad one stops no other."""

    entries: Annotated[list[NewEntry], Meta(min_length=1, max_length=500)]


class EntryResult(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What became of one item: `status` as if it had been sent alone; 200 means that it was known already."""

    client_id: str | None
    status: int
    entry: EntryOut | None = None
    problem: dict[str, Any] | None = None


class EntryResults(msgspec.Struct, kw_only=True, frozen=True):
    """The results of a batch, in its order."""

    results: list[EntryResult]


class MeasurementOut(msgspec.Struct, kw_only=True, frozen=True):
    """One measured value in the unit of its definition."""

    code: str
    display: str | None
    value: float
    unit: str
    given: GivenQuantity
    effective_at: datetime
    entry_id: UUID
    activity_key: str
    assignment_id: UUID
    target_range: ValueRange | None
    alert_thresholds: ValueRange | None


class TodayQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename={"on": "date"}):
    """`date` is local to the patient, by default today; `at` shows how it stood then (staff only)."""

    on: date | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None


class OccurrenceQuery(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}
):
    """Local dates of the plan, both inclusive, by default all of it; `at` shows how it stood then (staff only)."""

    first: date | None = None
    last: date | None = None
    page_size: int = 50
    page_token: str | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None


class PreviewQuery(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`first_day` is a plan day from 1; `starts_on` is plan day 1, by default today."""

    starts_on: date | None = None
    first_day: Annotated[int, Meta(ge=1, le=365)] = 1
    days: Annotated[int, Meta(ge=1, le=31)] = 7
    time_zone: Annotated[str, Meta(max_length=64)] = "UTC"


class MeasurementQuery(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}
):
    """Local dates of the patient, both inclusive, by default the last 90 days; `code` is LOINC."""

    first: date | None = None
    last: date | None = None
    code: Annotated[str, Meta(max_length=64)] | None = None


def occurrence(value: Occurrence) -> OccurrenceOut:
    """Return the shape of an occurrence."""
    return OccurrenceOut(
        id=value.id,
        assignment_id=value.assignment_id,
        activity_key=value.activity_key,
        kind=value.kind,
        title=value.title,
        planned_at=value.planned_at,
        planned_local=value.planned_local,
        slot=value.slot,
        opens_at=value.opens_at,
        closes_at=value.closes_at,
        state=value.state,
        entry_id=value.entry_id,
    )


def occurrences(value: tuple[Sequence[Occurrence], str | None]) -> Page[OccurrenceOut]:
    """Return the shape of a page of occurrences."""
    rows, token = value
    return Page(items=[occurrence(row) for row in rows], next_page_token=token)


def today(value: Today) -> TodayOut:
    """Return the shape of a day."""
    return TodayOut(
        date=value.date,
        time_zone=value.time_zone,
        occurrences=[occurrence(one) for one in value.occurrences],
        activities=[_plan_activity(one) for one in value.activities],
        done=value.done,
        due=value.due,
    )


def preview(value: Sequence[PlannedDay]) -> Preview:
    """Return the shape of a preview."""
    return Preview(
        days=[
            PreviewDay(
                date=day.date,
                occurrences=[msgspec.convert(one, PreviewOccurrence, from_attributes=True) for one in day.occurrences],
            )
            for day in value
        ]
    )


def entry(value: Entry) -> EntryOut:
    """Return the shape of an entry."""
    return EntryOut(
        id=value.id,
        client_id=value.client_id,
        patient_id=value.patient_id,
        assignment_id=value.assignment_id,
        activity_key=value.activity_key,
        outcome=value.outcome,
        values=[
            ValueOut(
                code=one.code,
                value=one.value,
                unit=one.unit,
                converted=GivenQuantity(value=one.converted_value, unit=one.converted_unit),
            )
            for one in value.values
        ],
        effective_at=value.effective_at,
        recorded_at=value.recorded_at,
        recorded_by=value.recorded_by,
        late=value.late,
        occurrence_id=value.occurrence_id,
        reason=value.reason,
        answers=list(value.answers) or None,
        score=value.score,
        note=value.note,
        replaces=value.replaces,
    )


def recorded(value: Recorded) -> EntryOut | None:
    """Return the shape of the one entry recorded."""
    return None if value.entry is None else entry(value.entry)


def page(value: Page[Entry]) -> Page[EntryOut]:
    """Return the shape of a page of entries."""
    return value.of(entry(row) for row in value.items)


def results(value: Sequence[Recorded], *, request_id: str) -> EntryResults:
    """Return the shape of a batch's results."""
    return EntryResults(results=[_result(one, request_id) for one in value])


def measurements(value: Sequence[Measured]) -> Page[MeasurementOut]:
    """Return the shape of what was measured."""
    return Page(
        items=[
            MeasurementOut(
                code=one.code,
                display=one.display,
                value=one.value,
                unit=one.unit,
                given=GivenQuantity(value=one.given_value, unit=one.given_unit),
                effective_at=one.entry.effective_at,
                entry_id=one.entry.id,
                activity_key=one.entry.activity_key,
                assignment_id=one.entry.assignment_id,
                target_range=one.target_range,
                alert_thresholds=one.alert_thresholds,
            )
            for one in value
        ]
    )


def _plan_activity(value: Explained) -> PlanActivity:
    a = value.activity
    return PlanActivity(
        assignment_id=value.assignment_id,
        activity_key=a.key,
        protocol_title=value.protocol_title,
        kind=a.kind,
        title=a.title,
        instructions=a.instructions,
        measurement=a.measurement,
        questionnaire=a.questionnaire,
        medication=a.medication,
    )


class _RawBatch(msgspec.Struct, forbid_unknown_fields=True):
    entries: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=500)]


class _OnlyClientId(msgspec.Struct):
    client_id: Any = None


def is_batch(body: bytes) -> bool:
    """Return whether a body is a batch; what is neither is then judged as one entry, with that one's faults."""
    try:
        return "entries" in msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def batch_items(body: bytes) -> list[Item]:
    """Return each item of a batch, read or with its own problem. Raises BadRequest, Invalid for the batch itself."""
    items: list[Item] = []
    for raw in decode_body(body, _RawBatch).entries:
        one = bytes(raw)
        try:
            sent: NewEntry | Problem = decode_body(one, NewEntry)
        except Problem as problem:
            sent = problem
        items.append(Item(_client_id(one), sent))
    return items


def _client_id(body: bytes) -> str | None:
    """The client_id of an item for its result, only where it is a UUID: nothing else that was sent is echoed."""
    try:
        return str(UUID(msgspec.json.decode(body, type=_OnlyClientId).client_id))
    except (msgspec.DecodeError, ValueError, TypeError, AttributeError):
        return None


def _result(value: Recorded, request_id: str) -> EntryResult:
    if value.problem is not None:
        return EntryResult(
            client_id=value.client_id,
            status=value.problem.status,
            problem=problem_members(value.problem, request_id),
        )
    return EntryResult(client_id=value.client_id, status=201 if value.is_new else 200, entry=recorded(value))
