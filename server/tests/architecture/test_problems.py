"""Every problem that a caller can be told of says what to do about it."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator

import healthprotocol
from healthprotocol.api.problem import problem_members
from healthprotocol.foundation.errors import Conflict, NotFound, Problem
from tests.architecture.conftest import Record

# A remedy is a sentence or a few: less says nothing, more is not read.
LEAST, MOST = 10, 500


def kinds() -> list[type[Problem]]:
    """Return every class of a problem in the package, wherever it is declared."""
    for module in pkgutil.walk_packages(healthprotocol.__path__, f"{healthprotocol.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = {kind for kind in _below(Problem) if kind.__module__.startswith(f"{healthprotocol.__name__}.")}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


def lacks(found: Iterable[type[Problem]]) -> list[str]:
    """Return the names of those whose docstring is not a fact, then a remedy in whole sentences."""
    return [kind.__name__ for kind in found if not _is_good(kind)]


def _below(kind: type[Problem]) -> Iterator[type[Problem]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def _is_good(kind: type[Problem]) -> bool:
    fact = inspect.cleandoc(kind.__doc__ or "").partition("Remedy:")[0].strip()
    remedy = kind.remedy()
    return bool(fact) and LEAST <= len(remedy) <= MOST and remedy.endswith(".") and "  " not in remedy


class TestProblems:
    def test_say_what_to_do(self, looked_at: Record) -> None:
        found = kinds()

        looked_at(len(found), "kinds of problems")
        assert len(found) > 60
        assert lacks(found) == []

    def test_tell_it_to_the_caller(self) -> None:
        told = {kind: problem_members(kind(), "r")["remedy"] for kind in kinds()}

        assert {kind.__name__: text for kind, text in told.items() if text != kind.remedy()} == {}

    def test_without_a_remedy_are_found(self) -> None:
        class BoatIsGone(NotFound):
            """The boat has left."""

        class BoatIsFull(Conflict):
            """
            No berth is left.

            Remedy: wait
            """

        class BoatIsLate(Conflict):
            pass

        class BoatIsSlow(Conflict):
            """
            The boat takes a day.

            Remedy: take the train, which is quicker.
            """

        assert lacks([BoatIsGone, BoatIsFull, BoatIsLate, BoatIsSlow]) == ["BoatIsGone", "BoatIsFull", "BoatIsLate"]
