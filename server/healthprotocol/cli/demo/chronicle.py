"""What the patients of a demo clinic did, written down through the services as it would have come in, day by day."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.entries import service as entries
from healthprotocol.care.entries.model import Answer, Entry, GivenValue, NewEntry, Occurrence
from healthprotocol.care.entries.service import Item
from healthprotocol.cli.demo.behaviour import Deed, Due, Story, deed
from healthprotocol.cli.demo.clinic import SIGNED_UP, Assigned, OpenClinic
from healthprotocol.cli.demo.library import protocol
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database, Transaction

MOST_AT_ONCE = 400
# How long after a late deed it is written down.
LATE_AFTER = timedelta(hours=5)
# One in so many measurements is first typed wrong and then corrected.
SLIPS = 60

_NAMES = UUID("0190d5a2-7c1e-7b5c-9a44-6f2f5a3f6b10")

Advance = Callable[[int, int | None], None]


class Told(msgspec.Struct, frozen=True):
    """A deed with whose it is."""

    assigned: Assigned
    deed: Deed

    @property
    def client_id(self) -> UUID:
        """An id that is the same on every machine, as long as person, protocol and planned time are."""
        due = self.deed.due
        place = (self.assigned.person.name, self.assigned.plan.protocol, due.activity_key, due.planned_local, due.slot)
        return uuid5(_NAMES, "/".join(map(str, place)))

    @property
    def is_slip(self) -> bool:
        """Whether the first of the values was typed wrong."""
        return bool(self.deed.values) and self.client_id.int % SLIPS == 0


async def write_down(database: Database, opened: OpenClinic, *, now: datetime, advance: Advance) -> int:
    """Write down everything that the patients did before `now`; return how many entries there are."""
    deeds = await _deeds(database, opened, now)
    # Since she has an account, a patient sends her entries herself; for the others the coordinator does.
    groups = [(opened.coordinator, [one for one in deeds if not _is_own(one, opened, now)])]
    for name, actor in opened.patient_actors.items():
        own = [one for one in deeds if one.assigned.person.name == name and _is_own(one, opened, now)]
        groups.append((actor, own))
    written = 0
    for actor, told in groups:
        for at, batch in batches(told, now=now):
            written += await _record(database, opened, actor, batch, at=at)
            advance(written, len(deeds))
    return written


def _is_own(told: Told, opened: OpenClinic, now: datetime) -> bool:
    return told.assigned.person.name in opened.patient_actors and told.deed.effective_at > now - SIGNED_UP


def batches(told: Iterable[Told], *, now: datetime) -> Iterator[tuple[datetime, list[Told]]]:
    """
    Group deeds into as few moments of writing as keep each in time: after it was done and, unless late, in its window.

    In order of when they were done, a group is open until the first of it would be too late.
    """
    group: list[Told] = []
    until = now
    for one in sorted(told, key=lambda one: one.deed.effective_at):
        if group and (one.deed.effective_at > until or len(group) == MOST_AT_ONCE):
            yield min(until, one.deed.effective_at) if len(group) == MOST_AT_ONCE else until, group
            group, until = [], now
        group.append(one)
        until = min(until, _latest(one.deed, now))
    if group:
        yield until, group


def _story(assigned: Assigned, starts_on: date) -> Story:
    person, plan = assigned.person, assigned.plan
    return Story(
        person=person.name,
        protocol=plan.protocol,
        behaviour=plan.behaviour,
        time_zone=person.time_zone,
        began_at=datetime.combine(starts_on, time(), ZoneInfo(person.time_zone)),
    )


def _latest(told: Deed, now: datetime) -> datetime:
    in_time = told.effective_at < told.due.closes_at
    latest = told.due.closes_at - timedelta(seconds=1) if in_time else told.effective_at + LATE_AFTER
    return min(max(latest, told.effective_at), now)


async def _deeds(database: Database, opened: OpenClinic, now: datetime) -> list[Told]:
    by_id = {one.assignment_id: one for one in opened.assigned}
    told: list[Told] = []
    async with database.transaction(opened.organisation_id, actor=opened.clinician, now=now) as tx:
        found = await assignments.by_ids(tx, list(by_id))
        first = min(one.starts_on for one in found)
        last = (now + timedelta(hours=14)).date()
        for assignment, planned in await entries.computed(tx, found, from_on=first, to_on=last, at=now):
            assigned = by_id[assignment.id]
            activities = {
                activity.key: activity
                for phase in protocol(assigned.plan.protocol).phases
                for activity in phase.activities
            }
            story = _story(assigned, assignment.starts_on)
            for one in planned:
                if one.state == "not_applicable":
                    continue
                done = deed(story, activities[one.activity_key], _due(one), until=now)
                if done is not None:
                    told.append(Told(assigned, done))
    return told


def _due(planned: Occurrence) -> Due:
    return Due(
        occurrence_id=planned.id,
        activity_key=planned.activity_key,
        planned_at=planned.planned_at,
        planned_local=planned.planned_local,
        slot=planned.slot,
        opens_at=planned.opens_at,
        closes_at=planned.closes_at,
    )


async def _record(database: Database, opened: OpenClinic, actor: Actor, batch: Sequence[Told], *, at: datetime) -> int:
    async with database.transaction(opened.organisation_id, actor=actor, now=at) as tx:
        recorded = await _send(tx, actor, [_entry(told) for told in batch])
        slips = [(told, entry) for told, entry in zip(batch, recorded, strict=True) if told.is_slip]
        await _send(tx, actor, [_correction(told, entry) for told, entry in slips])
    return len(batch) + len(slips)


async def _send(tx: Transaction, actor: Actor, sent: Sequence[NewEntry]) -> list[Entry]:
    results = await entries.record(tx, actor, [Item(str(one.client_id), one) for one in sent])
    written: list[Entry] = []
    for result in results:
        if result.problem is not None:
            raise result.problem
        if result.entry is not None:
            written.append(result.entry)
    return written


def _entry(told: Told) -> NewEntry:
    done = told.deed
    wrong = 40 if told.is_slip else 0
    return NewEntry(
        client_id=told.client_id,
        outcome="skipped" if done.outcome == "skipped" else "completed",
        effective_at=done.effective_at.replace(microsecond=0),
        occurrence_id=done.due.occurrence_id,
        reason=done.reason,
        values=tuple(
            GivenValue(code=one.code, value=one.value + (wrong if index == 0 else 0), unit=one.unit)
            for index, one in enumerate(done.values)
        ),
        answers=tuple(Answer(link_id=link_id, value=value) for link_id, value in (done.answers or {}).items()),
        note=done.note,
        confirmed=told.is_slip,
    )


def _correction(told: Told, entry: Entry) -> NewEntry:
    return msgspec.structs.replace(
        _entry(told),
        client_id=uuid5(_NAMES, f"{told.client_id}/corrected"),
        values=tuple(GivenValue(code=one.code, value=one.value, unit=one.unit) for one in told.deed.values),
        note="Typed wrong before.",
        confirmed=False,
        replaces=entry.id,
    )
