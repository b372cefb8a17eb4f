"""
Bring in the entries of a file, some thousands in a transaction: every rule of a single one holds, none is twice.

While PostgreSQL writes one part, the next is judged and encrypted. What corrects or undoes another entry goes its own
slower way, in the order of the file.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from operator import attrgetter
from uuid import UUID

import msgspec

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import Assignment
from healthprotocol.care.assignments.rules.plan import Contents
from healthprotocol.care.entries import repository
from healthprotocol.care.entries.errors import ClientIdTaken, EntryNotFound, OccurrenceNotFound
from healthprotocol.care.entries.model import (
    LATE_DAYS,
    EntriesBrought,
    Entry,
    EntryId,
    NewEntry,
    OccurrenceRef,
    Recording,
)
from healthprotocol.care.entries.repository import Known
from healthprotocol.care.entries.rules.acceptance import check_recorded_at
from healthprotocol.care.entries.rules.day_book import DayBook
from healthprotocol.care.entries.rules.validation import says_the_same
from healthprotocol.care.entries.service.judging import Draft, client_of, entry_of, place
from healthprotocol.care.entries.service.record import Recorded, record_at, retract_at
from healthprotocol.foundation.config.runtime import value_of
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, Problem
from healthprotocol.foundation.ids import OperationId, ascending_ids
from healthprotocol.trust.access import service as access
from healthprotocol.trust.audit import service as audit

BROUGHT = "entry.import"
# How many entries are looked at before whoever waits for the database is let go on.
_AT_ONCE = 50
# Of one batch, whichever its order: so that each is loaded once in it.
_MOST_PLANS = 2_000
_bytes = attrgetter("bytes")

Plan = tuple[Assignment, Contents]
# The item, what was sent, the assignment and the occurrence that it names.
_Placed = tuple[Recording, NewEntry, UUID, OccurrenceRef | None]
Judged = list[tuple[int, Draft, Entry]]


class _Part(msgspec.Struct, frozen=True):
    """
    Some items on their way: what became of them so far, and what is still to be written.

    `doubtful` have an answer that holds only if their client_id did not come in earlier.
    """

    results: list[Recorded | None]
    judged: Judged
    doubtful: Sequence[Draft] = ()


class Bringing:
    """One batch of one file. Take its items in order, some hundreds at a time, then `end` it."""

    def __init__(self, tx: Transaction, actor: Actor, *, operation_id: OperationId) -> None:
        self._tx = tx
        self._actor = actor
        self._operation_id = operation_id
        self._book = DayBook(at=tx.now)
        # In the order of the file: who exports them meets what was corrected before its correction.
        self._ids = ascending_ids(tx.now)
        self._plans: dict[UUID, Plan] = {}
        self._late_days = value_of(tx, LATE_DAYS)
        # Most files are all new: then it is the writing that tells which client_id came before, and nobody asks first.
        self._asks_first = True
        self._waiting: _Part | None = None
        self._running: asyncio.Task[_Part] | None = None
        self._untold: list[tuple[Entry, date | None]] = []
        self._created: list[UUID] = []
        self._subjects: dict[UUID, None] = {}

    async def take(self, items: Sequence[Recording]) -> list[Recorded]:
        """Take the next items; return what became of items taken before, in their order."""
        results: list[Recorded | None] = [None] * len(items)
        places = await self._places(items, results)
        done = await self._written()
        await self._load_plans({assignment_id for _, _, assignment_id, _ in places.values()})
        if self._asks_first:
            drafts, doubtful = await self._new_ones(await self._drafts(places, results), results), []
            self._write_waiting()
        else:
            self._write_waiting()
            drafts, doubtful = _first_ones(await self._drafts(places, results), results)
        slow = [index for index, item in enumerate(items) if item.is_slow and results[index] is None]
        self._waiting = await self._judged(drafts, results, doubtful)
        if slow:
            done += await self._flushed()
            await self._tell()
            done += await self._one_by_one(items, slow, results)
        return done

    async def end(self) -> list[Recorded]:
        """Write what is left, and the audit event that names every entry made and every subject."""
        done = await self._flushed()
        await self._tell()
        if self._created:
            await audit.record(
                self._tx,
                self._actor,
                BROUGHT,
                self._operation_id,
                object_type="operation",
                subject_ids=tuple(self._subjects),
                detail={"entry_ids": self._created},
            )
        return done

    async def pause(self) -> None:
        """Wait until the transaction is free for other queries; `take` has it busy when it returns."""
        if self._running is not None:
            await asyncio.wait({self._running})

    async def cancel(self) -> None:
        """Let go of what is under way: the transaction is about to be rolled back."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    def _write_waiting(self) -> None:
        """Have the part before written while this one is judged."""
        if self._waiting is not None:
            self._running = asyncio.create_task(self._write(self._waiting))

    async def _tell(self) -> None:
        """Tell who follows entries of those that were written: a whole batch at once names each plan once."""
        untold, self._untold = self._untold, []
        if untold:
            brought = EntriesBrought(tuple(entry for entry, _ in untold), tuple(day for _, day in untold))
            await self._tx.publish(brought)

    async def _written(self) -> list[Recorded]:
        """Wait for the part that is being written; return its results."""
        if self._running is None:
            return []
        running, self._running = self._running, None
        return _whole(await running)

    async def _flushed(self) -> list[Recorded]:
        done = await self._written()
        part, self._waiting = self._waiting, None
        if part is None:
            return done
        part = await self._write(part)
        return done if None in part.results else done + _whole(part)

    async def _places(self, items: Sequence[Recording], results: list[Recorded | None]) -> dict[int, _Placed]:
        """Return, by index, the items that name a place; the others have their answer."""
        places: dict[int, _Placed] = {}
        for index, item in enumerate(items):
            if index % _AT_ONCE == 0:
                await asyncio.sleep(0)
            if isinstance(item.sent, Problem):
                results[index] = Recorded(client_id=None, problem=item.sent)
                continue
            try:
                _require_recordable(item, at=self._tx.now)
                assignment_id, ref = (item.ref.assignment_id, item.ref) if item.ref else place(item.sent)
                places[index] = (item, item.sent, assignment_id, ref)
            except Problem as problem:
                results[index] = _refused(item.sent, problem)
        return places

    async def _drafts(self, places: Mapping[int, _Placed], results: list[Recorded | None]) -> list[Draft]:
        drafts: list[Draft] = []
        for index, (item, sent, assignment_id, ref) in places.items():
            if index % _AT_ONCE == 0:
                await asyncio.sleep(0)
            known = self._plans.get(assignment_id)
            if known is None:
                results[index] = _refused(sent, OccurrenceNotFound())
            elif item.is_trial:
                results[index] = self._tried(Draft(index, sent, *known, ref, b"", item.recorded_at))
            elif not item.is_slow:
                hashed = repository.content_hash(self._tx, sent)
                drafts.append(Draft(index, sent, *known, ref, hashed, item.recorded_at))
        return drafts

    async def _load_plans(self, wanted: set[UUID]) -> None:
        if len(self._plans) > _MOST_PLANS:
            self._plans.clear()
        missing = sorted(wanted - self._plans.keys(), key=_bytes)
        if not missing:
            return
        sight = await access.sight(self._tx, self._actor)
        for begin in range(0, len(missing), assignments.MOST_AT_ONCE):
            found = await assignments.by_ids(self._tx, missing[begin : begin + assignments.MOST_AT_ONCE])
            keys = await self._tx.keys.subjects(self._tx, {one.patient_id for one in found})
            contents = await assignments.load_with_contents(self._tx, found)
            for one in found:
                # Nothing is added for an erased patient: there is no key any more to write it under.
                if sight.includes(one.patient_id) and one.patient_id in keys:
                    versions = contents[one.protocol_id]
                    own = {segment.version: versions[segment.version] for segment in one.segments}
                    self._plans[one.id] = (one, own)

    async def _new_ones(self, drafts: Sequence[Draft], results: list[Recorded | None]) -> list[Draft]:
        """Answer the items whose client_id came before, in the database or in these items; return the others."""
        if not drafts:
            return []
        known = await repository.known_clients(self._tx, [client_of(draft) for draft in drafts])
        self._asks_first = bool(known)
        await self._answer_known([draft for draft in drafts if client_of(draft) in known], known, results)
        rest, _ = _first_ones([draft for draft in drafts if client_of(draft) not in known], results)
        return rest

    async def _answer_known(
        self, drafts: Sequence[Draft], known: Mapping[tuple[UUID, UUID], Known], results: list[Recorded | None]
    ) -> None:
        """Answer items whose client_id came before; what says the same is known, however it was written."""
        others = [draft for draft in drafts if known[client_of(draft)].content_hash != draft.content_hash]
        entries = await repository.get_many(self._tx, [known[client_of(draft)].entry_id for draft in others])
        for draft in drafts:
            results[draft.index] = _again(draft, is_same=True)
        for draft in others:
            entry = entries.get(EntryId(known[client_of(draft)].entry_id))
            results[draft.index] = _again(draft, is_same=entry is not None and says_the_same(entry, draft.sent))

    async def _judged(
        self, drafts: Sequence[Draft], results: list[Recorded | None], doubtful: Sequence[Draft]
    ) -> _Part:
        judged: Judged = []
        refused: list[Draft] = []
        for number, draft in enumerate(drafts):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            try:
                entry = self._entry(draft)
            except Problem as problem:
                results[draft.index] = _refused(draft.sent, problem)
                refused.append(draft)
                continue
            judged.append((draft.index, draft, entry))
        return _Part(results, judged, [*doubtful, *refused])

    def _tried(self, draft: Draft) -> Recorded:
        try:
            self._entry(draft)
        except Problem as problem:
            return _refused(draft.sent, problem)
        return Recorded(client_id=None)

    def _entry(self, draft: Draft) -> Entry:
        return entry_of(
            self._tx,
            self._actor,
            draft,
            id=next(self._ids),
            book=self._book,
            before={},
            replaced=set(),
            late_days=self._late_days,
        )

    async def _write(self, part: _Part) -> _Part:
        """Write the judged entries of a part; return it with all results."""
        await self._reconsider(part)
        if not part.judged:
            return part
        entries = [entry for _, _, entry in part.judged]
        hashes = [draft.content_hash for _, draft, _ in part.judged]
        days = [_day(draft) for _, draft, _ in part.judged]
        made = await repository.bring(self._tx, entries, hashes, days)
        kept = [(index, _day(draft), entry) for index, draft, entry in part.judged if entry.id in made]
        if len(kept) < len(entries):
            # Another file with the same client_id, or an earlier part of this one, came first.
            self._asks_first = True
            taken = [draft for _, draft, entry in part.judged if entry.id not in made]
            known = await repository.known_clients(self._tx, [client_of(draft) for draft in taken])
            await self._answer_known(taken, known, part.results)
        for index, _, entry in kept:
            part.results[index] = Recorded(client_id=None, entry=entry, is_new=True)
            self._created.append(entry.id)
            self._subjects[entry.patient_id] = None
        self._untold += [(entry, day) for _, day, entry in kept]
        return part

    async def _reconsider(self, part: _Part) -> None:
        """Answer the doubtful items whose client_id came in earlier: that goes before what else stands against them."""
        if not part.doubtful:
            return
        known = await repository.known_clients(self._tx, [client_of(draft) for draft in part.doubtful])
        self._asks_first |= bool(known)
        there = [draft for draft in part.doubtful if client_of(draft) in known]
        await self._answer_known(there, known, part.results)

    async def _one_by_one(
        self, items: Sequence[Recording], slow: Sequence[int], results: list[Recorded | None]
    ) -> list[Recorded]:
        for index in slow:
            item = items[index]
            assert isinstance(item.sent, NewEntry)
            try:
                results[index] = await self._correction(item, item.sent)
            except Problem as problem:
                results[index] = _refused(item.sent, problem)
        return _whole(_Part(results, []))

    async def _correction(self, item: Recording, sent: NewEntry) -> Recorded:
        assignment_id, _ = place(sent)
        patient_id = self._plans[assignment_id][0].patient_id
        if not item.is_retraction and await self._is_known(patient_id, sent):
            return Recorded(client_id=None)
        replaces = sent.replaces
        if item.replaces_client_id is not None:
            known = await repository.known_clients(self._tx, [(patient_id, item.replaces_client_id)])
            if not known:
                raise EntryNotFound
            replaces = known[patient_id, item.replaces_client_id].entry_id
        if item.is_retraction:
            assert replaces is not None
            undone, is_new = await retract_at(self._tx, self._actor, EntryId(replaces), at=item.recorded_at)
            return Recorded(client_id=None, entry=undone, is_new=is_new)
        return await record_at(
            self._tx, self._actor, msgspec.structs.replace(sent, replaces=replaces), at=item.recorded_at
        )

    async def _is_known(self, patient_id: UUID, sent: NewEntry) -> bool:
        """Whether an entry of this client_id says the same already."""
        known = await repository.known_clients(self._tx, [(patient_id, sent.client_id)])
        entries = await repository.get_many(self._tx, [one.entry_id for one in known.values()])
        return any(says_the_same(entry, sent) for entry in entries.values())


