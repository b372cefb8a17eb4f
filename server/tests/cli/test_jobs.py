"""`healthprotocol jobs`, as an operator runs it."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from healthprotocol.foundation.jobs import dead_letters
from tests.cli.test_admin import CREATE, PASSWORD, Ended, Machine, migrated
from tests.support.postgresql import Cluster

NAME = "jobs_by_hand"
DIED = """
with died as (
  insert into pgqueuer.pgqueuer (priority, status, entrypoint, payload, attempts, dedupe_key, updated)
  select 0, 'failed', $1, convert_to(jsonb_build_object('organisation_id', $2::text)::text, 'UTF8'), 5, $3, now()
  returning id
)
insert into pgqueuer.pgqueuer_log (job_id, status, priority, entrypoint, traceback)
select id, 'failed', 0, $1, '{"exception_message": "asyncpg.exceptions.UniqueViolationError [Ebro] at Ebro"}' from died
returning job_id
"""
DIED_OF_NOBODY = DIED.replace("jsonb_build_object('organisation_id', $2::text)::text", "coalesce($2, '{}')")
STATUSES = "select id, status::text as status, attempts from pgqueuer.pgqueuer order by id"


@pytest.fixture(scope="module")
def machine(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with migrated(cluster, NAME, tmp_path_factory.mktemp("operator")) as machine:
        yield machine


@pytest.fixture
async def connection(machine: Machine) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(machine.url)
    await connection.execute("delete from pgqueuer.pgqueuer; delete from pgqueuer.pgqueuer_log")
    yield connection
    await connection.close()


def answer(ended: Ended) -> Any:
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


class TestJobs:
    async def test_that_are_dead_are_listed_without_a_word_of_their_errors(
        self, machine: Machine, connection: Any
    ) -> None:
        none = await machine.run("jobs", "dead")
        here = "01890a5d-ac96-774b-bcce-b302099a8057"
        ours = await connection.fetchval(DIED, "count.boats", here, None)
        others = await connection.fetchval(DIED_OF_NOBODY, "count.ships", None, None)

        listed = await machine.run("jobs", "dead")
        [boats] = answer(await machine.run("jobs", "dead", "--kind", "count.boats", "--json"))
        [ships] = answer(await machine.run("jobs", "dead", "--kind", "count.ships", "--json"))

        assert (none.code, "No job failed for good" in none.out) == (0, True)
        assert boats.pop("failed_at").endswith("Z")
        assert boats == {
            "id": ours, "kind": "count.boats", "organisation_id": here, "attempts": 5,
            "error_type": "UniqueViolationError",
        }  # fmt: skip
        assert (ships["id"], ships["organisation_id"]) == (others, None)
        assert all(word in listed.out for word in ("count.boats", here, "UniqueViolationError"))
        assert "Ebro" not in listed.out + listed.err

    async def test_run_again_or_go_and_the_organisation_can_read_of_it(self, machine: Machine, connection: Any) -> None:
        made = answer(await machine.run(*CREATE, "--json", typed=f"{PASSWORD}\n"))["organisation_id"]
        revived, buried = [await connection.fetchval(DIED, "count.boats", made, None) for _ in range(2)]

        again = answer(await machine.run("jobs", "revive", str(revived), "--json"))
        gone = answer(await machine.run("jobs", "bury", str(buried), "--json"))
        second = [await machine.run("jobs", verb, str(buried)) for verb in ("revive", "bury")]

        events = await connection.fetch(
            "select action, actor_role from audit_event where organisation_id = $1 and object_type = 'job' order by at",
            made,
        )
        assert (again, gone) == ({"revived": [revived], "doubled": []}, {"buried": buried})
        assert [tuple(row) for row in await connection.fetch(STATUSES)] == [(revived, "queued", 0)]
        assert [tuple(event) for event in events] == [("job.revive", "system"), ("job.bury", "system")]
        assert [(one.code, f"number {buried}" in one.err, "jobs dead" in one.err) for one in second] == [
            (2, True, True)
        ] * 2

    async def test_of_a_kind_run_again_at_once_but_for_one_whose_like_waits(
        self, machine: Machine, connection: Any
    ) -> None:
        boats = [await connection.fetchval(DIED_OF_NOBODY, "count.boats", None, key) for key in ("a", "a", "b")]
        ships = await connection.fetchval(DIED_OF_NOBODY, "count.ships", None, None)

        done = answer(await machine.run("jobs", "revive", "--all", "--kind", "count.boats", "--json"))
        left = await machine.run("jobs", "revive", str(done["doubled"][0]))
        rest = await machine.run("jobs", "revive", "--all")

        assert sorted(done["revived"] + done["doubled"]) == boats
        assert [key in boats[:2] for key in done["doubled"]] == [True]
        assert (left.code, "jobs bury" in left.err) == (1, True)
        assert (rest.code, "1 job runs again" in rest.out, "jobs bury" in rest.out) == (0, True, True)
        failed = [row["id"] for row in await connection.fetch(STATUSES) if row["status"] == "failed"]
        assert (failed, ships in failed) == (done["doubled"], False)

    async def test_all_are_more_than_a_page_of_them(
        self, machine: Machine, connection: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dead_letters, "MOST_LISTED", 3)
        for number in range(10):
            # Two of each key: the second of a pair is left, and is no reason to begin again.
            await connection.fetchval(DIED_OF_NOBODY, "count.boats", None, str(number // 2))

        done = answer(await machine.run("jobs", "revive", "--all", "--json"))

        assert (len(done["revived"]), len(done["doubled"])) == (5, 5)

    async def test_used_wrongly_say_how(self, machine: Machine) -> None:
        neither = await machine.run("jobs", "revive")
        both = await machine.run("jobs", "revive", "7", "--all")
        kind = await machine.run("jobs", "revive", "7", "--kind", "count.boats")
        word = await machine.run("jobs", "bury", "seven")

        assert [one.code for one in (neither, both, kind, word)] == [2] * 4
        assert ["--all" in one.err for one in (neither, both, kind)] == [True] * 3
