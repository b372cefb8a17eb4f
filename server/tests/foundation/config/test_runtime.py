"""A setting that is chosen in one process is seen by another within a second, and behaviour follows."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from healthprotocol.api.idempotency import KEPT_HOURS, sweep
from healthprotocol.assembly import SETTINGS
from healthprotocol.care.entries.model import LATE_DAYS
from healthprotocol.foundation.config.live import LiveChanges
from healthprotocol.foundation.config.runtime import (
    RuntimeSettings,
    SettingUnknown,
    Wish,
    choose,
    value_everywhere,
    value_of,
)
from healthprotocol.foundation.config.setting import Setting, require_registry
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import INSTALLATION, OrganisationId
from healthprotocol.foundation.jobs.batches import BATCH_TIMEOUT_SECONDS
from healthprotocol.trust.accounts.model import FREE_ATTEMPTS, MOST_SESSIONS, STAFF_IDLE_MINUTES, SessionPolicy
from healthprotocol.trust.accounts.service.policy import person_lane, policy_of, session_policy, usual_choices
from tests.support.people import Organisation
from tests.support.postgresql import Cluster
from tests.support.timing import best_of, until

# Another node: says when it is ready, and at what time it first sees each of the values that it is asked for.
NODE = """
import asyncio, sys, time
from pathlib import Path
from uuid import UUID
from healthprotocol.assembly import SETTINGS
from healthprotocol.care.entries.model import LATE_DAYS
from healthprotocol.foundation.config.live import LiveChanges
from healthprotocol.foundation.config.runtime import RuntimeSettings
from healthprotocol.foundation.db.transaction import Database
from tests.support.postgresql import KeyRing, LocalRootKey, open_pool

async def main(url, key, tenant, listens):
    pool = await open_pool(url, size=3, statement_timeout_seconds=5)
    database = Database(pool, keys=KeyRing(LocalRootKey.load(Path(key), inside_checkout=True)))
    changes = LiveChanges(database, listens=listens == "True")
    runtime = RuntimeSettings(database, SETTINGS, changes=changes)
    await runtime.start()
    await runtime.prepare(UUID(tenant))
    print("ready", flush=True)
    while wanted := (await asyncio.to_thread(sys.stdin.readline)).strip():
        until = time.monotonic() + 60
        while runtime.value(LATE_DAYS, UUID(tenant), now=database.clock()) != int(wanted) and time.monotonic() < until:
            await asyncio.sleep(0.005)
        print(time.monotonic(), flush=True)
    await changes.close()
    await database.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def runtime(database: Database) -> AsyncIterator[RuntimeSettings]:
    changes = LiveChanges(database)
    started = RuntimeSettings(database, SETTINGS, changes=changes)
    await started.start()
    yield started
    await changes.close()


async def chosen(database: Database, organisation_id: OrganisationId, setting: Setting[int], value: float) -> None:
    async with database.transaction(organisation_id) as tx:
        await choose(tx, setting, Wish(value=value, reason="a test"), expected_version=None)


async def soon(runtime: RuntimeSettings, setting: Setting[int], tenant: OrganisationId | None, value: float) -> None:
    await until(lambda: runtime.value(setting, tenant, now=runtime._database.clock()) == value)


class TestTwoProcesses:
    @pytest.mark.parametrize("listens", [True, False])
    async def test_know_within_a_second_even_when_the_message_is_lost(
        self, cluster: Cluster, database: Database, database_name: str, organisation: Organisation, listens: bool
    ) -> None:
        words = [cluster.app_url(database_name), str(cluster.root_key), str(organisation.id), str(listens)]
        node = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            NODE,
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": "."},
        )
        stdin, stdout = node.stdin, node.stdout
        assert stdin is not None
        assert stdout is not None
        assert await stdout.readline() == b"ready\n"

        async def seen_after(attempt: int) -> float:
            value = 3 + attempt % 2
            stdin.write(f"{value}\n".encode())
            await chosen(database, organisation.id, LATE_DAYS, value)
            # Both processes read the same clock of this machine.
            committed_at = time.monotonic()
            return float(await stdout.readline()) - committed_at

        seconds = await best_of(20, seen_after, enough=1.0)
        stdin.close()
        assert await node.wait() == 0
        assert seconds < 1.0


