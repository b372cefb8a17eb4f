"""
Adherence: of a person and an assignment computed from the plan, of many added up from counts that a job keeps.

`refresh` makes those counts from the same computation, so both say the same.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec

from healthprotocol.care.adherence import repository
from healthprotocol.care.adherence.model import Adherence, DayCount
from healthprotocol.care.adherence.repository import Cover, Group, GroupTally, Recount
from healthprotocol.care.adherence.rules.counting import day_counts, next_change_at
from healthprotocol.care.adherence.rules.ratios import adherence, tally
from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import (
    Assignment,
    AssignmentChanged,
    AssignmentId,
    AssignmentsStarted,
    AssignmentStarted,
)
from healthprotocol.care.entries import service as entries
from healthprotocol.care.entries.model import EntriesBrought, EntriesRecorded, Occurrence
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.errors import ProtocolNotFound
from healthprotocol.care.protocols.model import ProtocolId
from healthprotocol.care.protocols.rules.local_time import calendar_of
from healthprotocol.foundation.cache import CacheSpec, tag
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import BadRequest, Forbidden, Violation
from healthprotocol.foundation.jobs import operations
from healthprotocol.trust.access import service as access
from healthprotocol.trust.audit import service as audit

MAX_RANGE_DAYS = 366
# While counts are made anew, whoever records an entry for one of these plans waits: a tenth of a second, not a second.
BATCH = 25


# What the counts of all of an organisation's plans depend on: the job that makes them.
COUNTS = tag("adherence")
# And what their choice depends on: which plans run.
PLANS = tag("assignment")


class DayAdherence(msgspec.Struct, frozen=True):
    """The counts of one local date."""

    date: date
    completed: int
    skipped: int
    missed: int


class Report(msgspec.Struct, frozen=True):
    """Adherence with its days. `as_of` is the instant for which it is right; `titles` are of activities, by key."""

    adherence: Adherence
    by_day: tuple[DayAdherence, ...]
    as_of: datetime
    titles: Mapping[str, str] = {}


# They say themselves how old they are, so a minute more is no lie; new counts end them at once.
SUMS: CacheSpec[Report] = CacheSpec(
    name="adherence_sums", kind=Report, fresh_seconds=15.0, stale_seconds=60.0, share=0.2, shared=True
)


# The operation that brings entries in from a file.
FILE_OF_ENTRIES = "import.entries"
LONGEST_DEFERRAL = timedelta(minutes=10)


class Named(msgspec.Struct, frozen=True):
    """What a row of a ranking is of, as names that a list shows."""

    title: str
    patient_id: UUID | None = None
    protocol_id: UUID | None = None


Ranked = tuple[GroupTally, Named]


class Ranking(msgspec.Struct, frozen=True):
    """The rows in their order, and the names of those that are of people, by the row's id."""

    rows: tuple[GroupTally, ...]
    people: Mapping[UUID, Named]


# In memory only: they are of single people, and name them.
RANKS: CacheSpec[Ranking] = CacheSpec(
    name="adherence_ranks", version=2, kind=Ranking, fresh_seconds=15.0, stale_seconds=60.0, share=0.1
)


async def of_patient(
    tx: Transaction,
    actor: Actor,
    patient_id: PatientId,
    *,
    from_on: date | None,
    to_on: date | None,
    at: datetime | None,
) -> Report:
    """
    Return a patient's adherence over local dates, by default the last 366 days, as of `at` (staff only; None is now).

    Raises PatientNotFound, BadRequest, Forbidden.
    """
    await access.require_patient(tx, actor, patient_id)
    instant = _instant(tx, actor, at)
    time_zone = await patients.time_zone_of(tx, patient_id)
    today = calendar_of(time_zone).local_date(instant)
    first, last = _range(from_on, to_on, today=today)
    found = await assignments.of_patient(tx, patient_id, from_on=first, to_on=last)
    await audit.record(tx, actor, "patient.adherence", patient_id, object_type="patient", subject_id=patient_id)
    # Without a beginning that was asked for, the time before the first plan is not part of the answer.
    begins = from_on or max(first, min((one.starts_on for one in found), default=last))
    report = _report(await computed_counts(tx, found, begins, last, instant), begins, last, as_of=instant)
    return msgspec.structs.replace(report, titles=await _titles(tx, found))


async def of_assignment(
    tx: Transaction,
    actor: Actor,
    assignment_id: AssignmentId,
    *,
    from_on: date | None,
    to_on: date | None,
    at: datetime | None,
) -> Report:
    """
    Return an assignment's adherence over local dates, by default all of it.

    Raises AssignmentNotFound, BadRequest, Forbidden.
    """
    assignment = await assignments.get_visible(tx, actor, assignment_id)
    instant = _instant(tx, actor, at)
    today = calendar_of(assignment.time_zone).local_date(instant)
    first = from_on or assignment.starts_on
    last = to_on or max(min(assignment.ends_on, today), assignment.starts_on)
    if from_on is not None or to_on is not None:
        # A plan that was moved or shifted may last longer than a range may: by itself it is still counted whole.
        first, last = _range(first, last, today=today)
    await audit.record(
        tx, actor, "assignment.adherence", assignment_id, object_type="assignment", subject_id=assignment.patient_id
    )
    report = _report(await computed_counts(tx, [assignment], first, last, instant), first, last, as_of=instant)
    return msgspec.structs.replace(report, titles=await _titles(tx, [assignment]))


