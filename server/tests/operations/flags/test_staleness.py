"""When a flag is stale."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from healthprotocol.foundation.flags.model import Rule, Stage, State
from healthprotocol.operations.flags.model import Mark, Stored, Today, Use
from healthprotocol.operations.flags.rules.staleness import marks_of, settled_on
from tests.operations.flags.conftest import FASTER

NOW = datetime(2027, 6, 1, tzinfo=UTC)
TODAY = Today(NOW.date(), NOW, 30)
LONG_AGO = NOW - timedelta(days=31)
ENDING = msgspec.structs.replace(FASTER, ends_on=date(2027, 12, 31))
ASKED = Use(5, NOW, LONG_AGO)
NEVER_ASKED = Use(0, None, NOW - timedelta(days=14))


def stored(state: State, changed_at: datetime = LONG_AGO) -> Stored:
    return Stored(key=FASTER.key, state=state, changed_at=changed_at, revision=1)


class TestMarks:
    def test_of_a_flag_in_use_are_none(self) -> None:
        assert marks_of(ENDING, stored(State(rules=(Rule(variant="on", percentage=10),))), ASKED, TODAY) == {}

    def test_say_that_its_end_has_passed(self) -> None:
        late = msgspec.structs.replace(FASTER, ends_on=date(2027, 5, 31))

        assert set(marks_of(late, stored(State(), NOW), ASKED, TODAY)) == {Mark.PAST_END}

    def test_say_that_everybody_has_it_for_long(self) -> None:
        assert set(marks_of(ENDING, stored(State(default="on")), ASKED, TODAY)) == {Mark.SETTLED}
        assert marks_of(ENDING, stored(State(default="on"), NOW), ASKED, TODAY) == {}

    def test_let_a_switch_that_stays_be_settled(self) -> None:
        assert marks_of(FASTER, stored(State(default="on")), ASKED, TODAY) == {}

    def test_say_that_nobody_asks(self) -> None:
        once = Use(5, LONG_AGO, LONG_AGO)

        assert set(marks_of(FASTER, stored(State()), once, TODAY)) == {Mark.NOT_ASKED_FOR}
        assert set(marks_of(FASTER, stored(State()), NEVER_ASKED, TODAY)) == {Mark.NOT_ASKED_FOR}

    def test_leave_alone_what_is_new_to_this_database(self) -> None:
        new = Use(0, None, NOW - timedelta(days=13, hours=23))

        assert marks_of(FASTER, Stored(key=FASTER.key), new, TODAY) == {}
        assert marks_of(FASTER, Stored(key=FASTER.key), None, TODAY) == {}
        assert marks_of(FASTER, stored(State()), new, TODAY) == {}

    def test_say_that_nobody_ever_decided_or_asked(self) -> None:
        undecided = Stored(key=FASTER.key)

        assert set(marks_of(FASTER, undecided, NEVER_ASKED, TODAY)) == {Mark.UNKNOWN_TO_DATABASE}
        assert set(marks_of(FASTER, undecided, NEVER_ASKED, TODAY, own_revision=1)) == {Mark.NOT_ASKED_FOR}


class TestSettled:
    @pytest.mark.parametrize(
        ("state", "variant"),
        [
            (State(), None),
            (State(default="on"), "on"),
            (State(rules=(Rule(variant="on", percentage=100),)), "on"),
            (State(rules=(Rule(variant="on", percentage=99.9),)), None),
            (State(rules=(Rule(variant="on", roles=("admin",)),)), None),
            (State(rules=(Rule(variant="on", until_at=NOW),)), None),
            (State(default="on", rollout=Stage(id=UUID(int=1), variant="on", percentage=1)), None),
            (State(is_killed=True), "its off variant"),
        ],
    )
    def test_is_what_everybody_has_always(self, state: State, variant: str | None) -> None:
        assert settled_on(state) == variant
