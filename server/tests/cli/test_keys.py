"""`healthprotocol keys status`, as an operator runs it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.test_admin import Machine, migrated
from tests.support.postgresql import Cluster

NAME = "keys_by_hand"
AN_OLDER_ONE = "update organisation_key set root_version = 7"


@pytest.fixture(scope="module")
def machine(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with migrated(cluster, NAME, tmp_path_factory.mktemp("keeper")) as machine:
        yield machine


async def has_organisation(machine: Machine, name: str, email: str) -> None:
    made = await machine.run(
        "admin", "create", "--organisation", name, "--email", email, "--json", "--password-stdin",
        typed="a-river-with-many-arms-47\n",
    )  # fmt: skip
    assert made.code == 0, made.err


def of_kind(document: Any, kind: str) -> list[tuple[int, str, int, int]]:
    return [
        (one["version"], one["state"], one["keys"], one["under_old"]) for one in document["keys"] if one["kind"] == kind
    ]


class TestStatus:
    async def test_counts_the_keys_of_all_organisations_and_tells_which_lie_under_an_older(
        self, machine: Machine, cluster: Cluster
    ) -> None:
        empty = json.loads((await machine.run("keys", "status", "--json")).out)
        await has_organisation(machine, "Delta Clinic", "elbe@delta.example")
        await has_organisation(machine, "Ebro Clinic", "ebro@delta.example")

        found = json.loads((await machine.run("keys", "status", "--json")).out)
        await cluster.execute(NAME, AN_OLDER_ONE)
        older = json.loads((await machine.run("keys", "status", "--json")).out)

        assert (empty["keys"], found["root"]["provider"], found["root"]["current"]) == ([], "file", 1)
        assert of_kind(found, "organisation") == [(1, "active", 2, 0)]
        assert of_kind(older, "organisation") == [(1, "active", 2, 2)]
        assert [(version, old) for version, _, keys, old in of_kind(found, "purpose") if keys > 1] == [(1, 0)]

    async def test_says_it_in_a_table_and_never_a_key(self, machine: Machine) -> None:
        said = await machine.run("keys", "status")
        as_json = await machine.run("keys", "status", "--json")

        assert said.code == 0, said.err
        assert "version 1 wraps" in said.out
        assert "Under an older key" in said.out
        kept = json.loads((machine.folder / "keys" / "root.key").read_text())
        secrets = [kept["derivation"], *kept["versions"].values()]
        shown = said.out + as_json.out
        assert [one for one in secrets if one in shown or base64.b64decode(one).hex() in shown] == []
