"""What stands against a line, said by column."""

from collections.abc import Sequence
from typing import TypeVar

from healthprotocol.api.body import decode_body
from healthprotocol.care.transfers.model import Line, Noun, Outcome
from healthprotocol.care.transfers.rules.cells import column_of
from healthprotocol.care.transfers.service.lines import body_of
from healthprotocol.foundation.errors import Problem, Violation

T = TypeVar("T")

_MOST_FAULTS = 20


def read(noun: Noun, line: Line, kind: type[T]) -> T | Outcome:
    """Return a line as its shape, or the outcome that says every way in which it does not fit."""
    if line.faults:
        return Outcome("failed", faults=line.faults)
    try:
        return decode_body(body_of(noun, line), kind)
    except Problem as problem:
        return refused(noun, line, problem)


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
