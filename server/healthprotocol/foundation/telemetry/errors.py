"""
Errors for the log: types and places in the code, never a message.

Messages of drivers and parsers quote values: a unique violation of PostgreSQL holds the row. So nothing an error says
is written down, with one exception: the `private` text of our own problems, which is written for the log.
"""

import traceback
from collections.abc import Iterator
from pathlib import PurePath

import asyncpg

from healthprotocol.foundation.errors import Problem

MOST_FRAMES = 12
MOST_CAUSES = 5
_ROOTS = ("healthprotocol", "site-packages", "tests")


def describe(error: BaseException) -> str:
    """Return one line: the type, the innermost frames from the raise outwards, then the same of each cause."""
    return " <- ".join(_one(each) for each in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it came from, at most MOST_CAUSES; a group stands for itself and its first member."""
    current: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if current is None:
            return
        yield current
        if isinstance(current, BaseExceptionGroup):
            current = current.exceptions[0]
        elif current.__cause__ is not None or current.__suppress_context__:
            current = current.__cause__
        else:
            current = current.__context__


def _one(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
    places = " < ".join(f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return " ".join(part for part in (_name(error), _known(error), f"at {places}" if places else "") if part)


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _known(error: BaseException) -> str:
    """What is safe to say beside the type: names of the schema, and our own words."""
    if isinstance(error, asyncpg.PostgresError):
        names = (error.sqlstate, getattr(error, "constraint_name", None), getattr(error, "table_name", None))
        return f"[{' '.join(name for name in names if name)}]"
    if isinstance(error, Problem) and error.private:
        return f"[{error.private}]"
    return ""


def _short(filename: str) -> str:
    """Return the path from the package on: where a machine keeps its code is nobody's business."""
    parts = PurePath(filename).parts
    for root in _ROOTS:
        if root in parts:
            # The last one: a checkout may lie in a folder of the package's name.
            return "/".join(parts[len(parts) - 1 - parts[::-1].index(root) :])
    return parts[-1] if parts else filename