async def of_protocol(
    tx: Transaction, actor: Actor, protocol_id: ProtocolId | None, *, from_on: date | None, to_on: date | None
) -> Report:
    """
    Return the adherence of all patients to one protocol, or to all of them (None).

    Raises ProtocolNotFound, BadRequest, Forbidden.
    """
    await _require_all(tx, actor)
    if protocol_id is not None and protocol_id not in await protocols.titles(tx, [protocol_id]):
        raise ProtocolNotFound
    today = tx.now.date()
    first, last = _range(from_on or (to_on or today) - timedelta(days=89), to_on, today=today)
    asked = (protocol_id, first, last)
    report = await tx.cache.get(SUMS, asked, _summing(*asked), tags=[COUNTS])
    await audit.record(tx, actor, "adherence.sum", protocol_id, object_type="protocol")
    return report


async def ranking(
    tx: Transaction, actor: Actor, group: Group, *, from_on: date | None, to_on: date | None, order_by: str, limit: int
) -> list[Ranked]:
    """
    Return running plans, by default of the last 14 days, added up by `group`, worst first unless asked otherwise.

    Raises BadRequest, Forbidden.
    """
    await _require_all(tx, actor)
    today = tx.now.date()
    first, last = _range(from_on or (to_on or today) - timedelta(days=13), to_on, today=today)
    asked = (group, first, last, order_by, limit)
    kept = await tx.cache.get(RANKS, asked, _ranking(*asked), tags=[COUNTS, PLANS, patients.NAMES])
    named = kept.people
    if group == "protocol":
        titles = await protocols.titles(tx, [row.id for row in kept.rows])
        named = {id_: Named(title, protocol_id=id_) for id_, title in titles.items()}
    else:
        shown = dict.fromkeys(one.patient_id for one in named.values() if one.patient_id is not None)
        await patients.record_list(tx, actor, list(shown))
    await audit.record(tx, actor, "adherence.rank", object_type=group)
    return [(row, named[row.id]) for row in kept.rows if row.id in named]


def _summing(protocol_id: ProtocolId | None, first: date, last: date) -> Callable[[Transaction], Awaitable[Report]]:
    async def load(tx: Transaction) -> Report:
        as_of = await repository.as_of(tx)
        counts = await repository.counts(tx, from_on=first, to_on=last, protocol_id=protocol_id)
        return _report(counts, first, last, as_of=as_of)

    return load


def _ranking(
    group: Group, first: date, last: date, order_by: str, limit: int
) -> Callable[[Transaction], Awaitable[Ranking]]:
    async def load(tx: Transaction) -> Ranking:
        rows = await repository.grouped(tx, group, from_on=first, to_on=last, order_by=order_by, limit=limit)
        people = {} if group == "protocol" else await _people(tx, group, [row.id for row in rows])
        return Ranking(tuple(rows), people)

    return load


async def is_deferred(tx: Transaction) -> bool:
    """
    Return whether to count later, because entries of a file come in, whose plans would be counted each minute again.

    For ten minutes at most, and no longer than a minute after the file last got on.
    """
    return await operations.is_under_way(
        tx, FILE_OF_ENTRIES, made_after=tx.now - LONGEST_DEFERRAL, moved_after=tx.now - timedelta(minutes=1)
    )


async def refresh(tx: Transaction, *, limit: int = BATCH) -> int:
    """Bring up to `limit` stale counts of the tenant up to date; return how many there were."""
    covers = {cover.assignment_id: cover for cover in await repository.due_covers(tx, limit=limit)}
    found = await assignments.by_ids(tx, list(covers))
    if found:
        recounts = await _recounts(tx, [(one, covers[one.id]) for one in found])
        await repository.replace_days(tx, recounts)
        await repository.set_covers(tx, recounts)
        tx.invalidate(COUNTS)
    return len(covers)


async def rebuild(tx: Transaction, *, after: UUID | None = None, limit: int = 1_000) -> UUID | None:
    """Have the counts of the next `limit` assignments made anew; return where to go on, None at the end."""
    return await repository.restart(tx, after=after, limit=limit)


async def on_started(tx: Transaction, event: AssignmentStarted) -> None:
    """Have a new plan counted."""
    await repository.begin(tx, [event.assignment_id])
    tx.invalidate(PLANS)


async def on_many_started(tx: Transaction, event: AssignmentsStarted) -> None:
    """Have new plans counted."""
    await repository.begin(tx, event.assignment_ids)
    tx.invalidate(PLANS)


async def on_changed(tx: Transaction, event: AssignmentChanged) -> None:
    """Have what a change of plan touched counted again; a pause reaches back to what was open then."""
    await repository.mark_stale(tx, event.assignment_id, from_on=event.from_on)
    tx.invalidate(PLANS)


