"""Flags over HTTP."""

from collections.abc import AsyncIterator

import pytest

from healthprotocol.foundation.flags.model import Rule
from healthprotocol.foundation.ids import INSTALLATION
from healthprotocol.operations.flags import service
from healthprotocol.operations.flags.model import Change, Course
from healthprotocol.operations.flags.service import Keeper
from tests.operations.flags.conftest import COLOUR, FASTER, OLDER
from tests.support.door import Door, opened
from tests.support.people import Organisation

FLAG = f"/flags/{FASTER.key}"
ON = {"default": "on", "reason": "We try it."}


@pytest.fixture
async def door(keeper: Keeper, organisation: Organisation, other_organisation: Organisation) -> AsyncIterator[Door]:
    people = {
        "admin": organisation.admin,
        "clinician": organisation.clinician,
        "stranger": other_organisation.admin,
    }
    async with opened(keeper.database, people) as door:
        yield door


class TestDeciding:
    async def test_demands_the_copy_that_was_seen(self, door: Door) -> None:
        seen = await door.ask("admin", "GET", FLAG)
        blind = await door.ask("admin", "PATCH", FLAG, ON)
        first = await door.ask("admin", "PATCH", FLAG, ON, if_match=seen.headers["etag"])
        late = await door.ask("admin", "PATCH", FLAG, ON, if_match=seen.headers["etag"])

        assert [blind.status_code, first.status_code, late.status_code] == [428, 200, 412]
        assert first.json()["effective"]["value"] is True
        assert first.headers["etag"] != seen.headers["etag"]

    async def test_is_refused_to_others_and_unseen_by_other_organisations(self, door: Door) -> None:
        refused = await door.ask("clinician", "PATCH", FLAG, ON, if_match="*")
        await door.ask("admin", "PATCH", FLAG, ON, if_match="*")
        elsewhere = await door.ask("stranger", "GET", FLAG)

        assert refused.status_code == 403
        assert (elsewhere.json()["effective"]["value"], elsewhere.json()["own"]["revision"]) == (False, 0)

    async def test_needs_a_reason_and_a_variant_that_there_is(self, door: Door) -> None:
        silent = await door.ask("admin", "PATCH", FLAG, {"default": "on"}, if_match="*")
        half = await door.ask("admin", "PATCH", FLAG, {"default": "half", "reason": "We try it."}, if_match="*")

        assert silent.status_code == 422
        assert [one["pointer"] for one in half.json()["errors"]] == ["/default"]

    @pytest.mark.parametrize(
        ("requires", "pointer"),
        [
            ([{"key": "lists.gone", "variants": ["on"]}], "/requires/0/key"),
            ([{"key": OLDER.key, "variants": ["on"]}] * 2, "/requires/1/key"),
            ([{"key": OLDER.key, "variants": ["half"]}], "/requires/0/variants"),
            ([{"key": OLDER.key, "variants": []}], "/requires/0/variants"),
        ],
    )
    async def test_names_the_requirement_that_cannot_be_met(
        self, door: Door, requires: list[object], pointer: str
    ) -> None:
        answer = await door.ask("admin", "PATCH", FLAG, {"requires": requires, "reason": "We try it."}, if_match="*")

        assert (answer.status_code, [one["pointer"] for one in answer.json()["errors"]]) == (422, [pointer])

    async def test_requires_another_flag(self, door: Door) -> None:
        requires = [{"key": OLDER.key, "variants": ["on"]}]

        answer = await door.ask("admin", "PATCH", FLAG, {**ON, "requires": requires}, if_match="*")

        assert (answer.json()["effective"]["value"], answer.json()["effective"]["cause"]) == (False, "requirement")
        assert answer.json()["own"]["state"]["requires"] == requires

    async def test_leaves_what_is_not_named(self, door: Door) -> None:
        rules = {"rules": [{"variant": "on", "roles": ["admin"], "percentage": 10}], "reason": "We try it."}
        await door.ask("admin", "PATCH", FLAG, ON, if_match="*")
        answer = await door.ask("admin", "PATCH", FLAG, rules, if_match="*")

        state = answer.json()["own"]["state"]
        assert (state["default"], state["rules"][0]["percentage"]) == ("on", 10.0)


class TestKilling:
    async def test_and_reviving_stand_in_the_history(self, door: Door) -> None:
        because = {"reason": "It fails."}
        killed = await door.ask("admin", "POST", f"{FLAG}/kill", because)
        revived = await door.ask("admin", "POST", f"{FLAG}/revive", because)
        history = await door.ask("admin", "GET", f"{FLAG}/history")

        assert (killed.json()["effective"]["cause"], revived.json()["effective"]["cause"]) == ("killed", "declared")
        assert [one["act"] for one in history.json()["items"]] == ["revive", "kill"]


class TestLooking:
    async def test_never_names_other_organisations_or_their_accounts(
        self, door: Door, keeper: Keeper, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        named = Rule(
            variant="on",
            organisations=(organisation.id, other_organisation.id),
            accounts=(other_organisation.admin.account_id,),
        )
        async with keeper.database.transaction(INSTALLATION) as tx:
            await service.change(tx, None, FASTER.key, Change(rules=(named,)), reason="For these two.")

        for path in ("/flags", FLAG, f"{FLAG}/history"):
            text = (await door.ask("admin", "GET", path)).text
            assert str(other_organisation.id) not in text
            assert str(other_organisation.admin.account_id) not in text
        (rule,) = (await door.ask("admin", "GET", FLAG)).json()["installation"]["state"]["rules"]
        assert (rule["organisations"], rule["hidden"]) == ([str(organisation.id)], 2)

    async def test_answers_304_to_who_has_the_copy(self, door: Door) -> None:
        seen = await door.ask("admin", "GET", FLAG)
        again = await door.ask("admin", "GET", FLAG, if_none_match=seen.headers["etag"])

        assert again.status_code == 304

    async def test_tells_clients_values_and_nothing_of_why(self, door: Door) -> None:
        answer = await door.ask("clinician", "GET", "/flags/evaluated")

        assert answer.json() == {"values": {FASTER.key: False}}

    async def test_of_a_rollout_that_never_was_finds_nothing(self, door: Door) -> None:
        assert (await door.ask("admin", "GET", f"{FLAG}/rollout")).status_code == 404
        assert (await door.ask("admin", "GET", "/flags/lists.gone")).status_code == 404

    async def test_shows_a_rollout_with_its_evidence(self, door: Door, keeper: Keeper) -> None:
        async with keeper.database.transaction(INSTALLATION) as tx:
            await service.start_rollout(tx, None, COLOUR.key, Course(variant="red"), reason="We try it.")

        answer = (await door.ask("admin", "GET", f"/flags/{COLOUR.key}/rollout")).json()

        assert (answer["rollout"]["percentage"], answer["threshold"], answer["trail"]) == (1.0, 9.21, [])
        assert [step["act"] for step in answer["steps"]] == ["started"]
        assert answer["steps"][0]["evidence"]["treated"] == {"requests": 0, "errors": 0, "slow": 0}
