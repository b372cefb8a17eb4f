"""What is planned for a patient, and what really happened. Pure values; occurrences are computed and never stored."""

from datetime import date, datetime
from typing import Annotated, Literal, NewType
from uuid import UUID

import msgspec
from msgspec import Meta

from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.model import ActivityKey, ActivityKind, Code, UcumUnit
from healthprotocol.foundation.config.setting import Setting
from healthprotocol.foundation.errors import Problem
from healthprotocol.foundation.ids import AccountId

EntryId = NewType("EntryId", UUID)
OccurrenceId = NewType("OccurrenceId", str)

LATE_DAYS = Setting(
    name="entry.late_days",
    title="Late entries are taken for",
    group="Patients' entries",
    default=7,
    unit="days",
    least=0,
    most=90,
    description="For so long after its time a task can still be ticked off or measured; the entry is marked as late.",
)

OccurrenceState = Literal["not_yet_open", "open", "completed", "skipped", "missed", "not_applicable"]
Outcome = Literal["completed", "skipped"]
# An undo is an entry too: it replaces another and says that nothing happened.
RecordedOutcome = Literal["completed", "skipped", "retracted"]

AnswerValue = str | bool | int | float
"""A choice is given by its option's `value`, a date as ISO text."""


class OccurrenceRef(msgspec.Struct, frozen=True, gc=False):
    """What an occurrence id names. `planned_local` is naive, in the assignment's zone."""

    assignment_id: AssignmentId
    activity_key: str
    planned_local: datetime
    slot: int


class StandingEntry(msgspec.Struct, frozen=True, gc=False):
    """The entry that counts for an occurrence: the newest that nothing replaces."""

    entry_id: EntryId
    outcome: Outcome
    late: bool = False


class Due(msgspec.Struct, frozen=True, gc=False):
    """What decides whether an occurrence takes an entry. `planned_local` is the naive wall time that was meant."""

    planned_local: datetime
    opens_at: datetime
    closes_at: datetime
    state: OccurrenceState


class Occurrence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    One planned instance of an activity, and how it stands at the instant it was computed for.

    `planned_local` is the naive wall time that was meant. `late` says that it was completed after it had closed.
    """

    id: OccurrenceId
    assignment_id: AssignmentId
    activity_key: str
    kind: ActivityKind
    title: str
    planned_at: datetime
    planned_local: datetime
    slot: int
    opens_at: datetime
    closes_at: datetime
    state: OccurrenceState
    entry_id: EntryId | None = None
    late: bool = False


class GivenValue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A measured value as sent. `confirmed` says that it is meant, although it is outside the plausible range."""

    code: Code
    value: float
    unit: UcumUnit
    confirmed: bool = False


class RecordedValue(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A measured value as given, and as converted to the unit of its definition."""

    code: str
    value: float
    unit: str
    converted_value: float
    converted_unit: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer to one item of a questionnaire."""

    link_id: Annotated[str, Meta(min_length=1, max_length=255)]
    value: Annotated[str, Meta(max_length=4_000)] | bool | int | float


class GivenScore(msgspec.Struct, frozen=True, kw_only=True):
    """What the answers add up to, with the label and severity of the band it falls in, if any."""

    value: float
    label: str | None = None
    severity: str | None = None


class NewEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """
    An entry as sent: for an occurrence, or unplanned for an activity of an assignment.

    `client_id` is made by the client and unique for the patient. `replaces` names the entry that this one corrects.
    `confirmed` says that every value is meant, although outside the plausible range.
    """

    client_id: UUID
    outcome: Outcome
    effective_at: datetime
    occurrence_id: Annotated[str, Meta(max_length=200)] | None = None
    assignment_id: UUID | None = None
    activity_key: ActivityKey | None = None
    reason: Annotated[str, Meta(max_length=500)] | None = None
    values: Annotated[tuple[GivenValue, ...], Meta(max_length=20)] = ()
    answers: Annotated[tuple[Answer, ...], Meta(max_length=500)] = ()
    note: Annotated[str, Meta(max_length=4_000)] | None = None
    confirmed: bool = False
    replaces: UUID | None = None


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """
    An entry of a file, or why it cannot be read.

    `recorded_at` is when another system recorded it, None being now. It corrects the entry of `replaces_client_id`, or
    of `sent.replaces`; with `is_retraction` it undoes it. With `is_trial` it is judged and never written: it was
    refused already, and whoever mends it wants to know what else stands against it.
    """

    sent: NewEntry | Problem
    # What `sent.occurrence_id` names, where whoever reads the file made it of that; None to have it parsed.
    ref: OccurrenceRef | None = None
    recorded_at: datetime | None = None
    replaces_client_id: UUID | None = None
    is_retraction: bool = False
    is_trial: bool = False

    @property
    def is_slow(self) -> bool:
        """Whether it leans on another entry, which must be there before it."""
        if self.is_retraction or self.replaces_client_id is not None:
            return True
        return isinstance(self.sent, NewEntry) and self.sent.replaces is not None


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    What happened. Append-only: a correction is another entry that `replaces` this one.

    `occurrence_id` is None when it was not planned. `late` says that it was recorded after the occurrence had closed.
    """

    id: EntryId
    client_id: UUID
    patient_id: PatientId
    assignment_id: AssignmentId
    activity_key: str
    outcome: RecordedOutcome
    effective_at: datetime
    recorded_at: datetime
    recorded_by: AccountId
    occurrence_id: OccurrenceId | None = None
    reason: str | None = None
    values: tuple[RecordedValue, ...] = ()
    answers: tuple[Answer, ...] = ()
    score: GivenScore | None = None
    note: str | None = None
    late: bool = False
    replaces: EntryId | None = None

    @property
    def revision(self) -> int:
        """Always 1, for an entry never changes: who has it once need not be sent it again."""
        return 1


class EntriesRecorded(msgspec.Struct, frozen=True):
    """
    Entries of one assignment were recorded: its adherence and alerts are to be looked at again.

    `from_on` is the earliest local date whose occurrences they are of, None when all are unplanned. `entries` are
    themselves, for whoever looks at what they say; they never leave the process.
    """

    entry_ids: tuple[EntryId, ...]
    patient_id: PatientId
    assignment_id: AssignmentId
    from_on: date | None
    entries: tuple[Entry, ...] = ()


class EntriesBrought(msgspec.Struct, frozen=True):
    """
    Entries of many assignments came in with a file. None of them replaces another.

    `days` are the local dates, one an entry, that their occurrences are planned for; None of what was not planned.
    """

    entries: tuple[Entry, ...]
    days: tuple[date | None, ...]