async def on_recorded(tx: Transaction, event: EntriesRecorded) -> None:
    """Have the days that entries are of counted again."""
    if event.from_on is not None:
        await repository.mark_stale(tx, event.assignment_id, from_on=event.from_on)


async def on_brought(tx: Transaction, event: EntriesBrought) -> None:
    """Have the days that the entries of a file are of counted again, all plans in one statement."""
    first_days: dict[UUID, date] = {}
    for entry, day in zip(event.entries, event.days, strict=True):
        if day is not None:
            first_days[entry.assignment_id] = min(day, first_days.get(entry.assignment_id, day))
    if first_days:
        await repository.mark_many_stale(tx, first_days)


async def _recounts(tx: Transaction, plans: Sequence[tuple[Assignment, Cover]]) -> list[Recount]:
    # Two days ahead of UTC holds every local day that can have begun; what is planned later cannot have closed.
    soon = (tx.now + timedelta(days=2)).date()
    ranges: list[tuple[Assignment, date, date]] = []
    for assignment, cover in plans:
        last = min(assignment.ends_on, soon)
        ranges.append((assignment, cover.recount_from, assignment.ends_on if last < cover.recount_from else last))
    computed = await entries.computed_each(tx, ranges, at=tx.now)
    return [
        _recount(assignment, cover, list(found), at=tx.now)
        for (assignment, cover), found in zip(plans, computed, strict=True)
    ]


def _recount(assignment: Assignment, cover: Cover, planned: Sequence[Occurrence], *, at: datetime) -> Recount:
    last = min(assignment.ends_on, (at + timedelta(days=2)).date())
    still_open = [one for one in planned if one.state != "not_applicable" and one.closes_at > at]
    next_due_at = next_change_at(planned, at=at)
    if next_due_at is None and last < assignment.ends_on and assignment.status in {"active", "paused"}:
        # Nothing near is open: look again when the days looked at are over.
        next_due_at = at + timedelta(days=1)
    return Recount(
        assignment=assignment,
        cover=cover,
        counts=day_counts(planned, at=at),
        next_from=min((one.planned_local.date() for one in still_open), default=max(last, cover.recount_from)),
        next_due_at=next_due_at,
    )


async def computed_counts(
    tx: Transaction, found: Sequence[Assignment], from_on: date, to_on: date, at: datetime
) -> list[DayCount]:
    """Return the counts of these plans between two local dates as they stood at `at`, computed from the plan itself."""
    computed = await entries.computed(tx, found, from_on=from_on, to_on=to_on, at=at)
    return [count for _, occurrences in computed for count in day_counts(occurrences, at=at)]


async def _titles(tx: Transaction, found: Sequence[Assignment]) -> dict[str, str]:
    """Return what the activities of these plans are called, by key, in their newest versions."""
    contents = await assignments.load_with_contents(tx, found)
    return {
        activity.key: activity.title
        for one in found
        for segment in one.segments
        for phase in contents[one.protocol_id][segment.version].phases
        for activity in phase.activities
    }


def _report(counts: Iterable[DayCount], from_on: date, to_on: date, *, as_of: datetime) -> Report:
    known = list(counts)
    by_day: dict[date, list[DayCount]] = {}
    for count in known:
        by_day.setdefault(count.day, []).append(count)
    days = [(day, tally(those)) for day, those in sorted(by_day.items())]
    return Report(
        adherence=adherence(known, from_on=from_on, to_on=to_on),
        by_day=tuple(DayAdherence(day, total.completed, total.skipped, total.missed) for day, total in days),
        as_of=as_of,
    )


async def _people(tx: Transaction, group: Group, ids: Sequence[UUID]) -> dict[UUID, Named]:
    """Return who the rows of a ranking are of; whoever shows them records it."""
    if group == "patient":
        names = await patients.names_to_keep(tx, ids)
        return {id_: Named(name, patient_id=id_) for id_, name in names.items()}
    found = {one.id: one for one in await assignments.by_ids(tx, ids)}
    names = await patients.names_to_keep(tx, [one.patient_id for one in found.values()])
    return {
        id_: Named(names[one.patient_id], patient_id=one.patient_id, protocol_id=one.protocol_id)
        for id_, one in found.items()
        if one.patient_id in names
    }


async def _require_all(tx: Transaction, actor: Actor) -> None:
    if (await access.sight(tx, actor)).only is not None:
        raise Forbidden("Sums over patients are for staff.")


def _instant(tx: Transaction, actor: Actor, at: datetime | None) -> datetime:
    if at is None:
        return tx.now
    if actor.role == "patient":
        raise Forbidden("Only staff may ask how a plan stood at another time.")
    return at


def _range(from_on: date | None, to_on: date | None, *, today: date) -> tuple[date, date]:
    last = to_on or max(today, from_on or today)
    first = from_on or last - timedelta(days=MAX_RANGE_DAYS - 1)
    if first > last or (last - first).days >= MAX_RANGE_DAYS:
        detail = f"The range has 1 to {MAX_RANGE_DAYS} days, from before to."
        raise BadRequest(violations=[Violation("/from", "out_of_range", detail)])
    return first, last
