"""What a flag gives to whom."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.foundation.flags.declaration import Registry
from healthprotocol.foundation.flags.evaluation import compile_flag, compile_table, faults
from healthprotocol.foundation.flags.graph import cycle
from healthprotocol.foundation.flags.model import (
    Arm,
    Caller,
    Cause,
    Reason,
    Requirement,
    Rule,
    Stage,
    State,
    StickyBy,
)
from tests.foundation.flags.declared import COLOUR, DELTA, ESTUARY, FASTER, LIMIT, NOON, OLDER, account, decide

EVERYBODY = State(rules=(Rule(variant="on"),))
ROLLOUT = UUID(int=7)


class TestADefault:
    def test_is_the_declared_one_until_somebody_decides(self) -> None:
        decision = decide(COLOUR, State(), account(1))

        assert (decision.value, decision.reason, decision.cause) == ("#00f", Reason.DEFAULT, Cause.DECLARED)

    def test_that_was_chosen_is_static(self) -> None:
        decision = decide(LIMIT, State(default="high"), account(1))

        assert (decision.value, decision.reason) == (100.5, Reason.STATIC)


class TestAKill:
    @pytest.mark.parametrize(
        "state", [EVERYBODY, State(default="on"), State(rollout=Stage(id=ROLLOUT, variant="on", percentage=100))]
    )
    def test_wins_over_all(self, state: State) -> None:
        decision = decide(FASTER, msgspec.structs.replace(state, is_killed=True), account(1), own=EVERYBODY)

        assert (decision.value, decision.reason) == (False, Reason.DISABLED)

    def test_of_one_organisation_leaves_the_others(self) -> None:
        killed = decide(FASTER, EVERYBODY, account(1), own=State(is_killed=True))

        assert (killed.value, killed.own) == (False, True)
        assert decide(FASTER, EVERYBODY, account(1, ESTUARY)).value is True

    def test_gives_the_variant_declared_as_off(self) -> None:
        assert decide(COLOUR, State(is_killed=True), account(1)).value == ""


class TestARule:
    @pytest.mark.parametrize(
        ("rule", "inside", "outside"),
        [
            (Rule(variant="on", organisations=(DELTA,)), account(1), account(1, ESTUARY)),
            (Rule(variant="on", roles=("editor", "owner")), account(1), account(1, role="reader")),
            (Rule(variant="on", accounts=(account(1).account_id,)), account(1), account(2)),  # type: ignore[arg-type]
        ],
    )
    def test_is_for_those_it_names(self, rule: Rule, inside: Caller, outside: Caller) -> None:
        state = State(rules=(rule,))

        assert decide(FASTER, state, inside).reason is Reason.TARGETING_MATCH
        assert decide(FASTER, state, outside).value is False

    def test_holds_when_all_of_its_conditions_do(self) -> None:
        state = State(rules=(Rule(variant="on", organisations=(DELTA,), roles=("editor",)),))

        assert decide(FASTER, state, account(1)).value is True
        assert decide(FASTER, state, account(1, ESTUARY)).value is False
        assert decide(FASTER, state, account(1, role="reader")).value is False

    def test_before_another_wins(self) -> None:
        state = State(rules=(Rule(variant="red", roles=("editor",)), Rule(variant="none")))

        decision = decide(COLOUR, state, account(1))

        assert (decision.variant, decision.rule) == ("red", 0)
        assert decide(COLOUR, state, account(1, role="reader")).rule == 1

    def test_holds_from_its_first_instant_to_the_last_before_its_end(self) -> None:
        state = State(rules=(Rule(variant="on", from_at=NOON, until_at=NOON + timedelta(hours=1)),))
        moments = [timedelta(microseconds=-1), timedelta(0), timedelta(hours=1, microseconds=-1), timedelta(hours=1)]

        values = [decide(FASTER, state, account(1), at=NOON + moment).value for moment in moments]

        assert values == [False, True, True, False]


class TestAnOrganisationsOwn:
    def test_rules_come_before_the_installations(self) -> None:
        own = State(rules=(Rule(variant="red", roles=("editor",)),))

        decision = decide(COLOUR, State(rules=(Rule(variant="none"),)), account(1), own=own)

        assert (decision.variant, decision.own) == ("red", True)
        assert decide(COLOUR, State(default="none"), account(1, role="reader"), own=own).variant == "none"

    def test_choice_is_the_last_word_but_for_a_kill(self) -> None:
        own = State(default="off")
        rolling = State(rollout=Stage(id=ROLLOUT, variant="on", percentage=100))

        assert decide(FASTER, rolling, account(1), own=own).cause is Cause.CHOSEN


class TestAPercentage:
    @given(st.integers(0, 10_000), st.floats(0, 100), st.floats(0, 100))
    def test_that_grows_takes_nobody_out(self, number: int, one: float, other: float) -> None:
        low, high = sorted((one, other))
        inside = [
            decide(FASTER, State(rules=(Rule(variant="on", percentage=p),)), account(number)) for p in (low, high)
        ]

        assert not (inside[0].value is True and inside[1].value is False)

    def test_takes_about_its_share(self) -> None:
        state = State(rules=(Rule(variant="on", percentage=10),))

        taken = sum(decide(FASTER, state, account(number)).value is True for number in range(5_000))

        # Four standard deviations of a binomial of 5,000 and 0.1.
        assert abs(taken - 500) < 85

    def test_of_nobody_and_of_everybody_is_exact(self) -> None:
        for percentage, expected in ((0.0, set[bool]({False})), (100.0, {True})):
            evaluate = compile_flag(FASTER, State(rules=(Rule(variant="on", percentage=percentage),)))
            assert {evaluate(account(number), NOON).value for number in range(500)} == expected

    def test_of_organisations_takes_all_of_one_or_none(self) -> None:
        state = State(rules=(Rule(variant="on", percentage=50, sticky_by=StickyBy.ORGANISATION),))

        seen = {
            organisation: {decide(FASTER, state, account(number, UUID(int=organisation))).value for number in range(20)}
            for organisation in range(40)
        }

        assert {len(values) for values in seen.values()} == {1}
        assert {True, False} == set().union(*seen.values())

    def test_is_of_accounts_and_leaves_out_who_has_none(self) -> None:
        state = State(rules=(Rule(variant="on", percentage=100),))

        assert decide(FASTER, state, Caller(DELTA)).value is False

    def test_chooses_independently_for_each_flag(self) -> None:
        half = State(rules=(Rule(variant="on", percentage=50),))

        same = sum(
            decide(FASTER, half, account(n)).value == decide(OLDER, half, account(n)).value for n in range(2_000)
        )

        assert abs(same - 1_000) < 120


class TestARollout:
    def test_has_two_sides(self) -> None:
        evaluate = compile_flag(FASTER, State(rollout=Stage(id=ROLLOUT, variant="on", percentage=50)))

        sides = {(decision.arm, decision.value) for n in range(100) for decision in (evaluate(account(n), NOON),)}

        assert sides == {(Arm.TREATED, True), (Arm.CONTROL, False)}

    def test_leaves_who_is_named_by_a_rule_on_neither(self) -> None:
        stage = Stage(id=ROLLOUT, variant="on", percentage=50)

        assert (
            decide(FASTER, State(rules=(Rule(variant="on", roles=("editor",)),), rollout=stage), account(1)).arm is None
        )

    def test_leaves_who_has_no_account_on_neither(self) -> None:
        decision = decide(FASTER, State(rollout=Stage(id=ROLLOUT, variant="on", percentage=100)), Caller(DELTA))

        assert (decision.arm, decision.value) == (None, False)


class TestARolloutOfOneOrganisation:
    STAGE = Stage(id=UUID(int=9), variant="on", percentage=30)

    def test_stands_behind_the_own_rules_and_before_what_is_decided_for_all(self) -> None:
        shared = State(rules=(Rule(variant="on"),))
        own = State(rules=(Rule(variant="off", roles=("admin",)),), rollout=self.STAGE)

        named = [decide(FASTER, shared, account(number, role="admin"), own=own) for number in range(50)]
        others = [decide(FASTER, shared, account(number), own=own) for number in range(200)]

        assert {(one.arm, one.variant) for one in named} == {(None, "off")}
        assert {(one.arm, one.variant) for one in others} == {(Arm.TREATED, "on"), (Arm.CONTROL, "on")}

    def test_leaves_its_control_what_it_had_and_says_why(self) -> None:
        shared = State(rules=(Rule(variant="red", roles=("admin",)),))
        stage = Stage(id=UUID(int=9), variant="none", percentage=30)

        found = {
            (one.arm, one.variant, one.cause)
            for role in ("admin", "editor")
            for one in (
                decide(COLOUR, shared, account(number, role=role), own=State(rollout=stage)) for number in range(99)
            )
        }

        assert found == {
            (Arm.TREATED, "none", Cause.ROLLOUT),
            (Arm.CONTROL, "red", Cause.RULE),
            (Arm.CONTROL, "blue", Cause.DECLARED),
        }

    def test_comes_before_one_of_all_organisations_that_goes_on_elsewhere(self) -> None:
        everywhere = State(rollout=Stage(id=UUID(int=8), variant="on", percentage=50))

        here = decide(FASTER, everywhere, account(1), own=State(rollout=self.STAGE))
        elsewhere = decide(FASTER, everywhere, account(1, organisation=ESTUARY))

        assert (here.rollout_id, elsewhere.rollout_id) == (UUID(int=9), UUID(int=8))


class TestARequirement:
    def test_that_is_not_met_turns_off(self) -> None:
        states = {"lists.faster": State(default="on", requires=(Requirement(key="lists.older"),))}
        registry = Registry([FASTER, OLDER])

        without = compile_table(registry, states).flags["lists.faster"](account(1), NOON)
        met = compile_table(registry, {**states, "lists.older": State(default="on")}).flags["lists.faster"]

        assert (without.value, without.cause) == (False, Cause.REQUIREMENT)
        assert met(account(1), NOON).value is True

    def test_is_asked_for_the_same_caller(self) -> None:
        states = {
            "lists.faster": State(default="on", requires=(Requirement(key="lists.older"),)),
            "lists.older": State(rules=(Rule(variant="on", roles=("editor",)),)),
        }
        evaluate = compile_table(Registry([FASTER, OLDER]), states).flags["lists.faster"]

        assert evaluate(account(1), NOON).value is True
        assert evaluate(account(1, role="reader"), NOON).value is False

    def test_of_itself_by_a_detour_breaks_both_and_nothing_else(self) -> None:
        states = {
            "lists.faster": State(default="on", requires=(Requirement(key="lists.older"),)),
            "lists.older": State(default="on", requires=(Requirement(key="lists.faster"),)),
        }

        table = compile_table(Registry([FASTER, OLDER, COLOUR]), states)

        assert set(table.broken) == {"lists.faster", "lists.older"}
        assert table.flags["lists.faster"](account(1), NOON).reason is Reason.ERROR
        assert table.flags["page.colour"](account(1), NOON).value == "#00f"


class TestWhatTheCodeNoLongerHas:
    def test_makes_a_flag_broken_and_off(self) -> None:
        table = compile_table(Registry([FASTER]), {"lists.faster": State(default="half"), "gone.flag": State()})

        decision = table.flags["lists.faster"](account(1), NOON)

        assert (decision.value, decision.cause, table.broken) == (False, Cause.BROKEN, ("lists.faster",))

    def test_is_named_with_its_place(self) -> None:
        state = State(
            default="half",
            rules=(
                Rule(variant="on", percentage=101),
                Rule(variant="most", from_at=NOON, until_at=NOON),
            ),
        )

        assert [pointer for pointer, _ in faults(FASTER, state)] == [
            "/default",
            "/rules/1/variant",
            "/rules/0/percentage",
            "/rules/1/until_at",
        ]


class TestACycle:
    @pytest.mark.parametrize(
        ("requires", "found"),
        [
            ({"a": ["b"], "b": ["c"]}, ()),
            ({"a": ["a"]}, ("a", "a")),
            ({"a": ["b"], "b": ["c"], "c": ["a"]}, ("a", "b", "c", "a")),
            ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, ()),
            ({"z": ["a"], "a": ["b"], "b": ["a"]}, ("a", "b", "a")),
        ],
    )
    def test_is_found_wherever_it_lies(self, requires: dict[str, list[str]], found: tuple[str, ...]) -> None:
        assert cycle(requires) == found

    def test_is_looked_for_along_very_long_chains(self) -> None:
        chain = {str(number): [str(number + 1)] for number in range(5_000)}

        assert cycle(chain) == ()
        assert len(cycle({**chain, "5000": ["0"]})) == 5_002
