"""Bring in the entries of a file."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import msgspec

from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.care.entries import service as entries
from healthprotocol.care.entries.model import NewEntry, OccurrenceRef, Recording
from healthprotocol.care.entries.rules.occurrence_ids import id_prefix, with_prefix
from healthprotocol.care.transfers import repository
from healthprotocol.care.transfers.model import Line, Noun, Outcome
from healthprotocol.care.transfers.schemas import EntryLine
from healthprotocol.care.transfers.service.nouns.patients import as_id
from healthprotocol.care.transfers.service.outcomes import fault, read, refused, rest_of, with_more
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, Violation
from healthprotocol.foundation.ids import OperationId

_NOUN: Noun = "entries"
_MOST_KEYS = 20_000
_AT_ONCE = 50


class EntryIntake:
    """Takes lines of entries; what is under way in the database lags a part behind."""

    def __init__(self, tx: Transaction, actor: Actor, *, operation_id: OperationId) -> None:
        self._tx = tx
        self._bringing = entries.Bringing(tx, actor, operation_id=operation_id)
        self._assignments: dict[str, UUID] = {}
        self._prefixes: dict[tuple[AssignmentId, str], str] = {}
        # The lines under way. One whose outcome stands waits for nothing, but for what else is against it.
        self._waiting: list[_Waiting] = []

    async def take(self, lines: Sequence[Line]) -> list[Outcome]:
        """Take lines; return what became of lines taken before."""
        shaped: list[EntryLine | Outcome] = []
        rests: dict[int, EntryLine] = {}
        for number, line in enumerate(lines):
            if number % _AT_ONCE == 0:
                # While these are read, what is under way in the database goes on.
                await asyncio.sleep(0)
            one = read(_NOUN, line, EntryLine)
            if isinstance(one, Outcome):
                one, rest = rest_of(_NOUN, line, one, EntryLine)
                if rest is not None:
                    rests[number] = rest
            shaped.append(one)
        sent = [*(one for one in shaped if isinstance(one, EntryLine)), *rests.values()]
        await self._load({one.assignment_client_id for one in sent})
        recordings: list[Recording] = []
        for number, (line, one) in enumerate(zip(lines, shaped, strict=True)):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            waiting, recording = self._taken(line, one, rests.get(number))
            self._waiting.append(waiting)
            if recording is not None:
                recordings.append(recording)
        return self._settled(await self._bringing.take(recordings))

    async def end(self) -> list[Outcome]:
        """Return what became of the rest."""
        return self._settled(await self._bringing.end(), is_end=True)

    async def cancel(self) -> None:
        """Let go of what is under way."""
        await self._bringing.cancel()

    def _settled(self, recorded: Sequence[entries.Recorded], *, is_end: bool = False) -> list[Outcome]:
        done: list[Outcome] = []
        results = iter(recorded)
        for number, waiting in enumerate(self._waiting):
            if not waiting.is_judged:
                assert waiting.outcome is not None
                done.append(waiting.outcome)
                continue
            result = next(results, None)
            if result is None:
                self._waiting = self._waiting[number:]
                assert not is_end
                return done
            done.append(_outcome(waiting, result))
        self._waiting = []
        return done

    def _taken(
        self, line: Line, one: EntryLine | Outcome, rest: EntryLine | None
    ) -> "tuple[_Waiting, Recording | None]":
        """Return how a line waits, and what is judged of it: of one that has not its shape, the rest of it."""
        sent = one if isinstance(one, EntryLine) else rest
        recording = None if sent is None else self._recording(line, sent)
        if isinstance(one, EntryLine):
            if isinstance(recording, Outcome):
                return _Waiting(line, recording), None
            return _Waiting(line, is_judged=True), recording
        if isinstance(recording, Outcome):
            return _Waiting(line, with_more(one, recording.faults)), None
        if recording is None or recording.is_slow:
            return _Waiting(line, one), None
        return _Waiting(line, one, is_judged=True), msgspec.structs.replace(recording, is_trial=True)

    async def _load(self, keys: set[str | None]) -> None:
        if len(self._assignments) > _MOST_KEYS:
            self._assignments.clear()
        missing = [key for key in keys if key is not None and key not in self._assignments]
        if missing:
            await self._bringing.pause()
            self._assignments |= await repository.rows_of(self._tx, "assignment", missing)

    def _prefix(self, ref: OccurrenceRef) -> str:
        """Return what the ids of an activity's occurrences begin with, made once for many."""
        place = (ref.assignment_id, ref.activity_key)
        prefix = self._prefixes.get(place)
        if prefix is None:
            prefix = self._prefixes[place] = id_prefix(*place)
        return prefix

    def _recording(self, line: Line, sent: EntryLine) -> Recording | Outcome:
        assignment_id = sent.assignment_id
        if sent.assignment_client_id is not None:
            assignment_id = self._assignments.get(sent.assignment_client_id) or as_id(sent.assignment_client_id)
            if assignment_id is None:
                return fault("assignment_client_id", "unknown", "No plan that was brought in has this client_id.")
        occurrence, activity_key = sent.occurrence_id, sent.activity_key
        ref: OccurrenceRef | None = None
        if sent.planned_local is not None:
            if sent.planned_local.tzinfo is not None:
                return fault("planned_local", "malformed", "Give the local time without an offset.")
            if assignment_id is None or activity_key is None:
                detail = "Name the plan and the activity."
                return refused(_NOUN, line, Invalid(violations=[Violation("/activity_key", "required", detail)]))
            ref = OccurrenceRef(AssignmentId(assignment_id), activity_key, sent.planned_local, sent.slot)
            occurrence = with_prefix(self._prefix(ref), ref.planned_local, ref.slot)
        if occurrence is not None and sent.occurrence_id is None:
            assignment_id = activity_key = None
        is_retraction = sent.outcome == "retracted"
        if is_retraction and sent.replaces_client_id is None and sent.replaces is None:
            return fault("replaces_client_id", "required", "Say which entry is undone.")
        entry = NewEntry(
            client_id=sent.client_id,
            outcome="skipped" if sent.outcome == "retracted" else sent.outcome,
            effective_at=sent.effective_at,
            occurrence_id=occurrence,
            assignment_id=assignment_id,
            activity_key=activity_key,
            reason=sent.reason,
            values=sent.values,
            answers=sent.answers,
            note=sent.note,
            confirmed=sent.confirmed,
            replaces=sent.replaces,
        )
        return Recording(
            sent=entry,
            ref=ref,
            recorded_at=sent.recorded_at,
            replaces_client_id=sent.replaces_client_id,
            is_retraction=is_retraction,
        )


class _Waiting(msgspec.Struct, frozen=True):
    """A line under way: its outcome where it is one already, and whether it, or the rest of it, is being judged."""

    line: Line
    outcome: Outcome | None = None
    is_judged: bool = False


def _outcome(waiting: _Waiting, result: entries.Recorded) -> Outcome:
    if result.problem is not None:
        refusal = refused(_NOUN, waiting.line, result.problem)
        return refusal if waiting.outcome is None else with_more(waiting.outcome, refusal.faults)
    if waiting.outcome is not None:
        return waiting.outcome
    if result.entry is None or not result.is_new:
        return Outcome("skipped")
    return Outcome("created", result.entry.id, result.entry.patient_id)
