"""
What a process asks: `Flags` answers from memory, and counts that it was asked.

    if tx.flags.is_on(FASTER_LISTS):
        ...
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, cast
from uuid import UUID

from healthprotocol.foundation.flags.declaration import Registry
from healthprotocol.foundation.flags.evaluation import Table, compile_flag, compile_table
from healthprotocol.foundation.flags.exposure import Exposures, Outcomes
from healthprotocol.foundation.flags.model import Caller, Cause, Decision, Flag, Reason, State, V


class Tables(Protocol):
    """Where a process has its tables from."""

    def of(self, organisation_id: UUID) -> Table:
        """Return the table of an organisation, the best that is known at the moment. Never waits, never raises."""
        ...

    async def load(self, organisation_id: UUID) -> None:
        """Have the organisation's own table ready, if the database answers. Never raises."""
        ...


class DeclaredOnly:
    """The tables of a process without a database: everything is as the code declares it."""

    def __init__(self, registry: Registry) -> None:
        self._table = compile_table(registry, {})

    def of(self, organisation_id: UUID) -> Table:  # noqa: ARG002 - the same for all
        """Return the declared values."""
        return self._table

    async def load(self, organisation_id: UUID) -> None:
        """Nothing is to be loaded."""


class Flags:
    """The flags of one process."""

    def __init__(self, registry: Registry | None = None, tables: Tables | None = None) -> None:
        self.registry = Registry() if registry is None else registry
        self.tables = tables or DeclaredOnly(self.registry)
        self.outcomes = Outcomes()
        self._counts: dict[str, int] = {}

    def decide(self, flag: Flag[Any], caller: Caller, at: datetime, exposures: Exposures | None = None) -> Decision:
        """Return the value of a flag for a caller, and why. Raises KeyError when the flag is not in the registry."""
        key = flag.key
        decision = self.tables.of(caller.organisation_id).flags[key](caller, at)
        self._counts[key] = self._counts.get(key, 0) + 1
        if exposures is not None and decision.arm is not None:
            exposures.note(decision, self.outcomes)
        return decision

    def for_caller(
        self, caller: Caller, at: Callable[[], datetime], exposures: Exposures | None = None
    ) -> "CallerFlags":
        """Return the flags as one caller sees them."""
        return CallerFlags(self, caller, at, exposures)

    def take_counts(self) -> dict[str, int]:
        """Return how often each flag was asked for since the last time, and begin anew."""
        taken, self._counts = self._counts, {}
        return taken

    def give_back_counts(self, counts: dict[str, int]) -> None:
        """Add counts that could not be written."""
        for key, count in counts.items():
            self._counts[key] = self._counts.get(key, 0) + count


class CallerFlags:
    """The flags of a process for the one who acts in a transaction."""

    __slots__ = ("_at", "_caller", "_exposures", "_flags")

    def __init__(self, flags: Flags, caller: Caller, at: Callable[[], datetime], exposures: Exposures | None) -> None:
        self._flags = flags
        self._caller = caller
        self._at = at
        self._exposures = exposures

    @property
    def registry(self) -> Registry:
        """All flags that the code declares."""
        return self._flags.registry

    def is_on(self, flag: Flag[bool]) -> bool:
        """Return the value of a boolean flag."""
        return self.decide(flag).value is True

    def value(self, flag: Flag[V]) -> V:
        """Return the value of any flag, of the type that it is declared with."""
        # The table holds variants of this very declaration.
        return cast("V", self.decide(flag).value)

    def decide(self, flag: Flag[Any]) -> Decision:
        """Return the value and why; a flag that this process does not know has its declared value."""
        if self._flags.registry.get(flag.key) is None:
            return Decision(
                key=flag.key,
                variant=flag.default,
                value=flag.variants[flag.default],
                reason=Reason.ERROR,
                cause=Cause.BROKEN,
            )
        return self._flags.decide(flag, self._caller, self._at(), self._exposures)

    def peek(self, flag: Flag[Any], shared: State, own: State) -> Decision:
        """Return what two states would give the caller, without counting it. Other flags are as they are."""
        others = self._flags.tables.of(self._caller.organisation_id).flags
        return compile_flag(flag, shared, own, others)(self._caller, self._at())

    def all_for_client(self) -> dict[str, Any]:
        """Return the values that a browser may see, by key."""
        return {flag.key: self.decide(flag).value for flag in self._flags.registry if flag.for_client}
