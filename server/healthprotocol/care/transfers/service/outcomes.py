"""What stands against a line, said by column."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from healthprotocol.api.body import decode_body
from healthprotocol.care.transfers.model import Line, Noun, Outcome
from healthprotocol.care.transfers.rules.cells import column_of
from healthprotocol.care.transfers.service.lines import body_of
from healthprotocol.foundation.errors import Problem, Violation

T = TypeVar("T")

_MOST_FAULTS = 20
_MOST_ROUNDS = 4
# What a line needs that has none of it, or none that can be read: so that the rest of it can be judged.
_STAND_INS: dict[Noun, dict[str, object]] = {
    "patients": {"given_name": "A", "family_name": "A", "birth_date": "1970-01-01"},
    "assignments": {"starts_on": "2000-01-01"},
    "entries": {
        "client_id": "00000000-0000-0000-0000-000000000000",
        "outcome": "completed",
        "effective_at": "2000-01-01T00:00:00Z",
    },
}
# Columns on which hangs what is said of a line as a whole: whether there is such an occurrence, and when it was open.
_PLACING = {
    "assignment_client_id", "assignment_id", "activity_key", "planned_local", "slot", "occurrence_id", "outcome",
    "effective_at", "recorded_at", "replaces", "replaces_client_id",
}  # fmt: skip


def read(noun: Noun, line: Line, kind: type[T]) -> T | Outcome:
    """Return a line as its shape, or the outcome that says every way in which it does not fit."""
    if line.faults:
        return Outcome("failed", faults=line.faults)
    try:
        return decode_body(body_of(noun, line), kind)
    except Problem as problem:
        return refused(noun, line, problem)


def rest_of(noun: Noun, line: Line, outcome: Outcome, kind: type[T]) -> tuple[Outcome, T | None]:
    """
    Return all that is wrong with the shape of a refused line, and the line without what is; None when nothing is left.

    That is for judging what else stands against it, and never written: what it needs and lacks is made up.
    """
    for _ in range(_MOST_ROUNDS):
        columns = {one.pointer for one in outcome.faults}
        if line.faults or "" in columns:
            return outcome, None
        said = {name: value for name, value in line.said.items() if name not in columns}
        try:
            rest = msgspec.structs.replace(line, said={**_STAND_INS[noun], **said})
            return outcome, decode_body(body_of(noun, rest), kind)
        except Problem as problem:
            # Some faults are seen only when others are out of the way.
            more = [one for one in refused(noun, line, problem).faults if one.pointer not in columns]
            if not more:
                return outcome, None
            outcome = msgspec.structs.replace(outcome, faults=(*outcome.faults, *more)[:_MOST_FAULTS])
    return outcome, None


def with_more(outcome: Outcome, more: Sequence[Violation]) -> Outcome:
    """Return a refused line's outcome with what else stands against it, by column; each column says one thing."""
    columns = {one.pointer for one in outcome.faults}
    known = columns if _PLACING.isdisjoint(columns) else {*columns, ""}
    faults = (*outcome.faults, *(one for one in more if one.pointer not in known))
    return msgspec.structs.replace(outcome, faults=faults[:_MOST_FAULTS])


def refused(noun: Noun, line: Line, problem: Problem) -> Outcome:
    """Return the outcome of a line that a problem stands against."""
    if problem.retryable:
        # Not the line's fault: the batch is tried again.
        raise problem
    faults = [
        Violation(column_of(noun, one.pointer, line.said), one.code, one.detail)
        for one in problem.violations[:_MOST_FAULTS]
    ]
    own = Violation("", problem.named("_"), problem.detail or problem.title)
    return Outcome("failed", faults=tuple(faults) or (own,))


def fault(column: str, code: str, detail: str) -> Outcome:
    """Return the outcome of a line with one fault."""
    return Outcome("failed", faults=(Violation(column, code, detail),))


def whole(outcomes: Sequence[Outcome | None]) -> list[Outcome]:
    """Return the outcomes of lines of which each has one by now."""
    assert None not in outcomes
    return [one for one in outcomes if one is not None]