def _require_recordable(item: Recording, *, at: datetime) -> None:
    faults = [] if item.recorded_at is None else check_recorded_at(item.recorded_at, at=at)
    if faults:
        raise Invalid(violations=faults)


def _day(draft: Draft) -> date | None:
    return None if draft.ref is None else draft.ref.planned_local.date()


def _first_ones(drafts: Sequence[Draft], results: list[Recorded | None]) -> tuple[list[Draft], list[Draft]]:
    """Return the first draft of each client_id, and the others, which are answered."""
    rest: list[Draft] = []
    repeats: list[Draft] = []
    first_of: dict[tuple[UUID, UUID], bytes] = {}
    for draft in drafts:
        first = first_of.setdefault(client_of(draft), draft.content_hash)
        if first is draft.content_hash:
            rest.append(draft)
        else:
            results[draft.index] = _again(draft, is_same=first == draft.content_hash)
            repeats.append(draft)
    return rest, repeats


def _again(draft: Draft, *, is_same: bool) -> Recorded:
    """What becomes of an item whose client_id was used before: nothing new, or a conflict."""
    return Recorded(client_id=None) if is_same else _refused(draft.sent, ClientIdTaken())


def _refused(sent: NewEntry, problem: Problem) -> Recorded:
    return Recorded(client_id=str(sent.client_id), problem=problem)


def _whole(part: _Part) -> list[Recorded]:
    assert None not in part.results
    return [one for one in part.results if one is not None]
