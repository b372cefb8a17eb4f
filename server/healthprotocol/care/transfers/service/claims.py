"""
What the lines of a dry run would have made, for the lines of its later batches: each batch is undone as it ends.

A line claims its client_id and its record numbers for the row that it would have become. A later one that names what
was claimed is of that row, as in the real import. A plan claims its days as well: no other of its protocol is made on
them. Memory holds one batch; the rest lies in the database, as keyed hashes.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import sha256
from uuid import UUID

import msgspec

from healthprotocol.care.assignments.model import Assignment, DaysTaken, NewAssignment
from healthprotocol.care.entries.errors import ClientIdTaken
from healthprotocol.care.transfers import repository
from healthprotocol.care.transfers.model import Line, Outcome
from healthprotocol.care.transfers.schemas import EntryLine
from healthprotocol.care.transfers.service.outcomes import read, refused
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.ids import OperationId

SWEPT_AT_ONCE = 10_000


class Claims:
    """What a dry run claimed, for one batch of it: ask for names with `load` before they are looked up."""

    def __init__(self, tx: Transaction, operation_id: OperationId) -> None:
        self._tx = tx
        self._operation_id = operation_id
        self._claimed: dict[str, UUID] = {}
        self._new: dict[str, UUID] = {}
        self._new_plans: list[tuple[str, date, date]] = []

    async def load(self, names: Iterable[str]) -> None:
        """Learn which rows earlier batches claimed under these names."""
        unknown = {name for name in names if name not in self._claimed}
        # What this batch claimed itself holds as well.
        self._claimed = await repository.claimed(self._tx, self._operation_id, unknown) | self._claimed

    def row_of(self, name: str) -> UUID | None:
        """Return the row that was claimed under a name, None when it was not claimed."""
        return self._claimed.get(name)

    async def load_marks(self, of_rows: Iterable[tuple[UUID, Iterable[str]]]) -> None:
        """Learn which of these marks rows have."""
        await self.load(_marked(row_id, mark) for row_id, marks in of_rows for mark in marks)

    def has_mark(self, row_id: UUID, marks: Iterable[str]) -> bool:
        """Whether a row was claimed with one of these marks."""
        return any(_marked(row_id, mark) in self._claimed for mark in marks)

    def add(self, row_id: UUID, names: Iterable[str], marks: Iterable[str] = ()) -> None:
        """Claim a row under names that nobody claimed before, with marks that tell it from others."""
        for name in (*names, *(_marked(row_id, mark) for mark in marks)):
            if name not in self._claimed:
                self._claimed[name] = self._new[name] = row_id

    async def days_taken(self, wanted: Iterable[NewAssignment]) -> list[DaysTaken]:
        """Return the days that plans of earlier batches have, of the patients and protocols of those wanted."""
        of_names = {_plan_name(one): one for one in wanted}
        return [
            DaysTaken(of_names[name].protocol_id, of_names[name].patient_id, starts_on, ends_on)
            for name, starts_on, ends_on in await repository.claimed_plans(self._tx, self._operation_id, of_names)
        ]

    def add_plan(self, plan: Assignment) -> None:
        """Claim the days of a plan for later batches; this one finds it where it tried to make it."""
        self._new_plans.append((_plan_name(plan), plan.starts_on, plan.ends_on))

    async def keep(self) -> None:
        """Write what this batch claimed, once what it tried is undone."""
        await repository.claim(self._tx, self._operation_id, self._new)
        await repository.claim_plans(self._tx, self._operation_id, self._new_plans)
        self._new, self._new_plans = {}, []


async def judged_entries(claims: Claims, lines: Sequence[Line], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return what would become of entries after those of earlier batches: a client_id of a patient is used once."""
    sent = [
        _Entry.of(line, outcome.subject_id) if outcome.became == "created" and outcome.subject_id else None
        for line, outcome in zip(lines, outcomes, strict=True)
    ]
    entries = [one for one in sent if one is not None]
    await claims.load(one.name for one in entries)
    await claims.load_marks((row_id, [one.mark]) for one in entries if (row_id := claims.row_of(one.name)) is not None)
    judged: list[Outcome] = []
    for line, one, outcome in zip(lines, sent, outcomes, strict=True):
        claimed = None if one is None else claims.row_of(one.name)
        if one is None or outcome.row_id is None:
            judged.append(outcome)
        elif claimed is None:
            claims.add(outcome.row_id, [one.name], [one.mark])
            judged.append(outcome)
        else:
            is_same = claims.has_mark(claimed, [one.mark])
            judged.append(Outcome("skipped") if is_same else refused("entries", line, ClientIdTaken()))
    return judged


async def sweep_claims(tx: Transaction) -> bool:
    """Delete what dry runs that are over claimed, SWEPT_AT_ONCE rows a table; return whether more may be there."""
    return await repository.sweep_claims(tx, limit=SWEPT_AT_ONCE) == SWEPT_AT_ONCE


class _Entry(msgspec.Struct, frozen=True):
    name: str
    mark: str

    @staticmethod
    def of(line: Line, subject_id: UUID) -> "_Entry | None":
        entry = read("entries", line, EntryLine)
        if isinstance(entry, Outcome):
            return None
        return _Entry(f"key {entry.client_id} of {subject_id}", sha256(msgspec.json.encode(entry)).hexdigest())


def _marked(row_id: UUID, mark: str) -> str:
    return f"{row_id} {mark}"


def _plan_name(plan: Assignment | NewAssignment) -> str:
    return f"{plan.protocol_id} of {plan.patient_id}"
