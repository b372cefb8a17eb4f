"""How the lines of each noun are brought in: each has `take`, some lines at a time, and `end`."""

from collections.abc import Sequence
from typing import Protocol

from healthprotocol.care.transfers.model import ImportPlan, Line, Noun, Outcome
from healthprotocol.care.transfers.service.claims import Claims
from healthprotocol.care.transfers.service.lines import READ_BYTES
from healthprotocol.care.transfers.service.nouns.assignments import AssignmentIntake
from healthprotocol.care.transfers.service.nouns.entries import EntryIntake
from healthprotocol.care.transfers.service.nouns.patients import PatientIntake
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.ids import OperationId


class LineIntake(Protocol):
    """Takes the lines of one batch in order, and says what became of each."""

    async def take(self, lines: Sequence[Line]) -> list[Outcome]:
        """Take lines; return what became of lines taken before, or of these, in their order."""
        ...

    async def end(self) -> list[Outcome]:
        """Return what became of the rest, and record what was done."""
        ...

    async def cancel(self) -> None:
        """Let go of what is under way."""
        ...


class Size:
    """
    How many lines of a noun are taken at a time, and how many make a batch, whose transaction is to be short.

    `read_bytes` is how much of the file is read at a time: about what a batch takes, for the rest is read anew.
    """

    def __init__(self, part: int, batch: int, *, read_bytes: int = READ_BYTES) -> None:
        self.part = part
        self.batch = batch
        self.read_bytes = read_bytes


SIZES: dict[Noun, Size] = {
    "patients": Size(500, 1_000, read_bytes=READ_BYTES // 8),
    # A lock for each plan is held to the end of its batch, and PostgreSQL has room for some thousands in all.
    "assignments": Size(500, 500, read_bytes=READ_BYTES // 16),
    "entries": Size(1_000, 20_000),
}


def intake(
    tx: Transaction, actor: Actor, plan: ImportPlan, operation_id: OperationId, *, claims: Claims | None = None
) -> LineIntake:
    """Return what takes the lines of a plan's noun; `claims` of a dry run are those of its earlier batches."""
    if plan.noun == "patients":
        return PatientIntake(tx, actor, existing=plan.existing, claims=claims)
    if plan.noun == "assignments":
        return AssignmentIntake(tx, actor, claims=claims)
    return EntryIntake(tx, actor, operation_id=operation_id)
