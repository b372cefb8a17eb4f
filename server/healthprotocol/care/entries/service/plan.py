"""What is planned, computed when asked: the day of a patient, the occurrences of an assignment, a week of a version."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import Assignment, AssignmentId
from healthprotocol.care.assignments.rules import lifecycle
from healthprotocol.care.assignments.rules.plan import Contents, planned_activities
from healthprotocol.care.entries import repository
from healthprotocol.care.entries.model import Entry, Occurrence, OccurrenceId, StandingEntry
from healthprotocol.care.entries.rules.occurrences import occurrences, standing_entries
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import Activity, ProtocolContent, ProtocolId
from healthprotocol.care.protocols.rules.local_time import calendar_of, is_time_zone
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.listing import seal, text, unseal
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import BadRequest, Forbidden, Violation
from healthprotocol.foundation.ids import AccountId, OrganisationId
from healthprotocol.trust.access import service as access
from healthprotocol.trust.audit import service as audit

MAX_RANGE_DAYS = 366
MAX_PREVIEW_DAYS = 31
LARGEST_PAGE = 200
# What was planned earlier and is still open is shown today too; windows that began before this are not looked for.
CARRY_OVER_DAYS = 31
_STRETCH = timedelta(days=27)


class Explained(msgspec.Struct, frozen=True):
    """What an activity of the day asks, adjusted to the patient: she may read this, not the library."""

    assignment_id: AssignmentId
    protocol_title: str
    activity: Activity


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """
    A patient's local day: `due` counts what applies, `done` what of it was completed.

    `activities` are those that the occurrences are of.
    """

    date: date
    time_zone: str
    occurrences: tuple[Occurrence, ...]
    activities: tuple[Explained, ...]
    done: int
    due: int


class PlannedDay(msgspec.Struct, frozen=True):
    """One day of a preview."""

    date: date
    occurrences: tuple[Occurrence, ...]


async def today(
    tx: Transaction, actor: Actor, patient_id: PatientId, *, on: date | None, at: datetime | None = None
) -> Today:
    """
    Return a patient's day, the present one when `on` is None, as it stands at `at` (staff only; None is now).

    Raises PatientNotFound, Forbidden.
    """
    await access.require_patient(tx, actor, patient_id)
    instant = _instant(tx, actor, at)
    time_zone = await patients.time_zone_of(tx, patient_id)
    await audit.record_ahead(tx, actor, "patient.today", patient_id, object_type="patient", subject_id=patient_id)
    day = on or calendar_of(time_zone).local_date(instant)
    found = await assignments.of_patient(tx, patient_id, from_on=day - timedelta(days=CARRY_OVER_DAYS), to_on=day)
    contents = await assignments.load_with_contents(tx, found)
    entries = await _entries(tx, found, day - timedelta(days=CARRY_OVER_DAYS), day, at=instant)
    shown: list[Occurrence] = []
    explained: list[Explained] = []
    for assignment in found:
        versions = contents[assignment.protocol_id]
        ones = list(_of_day(assignment, versions, entries.get(assignment.id, ()), day=day, at=instant))
        explained += _explained(assignment, versions, {one.activity_key for one in ones}, day=day)
        shown += ones
    shown.sort(key=lambda one: (one.planned_at, one.closes_at))
    due = [one for one in shown if one.state != "not_applicable"]
    done = sum(one.state == "completed" for one in due)
    return Today(
        date=day,
        time_zone=time_zone,
        occurrences=tuple(shown),
        activities=tuple(explained),
        done=done,
        due=len(due),
    )


async def occurrences_of(
    tx: Transaction,
    actor: Actor,
    assignment_id: AssignmentId,
    *,
    from_on: date | None,
    to_on: date | None,
    page_size: int,
    page_token: str | None,
    at: datetime | None = None,
) -> tuple[list[Occurrence], str | None]:
    """
    Return a page of what is planned on the local dates `from_on` … `to_on`, by default the whole assignment.

    Raises AssignmentNotFound, BadRequest (a range of over 366 days, a token of something else), Forbidden.
    """
    assignment = await assignments.get_visible(tx, actor, assignment_id)
    instant = _instant(tx, actor, at)
    first, last = from_on or assignment.starts_on, to_on or assignment.ends_on
    if from_on is not None or to_on is not None:
        # A plan that was moved or shifted may last longer than a range may: by itself it is still shown whole.
        _require_range(first, last)
    _require_page_size(page_size)
    binding = (str(tx.tenant), "occurrences", str(assignment_id), first.isoformat(), last.isoformat())
    signer = tx.keys.signer("page_token")
    after = None
    if page_token:
        after = unseal(page_token, [_DAY_FIELD, _ID_FIELD], binding=binding, signer=signer)
        if after is None:
            raise BadRequest(violations=[_TOKEN_FAULT])
    start, last_id = (first, None) if after is None else (date.fromisoformat(str(after[0])), str(after[1]))
    planned = _planned(tx, assignment, max(start, assignment.starts_on), min(last, assignment.ends_on), at=instant)
    rows = await _page_of(planned, page_size + 1, last_id=last_id)
    await audit.record(
        tx, actor, "assignment.occurrences", assignment_id, object_type="assignment", subject_id=assignment.patient_id
    )
    if len(rows) <= page_size:
        return rows, None
    rows = rows[:page_size]
    values = [rows[-1].planned_local.date().isoformat(), rows[-1].id]
    return rows, seal(values, binding=binding, signer=signer)


async def preview(
    tx: Transaction,
    protocol_id: ProtocolId,
    version: int,
    *,
    starts_on: date | None,
    days: int,
    first_day: int,
    time_zone: str,
) -> list[PlannedDay]:
    """Return what plan days `first_day` … of a version would ask of a patient. Raises VersionNotFound, BadRequest."""
    if not is_time_zone(time_zone):
        raise BadRequest(violations=[_ZONE_FAULT])
    found = await protocols.get_version(tx, protocol_id, version)
    begins = starts_on or calendar_of(time_zone).local_date(tx.now)
    assignment = _imagined(found.content, begins, time_zone, version=version, at=tx.now)
    first = begins + timedelta(days=first_day - 1)
    planned: dict[date, list[Occurrence]] = {first + timedelta(days=n): [] for n in range(min(days, MAX_PREVIEW_DAYS))}
    last = max(planned)
    # Far in the past nothing is open yet: a preview shows what is planned, not how it stands.
    long_ago = tx.now - timedelta(days=365 * 200)
    for one in occurrences(assignment, {version: found.content}, from_on=first, to_on=last, standing={}, at=long_ago):
        planned[one.planned_local.date()].append(one)
    return [PlannedDay(day, tuple(ones)) for day, ones in planned.items()]


async def computed(
    tx: Transaction, found: Sequence[Assignment], *, from_on: date, to_on: date, at: datetime
) -> Iterator[tuple[Assignment, Iterator[Occurrence]]]:
    """Return, for each assignment, what is planned on these local dates as it stands at `at`: for counting."""
    contents = await assignments.load_with_contents(tx, found)
    entries = await _entries(tx, found, from_on, to_on, at=at)
    return (
        (one, computed_from(one, contents[one.protocol_id], entries, from_on=from_on, to_on=to_on, at=at))
        for one in found
    )


async def computed_each(
    tx: Transaction, ranges: Sequence[tuple[Assignment, date, date]], *, at: datetime
) -> Iterator[Iterator[Occurrence]]:
    """Return what is planned for each assignment between its two local dates, as `computed` does: for counting."""
    found = [one for one, _, _ in ranges]
    contents = await assignments.load_with_contents(tx, found)
    from_on, to_on = min(first for _, first, _ in ranges), max(last for _, _, last in ranges)
    entries = await _entries(tx, found, from_on, to_on, at=at)
    return (
        computed_from(one, contents[one.protocol_id], entries, from_on=first, to_on=last, at=at)
        for one, first, last in ranges
    )


def computed_from(
    assignment: Assignment,
    contents: Contents,
    entries: Mapping[UUID, Sequence[Entry]],
    *,
    from_on: date,
    to_on: date,
    at: datetime,
) -> Iterator[Occurrence]:
    """Return what is planned, with the entries that count."""
    standing = standing_entries(entries.get(assignment.id, ()))
    return occurrences(assignment, contents, from_on=from_on, to_on=to_on, standing=standing, at=at)


async def standing_of(
    tx: Transaction, assignment: Assignment, *, from_on: date, to_on: date
) -> dict[OccurrenceId, StandingEntry]:
    """Return the entry that counts for each occurrence planned on these local dates."""
    entries = await _entries(tx, [assignment], from_on, to_on, at=tx.now)
    return standing_entries(entries.get(assignment.id, ()))


_ZONE_FAULT = Violation("/time_zone", "unknown", "Give the name of an IANA time zone, such as Europe/Berlin.")
_DAY_FIELD, _ID_FIELD = text("planned_on", sortable=True), text("id", sortable=True)
_TOKEN_FAULT = Violation(
    "/page_token", "page_token_invalid", "The page token does not belong to this list. Begin again without one."
)


def _instant(tx: Transaction, actor: Actor, at: datetime | None) -> datetime:
    if at is None:
        return tx.now
    if actor.role == "patient":
        raise Forbidden("Only staff may ask how a plan stood at another time.")
    return at


async def _contents(tx: Transaction, assignment: Assignment) -> Contents:
    return (await assignments.load_with_contents(tx, [assignment]))[assignment.protocol_id]


async def _entries(
    tx: Transaction, found: Sequence[Assignment], from_on: date, to_on: date, *, at: datetime
) -> dict[UUID, list[Entry]]:
    """Return the entries planned on these dates, by assignment, as far as they were recorded at `at`."""
    entries = await repository.planned_between(tx, [one.id for one in found], from_on=from_on, to_on=to_on)
    if at >= tx.now:
        # Not compared then: another node's clock may be ahead of ours, and what it just recorded is there all the same.
        return entries
    return {id_: [entry for entry in those if entry.recorded_at <= at] for id_, those in entries.items()}


async def _planned(
    tx: Transaction, assignment: Assignment, from_on: date, to_on: date, *, at: datetime
) -> AsyncIterator[list[Occurrence]]:
    """Yield what is planned, a stretch of days at a time: a page reads the entries of no more days than it shows."""
    contents = await _contents(tx, assignment)
    while from_on <= to_on:
        last = min(from_on + _STRETCH, to_on)
        entries = await _entries(tx, [assignment], from_on, last, at=at)
        yield list(computed_from(assignment, contents, entries, from_on=from_on, to_on=last, at=at))
        from_on = last + timedelta(days=1)


async def _page_of(planned: AsyncIterator[list[Occurrence]], wanted: int, *, last_id: str | None) -> list[Occurrence]:
    """Return up to `wanted` occurrences, behind the one of `last_id` where there was a page before."""
    rows: list[Occurrence] = []
    async for stretch in planned:
        rows += _after(iter(stretch), last_id)
        # It was of the first day that is looked at.
        last_id = None
        if len(rows) >= wanted:
            break
    return rows[:wanted]


def _of_day(
    assignment: Assignment, contents: Contents, entries: Sequence[Entry], *, day: date, at: datetime
) -> Iterator[Occurrence]:
    """What is planned on the day, and of earlier days what is still open or was recorded on it."""
    calendar = calendar_of(assignment.time_zone)
    effective = {entry.id: entry.effective_at for entry in entries}
    begins, ends = calendar.midnight_at(day), calendar.midnight_at(day + timedelta(days=1))
    first = day - timedelta(days=CARRY_OVER_DAYS)
    standing = standing_entries(entries)
    for one in occurrences(assignment, contents, from_on=first, to_on=day, standing=standing, at=at):
        if one.planned_local.date() == day:
            yield one
        elif one.opens_at < ends and one.closes_at > begins:
            effective_at = effective.get(one.entry_id) if one.entry_id else None
            if one.state == "open" or (effective_at is not None and calendar.local_date(effective_at) == day):
                yield one


def _explained(assignment: Assignment, contents: Contents, keys: set[str], *, day: date) -> Iterator[Explained]:
    """Yield the activities of these keys, each as the newest plan before the end of the day has it."""
    first = max(assignment.starts_on, day - timedelta(days=CARRY_OVER_DAYS))
    newest = {
        part.activity.key: Explained(assignment.id, contents[part.segment.version].title, part.activity)
        for part in planned_activities(assignment, contents, from_on=first, to_on=day)
    }
    return (explained for key, explained in newest.items() if key in keys)


def _after(found: Iterator[Occurrence], last_id: str | None) -> Iterator[Occurrence]:
    """Skip to behind the occurrence that ended the page before; were it gone, its day comes again, never nothing."""
    if last_id is None:
        yield from found
        return
    waiting: list[Occurrence] = []
    for one in found:
        waiting.append(one)
        if one.id == last_id:
            yield from found
            return
        if one.planned_local.date() != waiting[0].planned_local.date():
            break
    yield from waiting
    yield from found


def _require_range(first: date, last: date) -> None:
    if last < first or (last - first).days >= MAX_RANGE_DAYS:
        raise BadRequest(
            violations=[Violation("/to", "out_of_range", f"The range has 1 to {MAX_RANGE_DAYS} days, from before to.")]
        )


def _require_page_size(page_size: int) -> None:
    if not 1 <= page_size <= LARGEST_PAGE:
        detail = f"A page has 1 to {LARGEST_PAGE} items."
        raise BadRequest(violations=[Violation("/page_size", "page_size_out_of_range", detail)])


def _imagined(content: ProtocolContent, starts_on: date, time_zone: str, *, version: int, at: datetime) -> Assignment:
    """An assignment of nobody, to compute a preview with."""
    nobody = UUID(int=0)
    return Assignment(
        id=AssignmentId(nobody),
        organisation_id=OrganisationId(nobody),
        protocol_id=ProtocolId(nobody),
        patient_id=PatientId(nobody),
        status="active",
        assigned_at=at,
        assigned_by=AccountId(nobody),
        starts_on=starts_on,
        ends_on=lifecycle.last_day(starts_on, duration_days=content.duration_days),
        time_zone=time_zone,
        segments=(lifecycle.first_segment(version=version, starts_on=starts_on),),
    )
