"""What a process answers and counts."""

from uuid import UUID

from healthprotocol.foundation.flags.declaration import Registry
from healthprotocol.foundation.flags.evaluation import Table, compile_table
from healthprotocol.foundation.flags.exposure import BOUNDS_SECONDS, Exposures
from healthprotocol.foundation.flags.model import Arm, Stage, State
from healthprotocol.foundation.flags.runtime import Flags
from tests.foundation.flags.declared import COLOUR, FASTER, NOON, OLDER, account

ROLLOUT = UUID(int=7)


class Fixed:
    """The same table for all."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def of(self, organisation_id: UUID) -> Table:
        return self.table

    async def load(self, organisation_id: UUID) -> None:
        """It is here."""


def rolling(percentage: float) -> Flags:
    registry = Registry([FASTER, COLOUR])
    state = State(rollout=Stage(id=ROLLOUT, variant="on", percentage=percentage))
    return Flags(registry, Fixed(compile_table(registry, {FASTER.key: state})))


class TestAProcess:
    def test_without_a_database_gives_what_is_declared(self) -> None:
        flags = Flags(Registry([FASTER, COLOUR])).for_caller(account(1), lambda: NOON)

        assert flags.is_on(FASTER) is False
        assert flags.value(COLOUR) == "#00f"

    def test_gives_the_declared_value_of_a_flag_that_it_was_not_told_of(self) -> None:
        assert Flags(Registry([FASTER])).for_caller(account(1), lambda: NOON).is_on(OLDER) is False

    def test_counts_how_often_each_was_asked_for(self) -> None:
        flags = rolling(100)
        caller = flags.for_caller(account(1), lambda: NOON)
        for _ in range(3):
            caller.is_on(FASTER)
        caller.value(COLOUR)

        taken = flags.take_counts()
        flags.give_back_counts({FASTER.key: 2})

        assert taken == {FASTER.key: 3, COLOUR.key: 1}
        assert flags.take_counts() == {FASTER.key: 2}


class TestARequest:
    def test_is_counted_once_on_its_side(self) -> None:
        flags, exposures = rolling(100), Exposures()
        caller = flags.for_caller(account(1), lambda: NOON, exposures)
        caller.is_on(FASTER)
        caller.is_on(FASTER)
        exposures.ended(is_error=True, seconds=0.0009)

        (outcome,) = flags.outcomes.take()

        assert (outcome.arm, outcome.began, outcome.requests, outcome.errors) == (Arm.TREATED, 1, 1, 1)
        assert outcome.buckets[0] == 1
        assert flags.outcomes.take() == []

    def test_that_was_shown_nothing_is_not_counted(self) -> None:
        flags = rolling(0)
        Exposures().ended(is_error=False, seconds=1)

        assert flags.outcomes.take() == []

    def test_that_took_for_ever_lies_behind_the_last_bound(self) -> None:
        flags, exposures = rolling(0), Exposures()
        flags.for_caller(account(1), lambda: NOON, exposures).is_on(FASTER)
        exposures.ended(is_error=False, seconds=BOUNDS_SECONDS[-1] + 1)

        (outcome,) = flags.outcomes.take()

        assert (outcome.arm, outcome.buckets[-1]) == (Arm.CONTROL, 1)

    def test_whose_sums_could_not_be_written_is_not_lost(self) -> None:
        flags, exposures = rolling(100), Exposures()
        flags.for_caller(account(1), lambda: NOON, exposures).is_on(FASTER)
        exposures.ended(is_error=False, seconds=0.1)
        flags.outcomes.give_back(flags.outcomes.take())

        assert sum(flags.outcomes.take()[0].buckets) == 1
