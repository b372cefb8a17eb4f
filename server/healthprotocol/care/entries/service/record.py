"""Record what happened: one entry or many, each with its own result, sent twice without harm, corrected and undone."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.care.entries import repository
from healthprotocol.care.entries.errors import (
    ClientIdTaken,
    EntryAlreadyReplaced,
    EntryNotFound,
    NothingToUndo,
    OccurrenceNotFound,
)
from healthprotocol.care.entries.model import LATE_DAYS, EntriesRecorded, Entry, EntryId, NewEntry, OccurrenceRef
from healthprotocol.care.entries.rules.day_book import DayBook
from healthprotocol.care.entries.rules.occurrence_ids import planned_on
from healthprotocol.care.entries.service.judging import Draft, client_of, entry_of, place
from healthprotocol.foundation.config.runtime import value_of
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Problem
from healthprotocol.trust.access import service as access
from healthprotocol.trust.audit import service as audit


class Item(msgspec.Struct, frozen=True):
    """One entry of a batch: what was read of it, or the problem that it could not be read."""

    client_id: str | None
    sent: NewEntry | Problem
    recorded_at: datetime | None = None


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item: an entry, new or the first one under its client_id; or a problem."""

    client_id: str | None
    entry: Entry | None = None
    problem: Problem | None = None
    is_new: bool = False


async def record_one(tx: Transaction, actor: Actor, sent: NewEntry) -> Recorded:
    """Record one entry. Raises what stands against it."""
    [result] = await record(tx, actor, [Item(str(sent.client_id), sent)])
    if result.problem is not None:
        raise result.problem
    return result


async def record(tx: Transaction, actor: Actor, items: Sequence[Item]) -> list[Recorded]:
    """Record up to 500 entries of any patients within sight; a bad one stops no other."""
    results: dict[int, Recorded] = {
        index: Recorded(client_id=item.client_id, problem=item.sent)
        for index, item in enumerate(items)
        if isinstance(item.sent, Problem)
    }
    drafts = await _drafts(tx, actor, items, results)
    drafts = await _without_known(tx, drafts, results)
    made = await _judge(tx, actor, drafts, results)
    await _insert(tx, actor, made, results)
    return [results[index] for index in range(len(items))]


async def record_at(tx: Transaction, actor: Actor, sent: NewEntry, *, at: datetime | None) -> Recorded:
    """Record one entry that another system recorded at `at`, None being now. Raises what stands against it."""
    [result] = await record(tx, actor, [Item(str(sent.client_id), sent, at)])
    if result.problem is not None:
        raise result.problem
    return result


async def hold(tx: Transaction, actor: Actor, entry_ids: Sequence[UUID]) -> None:
    """
    Have others who write to the plans of these entries wait until the commit, in one order for all who hold several.

    What the actor may not see is not held; nothing is recorded.
    """
    sight = await access.sight(tx, actor)
    found = (await repository.get_many(tx, entry_ids)).values()
    await assignments.hold(tx, list({one.assignment_id for one in found if sight.includes(one.patient_id)}))


async def retract(tx: Transaction, actor: Actor, entry_id: EntryId) -> Entry:
    """
    Undo an entry by one that says nothing happened; undoing it again returns the same.

    Raises EntryNotFound, EntryAlreadyReplaced (another entry corrected it), NothingToUndo (it is an undo itself).
    """
    undone, _ = await retract_at(tx, actor, entry_id, at=None)
    return undone


async def retract_at(tx: Transaction, actor: Actor, entry_id: EntryId, *, at: datetime | None) -> tuple[Entry, bool]:
    """As `retract`, for what another system undid at `at`, None being now; also return whether it was undone here."""
    entry = (await repository.get_many(tx, [entry_id])).get(entry_id)
    if entry is None or not (await access.sight(tx, actor)).includes(entry.patient_id):
        raise EntryNotFound
    await assignments.get_visible(tx, actor, entry.assignment_id, for_update=True)
    if entry.outcome == "retracted":
        raise NothingToUndo
    # The undo's own client id is derived, so that two phones that undo at once make one retraction; with our key, so
    # that no other entry can have taken it before.
    client_id = UUID(bytes=repository.content_hash(tx, {"undoes": str(entry.id)})[:16])
    undo = msgspec.structs.replace(
        entry, id=EntryId(tx.new_id()), client_id=client_id, outcome="retracted", replaces=entry.id,
        reason=None, values=(), answers=(), score=None, note=None, late=False,
        effective_at=at or tx.now, recorded_at=at or tx.now, recorded_by=actor.account_id,
    )  # fmt: skip
    known = await repository.known_clients(tx, [(entry.patient_id, client_id)])
    if known:
        first = known[entry.patient_id, client_id].entry_id
        return (await repository.get_many(tx, [first]))[EntryId(first)], False
    if await repository.replaced_ids(tx, [entry.assignment_id], [entry.id]):
        raise EntryAlreadyReplaced

    await repository.claim_clients(tx, [undo], [b""])
    await repository.insert(tx, [undo])
    await audit.record(tx, actor, "entry.retract", entry.id, object_type="entry", subject_id=entry.patient_id)
    await _tell(tx, [undo])
    return undo, True


