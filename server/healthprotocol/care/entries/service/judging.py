"""Hold one item that was sent to the plan and its definition: what it becomes, or what stands against it."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from healthprotocol.care.assignments.model import Assignment, AssignmentId
from healthprotocol.care.assignments.rules.plan import Contents
from healthprotocol.care.entries.errors import EntryAlreadyReplaced, EntryNotFound, OccurrenceNotFound
from healthprotocol.care.entries.model import Entry, EntryId, NewEntry, OccurrenceId, OccurrenceRef
from healthprotocol.care.entries.rules.acceptance import check_effective_at, require_acceptable
from healthprotocol.care.entries.rules.day_book import DayBook
from healthprotocol.care.entries.rules.occurrence_ids import parse_occurrence_id
from healthprotocol.care.entries.rules.validation import check_entry
from healthprotocol.care.protocols.model import Activity
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, Violation

_CORRECTABLE_DAYS = 400


class Draft(msgspec.Struct, frozen=True):
    """
    An item that may become an entry, with its place in the batch.

    `recorded_at` None means now; what another system recorded, it recorded at an instant of its own.
    """

    index: int
    sent: NewEntry
    assignment: Assignment
    contents: Contents
    ref: OccurrenceRef | None
    content_hash: bytes
    recorded_at: datetime | None = None


def place(sent: NewEntry) -> tuple[AssignmentId, OccurrenceRef | None]:
    """Return the assignment an entry belongs to, and its occurrence where it has one."""
    if sent.occurrence_id is not None:
        if sent.assignment_id is not None or sent.activity_key is not None:
            detail = "The occurrence names these already: leave assignment_id and activity_key out."
            raise Invalid(violations=[Violation("/occurrence_id", "contradiction", detail)])
        ref = parse_occurrence_id(sent.occurrence_id)
        if ref is None:
            raise OccurrenceNotFound
        return ref.assignment_id, ref
    missing = [name for name in ("assignment_id", "activity_key") if getattr(sent, name) is None]
    if missing:
        detail = "Give an occurrence_id, or both assignment_id and activity_key."
        raise Invalid(violations=[Violation(f"/{name}", "required", detail) for name in missing])
    return AssignmentId(UUID(str(sent.assignment_id))), None


def entry_of(
    tx: Transaction,
    actor: Actor,
    draft: Draft,
    *,
    id: UUID,  # noqa: A002 - the field's name
    book: DayBook,
    before: Mapping[UUID, Entry],
    replaced: set[UUID],
    late_days: int,
) -> Entry:
    """
    Return the entry that a draft becomes. Raises the Problem that stands against it.

    `late_days` is LATE_DAYS as it holds here: looked up once for many drafts.
    """
    sent, assignment = draft.sent, draft.assignment
    at = draft.recorded_at or tx.now
    violations = check_effective_at(sent.effective_at, at=at)
    if violations:
        raise Invalid(violations=violations)
    activity, late = _held_to_plan(draft, book, at=at, late_days=late_days)
    _require_correctable(draft, before=before, replaced=replaced)
    checked = check_entry(sent, activity)
    if checked.violations:
        raise Invalid(violations=checked.violations)
    return Entry(
        id=EntryId(id),
        client_id=sent.client_id,
        patient_id=assignment.patient_id,
        assignment_id=assignment.id,
        activity_key=activity.key,
        outcome=sent.outcome,
        effective_at=sent.effective_at,
        recorded_at=at,
        recorded_by=actor.account_id,
        occurrence_id=None if sent.occurrence_id is None else OccurrenceId(sent.occurrence_id),
        reason=sent.reason,
        values=checked.values,
        answers=sent.answers,
        score=checked.score,
        note=sent.note,
        late=late,
        replaces=None if sent.replaces is None else EntryId(sent.replaces),
    )


def _held_to_plan(draft: Draft, book: DayBook, *, at: datetime, late_days: int) -> tuple[Activity, bool]:
    """Return the activity, adjusted to the patient, and whether the entry is late. Raises what stands against it."""
    assignment, sent = draft.assignment, draft.sent
    if draft.ref is None:
        return _unplanned_activity(draft), False
    found = book.find(assignment, draft.contents, draft.ref)
    if found is None:
        raise OccurrenceNotFound
    occurrence, activity = found
    is_correction = sent.replaces is not None
    late = require_acceptable(
        occurrence,
        effective_at=sent.effective_at,
        at=at,
        time_zone=assignment.time_zone,
        # What was recorded in time may be corrected later than it could be recorded.
        late_days=_CORRECTABLE_DAYS if is_correction else late_days,
    )
    return activity, late and not is_correction


def _unplanned_activity(draft: Draft) -> Activity:
    """Return the activity as the newest version that has it defines it."""
    for version in sorted(draft.contents, reverse=True):
        for phase in draft.contents[version].phases:
            for activity in phase.activities:
                if activity.key == draft.sent.activity_key:
                    return activity
    raise Invalid(violations=[Violation("/activity_key", "unknown", "The plan has no such activity.")])


def _require_correctable(draft: Draft, *, before: Mapping[UUID, Entry], replaced: set[UUID]) -> None:
    if draft.sent.replaces is None:
        return
    corrected = before.get(draft.sent.replaces)
    if corrected is None or corrected.assignment_id != draft.assignment.id:
        raise EntryNotFound
    if corrected.id in replaced:
        raise EntryAlreadyReplaced
    is_other_activity = draft.sent.activity_key not in {None, corrected.activity_key}
    if corrected.occurrence_id != draft.sent.occurrence_id or is_other_activity:
        detail = "A correction is of the same occurrence, or unplanned activity, as the entry it replaces."
        raise Invalid(violations=[Violation("/replaces", "contradiction", detail)])


def client_of(draft: Draft) -> tuple[UUID, UUID]:
    """Return what names the item to its client: patient and client-made id."""
    return draft.assignment.patient_id, draft.sent.client_id