class TestBehaviour:
    async def test_follows_the_organisation(
        self, runtime: RuntimeSettings, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        usual = session_policy(Settings(environment="production"))
        await runtime.prepare(organisation.id)
        for setting, value in ((STAFF_IDLE_MINUTES, 5), (MOST_SESSIONS, 2), (LATE_DAYS, 1)):
            await chosen(database, organisation.id, setting, value)
            await soon(runtime, setting, organisation.id, value)

        async with database.transaction(organisation.id) as tx:
            policy = policy_of(tx, usual)
            assert (policy.staff_idle.seconds, policy.most_sessions, value_of(tx, LATE_DAYS)) == (300, 2, 1)
        async with database.transaction(other_organisation.id) as tx:
            assert value_of(tx, LATE_DAYS) == 7

    async def test_of_guessing_and_of_long_work_follows_the_installation(
        self, runtime: RuntimeSettings, database: Database
    ) -> None:
        await chosen(database, INSTALLATION, FREE_ATTEMPTS, 2)
        await soon(runtime, FREE_ATTEMPTS, None, 2)

        assert person_lane(database).free == 2
        assert value_everywhere(database, BATCH_TIMEOUT_SECONDS) == 60.0

    async def test_of_the_sweeper_keeps_answers_for_as_long_as_was_chosen(
        self, runtime: RuntimeSettings, database: Database, organisation: Organisation
    ) -> None:
        async with database.transaction(organisation.id) as tx:
            await tx.execute(
                """
                insert into idempotency (organisation_id, account_id, key, request_hash, status, created_at)
                values ($1, $2, 'k', '\\x00', 200, $3::timestamptz - interval '3 hours')
                """,
                organisation.id,
                organisation.admin.account_id,
                tx.now,
            )
            assert await sweep(tx) == 0
        await chosen(database, organisation.id, KEPT_HOURS, 2)
        await soon(runtime, KEPT_HOURS, organisation.id, 2)

        async with database.transaction(organisation.id) as tx:
            assert await sweep(tx) == 1

    async def test_without_runtime_settings_is_the_default(
        self, database: Database, organisation: Organisation
    ) -> None:
        async with database.transaction(organisation.id) as tx:
            assert value_of(tx, LATE_DAYS) == 7
            assert value_of(tx, LATE_DAYS, otherwise=9) == 9

    async def test_of_a_value_that_this_release_does_not_take_is_the_default(
        self,
        runtime: RuntimeSettings,
        database: Database,
        organisation: Organisation,
        cluster: Cluster,
        database_name: str,
    ) -> None:
        await cluster.execute(
            database_name,
            "insert into runtime_setting (organisation_id, name, version, value, reason, changed_at) "
            f"values ('{organisation.id}', 'entry.late_days', 1, '\"many\"', 'another release', now())",
        )

        async with database.transaction(organisation.id) as tx:
            assert value_of(tx, LATE_DAYS) == 7


class TestRegistry:
    def test_tells_who_asks_for_an_unknown_name_which_there_are(self, runtime: RuntimeSettings) -> None:
        with pytest.raises(SettingUnknown, match=r"There are: entry\.late_days, "):
            runtime.get("entry.lat_days")

    def test_takes_no_name_twice_and_no_default_out_of_range(self) -> None:
        one = Setting(name="a.b", title="Boats", group="River", default=1, description="x")
        with pytest.raises(ValueError, match="two have it"):
            require_registry([one, one])
        with pytest.raises(ValueError, match="at most 1"):
            require_registry([msgspec.structs.replace(one, default=2, most=1)])

    def test_takes_no_setting_without_words_for_people_and_none_with_those_of_another(self) -> None:
        one = Setting(name="a.b", title="Boats", group="River", default=1, description="x")

        for wordless in ({"title": " "}, {"group": ""}, {"description": ""}, {"title": "B" * 61}):
            with pytest.raises(ValueError, match="needs a group, a description, and a title"):
                require_registry([msgspec.structs.replace(one, **wordless)])
        with pytest.raises(ValueError, match="the title of two"):
            require_registry([one, msgspec.structs.replace(one, name="a.c")])


class TestWhoseChoiceItIs:
    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            (Settings(environment="production"), (15, "default")),
            (Settings(environment="development"), (720, "relaxed")),
            (Settings(environment="production", session_idle_minutes=20), (20, "started")),
            (Settings(environment="development", session_idle_minutes=20), (20, "started")),
        ],
    )
    async def test_is_told_as_it_is(self, database: Database, settings: Settings, told: tuple[int, str]) -> None:
        runtime = RuntimeSettings(database, SETTINGS, changes=LiveChanges(database), usual=usual_choices(settings))

        assert runtime.holds(STAFF_IDLE_MINUTES, None, now=database.clock()) == told
        assert session_policy(settings).staff_idle.seconds == told[0] * 60

    def test_what_a_start_chooses_has_the_defaults_of_what_is_chosen_later(self) -> None:
        assert session_policy(Settings(environment="production")) == SessionPolicy(
            staff_idle=timedelta(minutes=Settings.model_fields["session_idle_minutes"].default),
            patient_idle=timedelta(minutes=Settings.model_fields["subject_session_idle_minutes"].default),
            absolute=timedelta(hours=Settings.model_fields["session_absolute_hours"].default),
            most_sessions=MOST_SESSIONS.default,
        )