async def _drafts(tx: Transaction, actor: Actor, items: Sequence[Item], results: dict[int, Recorded]) -> list[Draft]:
    refs: dict[int, OccurrenceRef | None] = {}
    wanted: dict[int, AssignmentId] = {}
    for index, item in enumerate(items):
        if isinstance(item.sent, Problem):
            continue
        try:
            wanted[index], refs[index] = place(item.sent)
        except Problem as problem:
            results[index] = Recorded(client_id=item.client_id, problem=problem)
    sight = await access.sight(tx, actor)
    found = await assignments.by_ids(tx, list(dict.fromkeys(wanted.values())))
    keys = await tx.keys.subjects(tx, {one.patient_id for one in found})
    # Nothing is added for an erased patient: there is no key any more to write it under.
    visible = {one.id: one for one in found if sight.includes(one.patient_id) and one.patient_id in keys}
    contents = await assignments.load_with_contents(tx, visible.values())
    drafts: list[Draft] = []
    for index, assignment_id in wanted.items():
        item, assignment = items[index], visible.get(assignment_id)
        if assignment is None or isinstance(item.sent, Problem):
            results[index] = Recorded(client_id=item.client_id, problem=OccurrenceNotFound())
            continue
        hashed = repository.content_hash(tx, item.sent)
        versions = contents[assignment.protocol_id]
        # Another item's patient may follow a version that this one never did.
        own = {segment.version: versions[segment.version] for segment in assignment.segments}
        drafts.append(Draft(index, item.sent, assignment, own, refs[index], hashed, item.recorded_at))
    return drafts


async def _without_known(tx: Transaction, drafts: Sequence[Draft], results: dict[int, Recorded]) -> list[Draft]:
    """Answer the items whose client_id came before, earlier or in this batch, and return the others."""
    known = await repository.known_clients(tx, [client_of(draft) for draft in drafts])
    entries = await repository.get_many(tx, [one.entry_id for one in known.values()])
    rest: list[Draft] = []
    first_of: dict[tuple[UUID, UUID], Draft] = {}
    for draft in drafts:
        client_id = str(draft.sent.client_id)
        before = known.get(client_of(draft))
        if before is not None:
            is_same = before.content_hash == draft.content_hash
            results[draft.index] = Recorded(
                client_id=client_id,
                entry=entries[EntryId(before.entry_id)] if is_same else None,
                problem=None if is_same else ClientIdTaken(),
            )
        elif client_of(draft) in first_of:
            results[draft.index] = Recorded(client_id=client_id, problem=ClientIdTaken("It comes twice in this batch."))
        else:
            first_of[client_of(draft)] = draft
            rest.append(draft)
    return rest


async def _judge(
    tx: Transaction, actor: Actor, drafts: Sequence[Draft], results: dict[int, Recorded]
) -> list[tuple[Draft, Entry]]:
    """Hold each item to the plan and its definition; return those that become entries."""
    corrected = {draft.sent.replaces for draft in drafts if draft.sent.replaces is not None}
    for assignment_id in sorted({draft.assignment.id for draft in drafts if draft.sent.replaces is not None}):
        # Two corrections of one entry: the second must see the first.
        await assignments.get_visible(tx, actor, assignment_id, for_update=True)
    before = await repository.get_many(tx, list(corrected))
    replaced = await repository.replaced_ids(tx, [draft.assignment.id for draft in drafts], list(corrected))
    made: list[tuple[Draft, Entry]] = []
    book, late_days = DayBook(at=tx.now), value_of(tx, LATE_DAYS)
    for draft in drafts:
        try:
            entry = entry_of(
                tx,
                actor,
                draft,
                id=tx.new_id(),
                book=book,
                before=before,
                replaced=replaced,
                late_days=late_days,
            )
        except Problem as problem:
            results[draft.index] = Recorded(client_id=str(draft.sent.client_id), problem=problem)
            continue
        if entry.replaces is not None:
            replaced.add(entry.replaces)
        made.append((draft, entry))
    return made


async def _insert(
    tx: Transaction, actor: Actor, made: Sequence[tuple[Draft, Entry]], results: dict[int, Recorded]
) -> None:
    if not made:
        return
    claimed = await repository.claim_clients(
        tx, [entry for _, entry in made], [draft.content_hash for draft, _ in made]
    )
    raced = [draft for draft, entry in made if entry.id not in claimed]
    if raced:
        # Another request with the same client_id committed between our look and our claim.
        await _without_known(tx, raced, results)
    kept = [(draft, entry) for draft, entry in made if entry.id in claimed]
    if not kept:
        return
    await repository.insert(tx, [entry for _, entry in kept])
    for draft, entry in kept:
        results[draft.index] = Recorded(client_id=str(entry.client_id), entry=entry, is_new=True)
        await audit.record(
            tx, actor, "entry.create", entry.id, object_type="entry", subject_id=entry.patient_id,
            detail={"assignment_id": str(entry.assignment_id)},
        )  # fmt: skip
    await _tell(tx, [entry for _, entry in kept])


async def _tell(tx: Transaction, entries: Sequence[Entry]) -> None:
    of_assignment: dict[AssignmentId, list[Entry]] = {}
    for entry in entries:
        of_assignment.setdefault(entry.assignment_id, []).append(entry)
    # In order of the ids: who hears of it holds a row of each, and two batches must not wait for each other.
    for assignment_id, those in sorted(of_assignment.items()):
        days = [day for entry in those if (day := planned_on(entry)) is not None]
        event = EntriesRecorded(
            tuple(entry.id for entry in those),
            those[0].patient_id,
            assignment_id,
            min(days, default=None),
            tuple(those),
        )
        await tx.publish(event)
