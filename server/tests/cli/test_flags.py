"""`healthprotocol flags`, as an operator runs it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.test_admin import Ended, Machine, migrated
from tests.support.postgresql import Cluster

FLAG = "lists.cost-guard"
WHY = ("--reason", "An estimate is wrong.")
KNOWN_FOR_15_DAYS = f"""
insert into flag_use (organisation_id, key, asked, first_at, last_at)
values ('00000000-0000-0000-0000-000000000000', '{FLAG}', 0, now() - interval '15 days', now() - interval '15 days')
"""


@pytest.fixture(scope="module")
def machine(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with migrated(cluster, "flags_by_hand", tmp_path_factory.mktemp("operator")) as machine:
        yield machine


def answer(ended: Ended) -> Any:
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


class TestFlags:
    async def test_that_nobody_asked_for_in_two_weeks_are_stale(self, machine: Machine, cluster: Cluster) -> None:
        fresh = await machine.run("flags", "stale", "--check")
        await cluster.execute("flags_by_hand", KNOWN_FOR_15_DAYS)
        checked = await machine.run("flags", "stale", "--check")
        await cluster.execute("flags_by_hand", "delete from flag_use")
        unknown = await machine.run("flags", "show", "lists.gone")

        assert (fresh.code, FLAG in fresh.out) == (0, False)
        assert (checked.code, FLAG in checked.out) == (1, True)
        assert unknown.code == 2
        assert f"There are: {FLAG}, " in unknown.err

    async def test_are_listed_killed_and_revived_with_their_history(self, machine: Machine) -> None:
        listed = answer(await machine.run("flags", "list", "--json"))
        killed = answer(await machine.run("flags", "kill", FLAG, *WHY, "--json"))
        shown = await machine.run("flags", "show", FLAG)
        revived = answer(await machine.run("flags", "revive", FLAG, *WHY, "--json"))
        history = answer(await machine.run("flags", "history", FLAG, "--json"))

        assert FLAG in [one["flag"]["key"] for one in listed]
        assert (killed["decision"]["value"], revived["decision"]["value"]) == (False, True)
        assert "gives off (killed)" in shown.out
        assert [(one["act"], one["changed_as"]) for one in history] == [("revive", "operator"), ("kill", "operator")]

    @pytest.mark.parametrize("reason", ["", "  x ", "x" * 501])
    async def test_are_not_changed_without_a_reason_or_with_a_book(self, machine: Machine, reason: str) -> None:
        refused = await machine.run("flags", "kill", FLAG, "--reason", reason)

        assert refused.code == 2
        assert "say why in 3 to 500 characters" in " ".join(refused.err.replace("│", " ").split())

    async def test_of_a_variant_that_there_is_not_name_those_that_there_are(self, machine: Machine) -> None:
        chosen = await machine.run("flags", "set", FLAG, "maybe", *WHY)
        rolled_out = await machine.run("flags", "rollout", "start", FLAG, "--variant", "of", *WHY)

        assert (chosen.code, rolled_out.code) == (2, 2)
        assert "The flag has no such variant; there are on, off." in chosen.err
        assert "The flag has no such variant; there are on, off." in rolled_out.err

    async def test_are_targeted(self, machine: Machine) -> None:
        conditions = ("--to", "role=admin", "--to", "percentage=10", "--to", "until=2030-01-01")
        targeted = answer(await machine.run("flags", "target", FLAG, "off", *conditions, *WHY, "--json"))
        shown = await machine.run("flags", "show", FLAG)
        cleared = answer(await machine.run("flags", "target", FLAG, "nobody", *WHY, "--json"))
        wrong = await machine.run("flags", "target", FLAG, "off", "--to", "colour=red", *WHY)
        stranger = await machine.run("flags", "target", FLAG, "off", "--to", "role=nurse", *WHY)
        nobody_named = await machine.run("flags", "target", FLAG, "off", *WHY)
        history = await machine.run("flags", "history", FLAG)

        (rule,) = targeted["installation"]["state"]["rules"]
        assert (rule["roles"], rule["percentage"], rule["until_at"]) == (["admin"], 10.0, "2030-01-01T00:00:00Z")
        assert "rules" not in cleared["installation"]["state"]
        in_words = "off for the role admin, 10 % of accounts, until 2030-01-01 00:00 UTC"
        assert in_words in shown.out
        assert "Before" in history.out
        assert in_words in " ".join(history.out.split())
        assert [one.code for one in (wrong, stranger, nobody_named)] == [2, 2, 2]
        assert "clinician" in stranger.err
        assert "--to" in nobody_named.err

    async def test_are_rolled_out_and_stopped(self, machine: Machine) -> None:
        stages = ("--stage", "10:60", "--stage", "100:60")
        started = answer(
            await machine.run("flags", "rollout", "start", FLAG, "--variant", "off", *stages, *WHY, "--json")
        )
        again = await machine.run("flags", "rollout", "start", FLAG, *WHY)
        status = await machine.run("flags", "rollout", "status", FLAG)
        paused = answer(await machine.run("flags", "rollout", "pause", FLAG, *WHY, "--json"))
        resting = await machine.run("flags", "rollout", "status", FLAG)
        resumed = answer(await machine.run("flags", "rollout", "resume", FLAG, *WHY, "--json"))
        stopped = answer(await machine.run("flags", "rollout", "stop", FLAG, *WHY, "--json"))

        assert (started["percentage"], started["status"]) == (10.0, "running")
        assert (again.code, "running" in again.err) == (1, True)
        assert "rolled back at 9.21" in status.out
        assert (paused["paused_at"] is None, resumed["paused_at"], stopped["status"]) == (False, None, "stopped")
        assert "running, paused, off at 10 %, stage 1 of 2, of all" in resting.out
        assert "then the guard stops it" in resting.out
        assert (paused["paused_until"] is None, resumed["paused_until"]) == (False, None)

    async def test_are_rolled_back_by_hand_for_one_organisation(self, machine: Machine) -> None:
        made = await machine.run(
            "admin", "create", "--organisation", "Delta Clinic", "--email", "elbe@delta.example", "--json",
            "--password-stdin", typed="a-river-with-many-arms-47\n",
        )  # fmt: skip
        for_one = ("--organisation", answer(made)["organisation_id"])

        await machine.run("flags", "rollout", "start", FLAG, "--variant", "off", *for_one, *WHY)
        rolled_back = answer(await machine.run("flags", "rollout", "back", FLAG, *for_one, *WHY, "--json"))
        here = answer(await machine.run("flags", "show", FLAG, *for_one, "--json"))
        elsewhere = answer(await machine.run("flags", "show", FLAG, "--json"))
        revived = answer(await machine.run("flags", "revive", FLAG, *for_one, *WHY, "--json"))

        assert (rolled_back["status"], rolled_back["is_own"]) == ("rolled_back", True)
        assert (here["decision"]["cause"], elsewhere["decision"]["value"]) == ("killed", True)
        assert revived["decision"]["value"] is True
