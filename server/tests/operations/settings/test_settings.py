"""Settings over HTTP: who may, what is refused, what is kept, and that behaviour follows."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from healthprotocol.assembly import SETTINGS
from healthprotocol.foundation.config.live import LiveChanges
from healthprotocol.foundation.config.runtime import RuntimeSettings
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import AccountId
from tests.operations.door import site
from tests.support.people import Organisation
from tests.support.postgresql import Cluster
from tests.support.timing import until

LATE = "/api/v1/settings/entry.late_days"


@pytest.fixture
async def runtime(database: Database) -> AsyncIterator[RuntimeSettings]:
    changes = LiveChanges(database)
    started = RuntimeSettings(database, SETTINGS, changes=changes)
    await started.start()
    yield started
    await changes.close()


@pytest.fixture
async def http(
    cluster: Cluster,
    database: Database,
    runtime: RuntimeSettings,
    organisation: Organisation,
    other_organisation: Organisation,
) -> AsyncIterator[httpx2.AsyncClient]:
    actors: dict[str, Actor] = {
        "admin": organisation.admin,
        "clinician": organisation.clinician,
        "stranger": other_organisation.admin,
    }
    async with site(cluster, database, actors) as client:
        yield client


async def ask(
    http: httpx2.AsyncClient, who: str | None, method: str, path: str, body: Any = None, match: str = "*"
) -> httpx2.Response:
    headers = {"if-match": match} | ({"x-actor": who} if who else {})
    return await http.request(method, path, json=body, headers=headers)


async def choose(http: httpx2.AsyncClient, value: Any, *, match: str = "*", **more: Any) -> httpx2.Response:
    return await ask(http, "admin", "PATCH", LATE, {"value": value, "reason": "holidays", **more}, match)


class TestListSettings:
    async def test_refuses_nobody_and_the_wrong_role(self, http: httpx2.AsyncClient) -> None:
        assert (await ask(http, None, "GET", "/api/v1/settings")).status_code == 401
        assert (await ask(http, "clinician", "GET", "/api/v1/settings")).status_code == 403

    async def test_shows_what_an_organisation_may_choose(self, http: httpx2.AsyncClient) -> None:
        found = {one["name"]: one for one in (await ask(http, "admin", "GET", "/api/v1/settings")).json()["items"]}

        assert set(found) == {one.name for one in SETTINGS if one.scope == "organisation"}
        late = found["entry.late_days"]
        assert (late["value"], late["unit"], late["source"], late["version"]) == (7, "days", "default", 0)
        assert (late["minimum"], late["maximum"], late["type"]) == (0, 90, "integer")
        assert (late["title"], late["group"]) == ("Late entries are taken for", "Patients' entries")


class TestChangeSetting:
    async def test_holds_for_the_own_organisation_alone(self, http: httpx2.AsyncClient) -> None:
        changed = await choose(http, 3)

        assert changed.status_code == 200
        assert changed.headers["etag"] == '"r1"'
        assert (changed.json()["value"], changed.json()["source"]) == (3, "organisation")
        assert (await ask(http, "stranger", "GET", LATE)).json()["value"] == 7

    @pytest.mark.parametrize("value", [-1, 91, 2.5, "3", True, [3]])
    async def test_refuses_what_is_out_of_range_or_of_another_type(self, http: httpx2.AsyncClient, value: Any) -> None:
        answer = await choose(http, value)

        assert answer.status_code in {400, 422}
        assert answer.json()["errors"][0]["pointer"].startswith("/value")

    async def test_refuses_a_choice_without_a_reason(self, http: httpx2.AsyncClient) -> None:
        answer = await choose(http, 3, reason="   ")

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/reason"

    async def test_refuses_a_choice_made_on_an_old_look(self, http: httpx2.AsyncClient) -> None:
        await choose(http, 3, match='"r0"')

        assert (await choose(http, 4, match='"r0"')).status_code == 412
        assert (await choose(http, 4, match='"r1"')).status_code == 200

    async def test_refuses_what_only_an_operator_chooses(self, http: httpx2.AsyncClient) -> None:
        path = "/api/v1/settings/sign_in.free_attempts"

        answers = [
            await ask(http, "admin", "GET", path),
            await ask(http, "admin", "PATCH", path, {"value": 9, "reason": "x"}),
        ]

        types = {answer.json()["type"].rpartition("/")[2] for answer in answers}
        assert ({answer.status_code for answer in answers}, types) == ({403}, {"setting-of-the-installation"})

    async def test_refuses_the_wrong_role(self, http: httpx2.AsyncClient) -> None:
        assert (await ask(http, "clinician", "PATCH", LATE, {"value": 1, "reason": "x"})).status_code == 403

    async def test_is_recorded_in_the_audit_log(
        self, http: httpx2.AsyncClient, database: Database, organisation: Organisation
    ) -> None:
        await choose(http, 3)

        async with database.transaction(organisation.id) as tx:
            actions = await tx.fetch("select action, actor_id from audit_event where action = 'setting.change'")
        assert [(row["action"], row["actor_id"]) for row in actions] == [
            ("setting.change", organisation.admin.account_id)
        ]

    async def test_null_takes_the_own_choice_back(self, http: httpx2.AsyncClient) -> None:
        await choose(http, 3)

        taken_back = (await choose(http, None)).json()

        assert (taken_back["value"], taken_back["source"], taken_back["version"]) == (7, "default", 2)

    async def test_to_what_is_chosen_already_writes_no_version(
        self, http: httpx2.AsyncClient, database: Database, organisation: Organisation
    ) -> None:
        await choose(http, None)
        await choose(http, 3)
        variation = {"value": 30, "percent": 10}
        await choose(http, 3, variation=variation)

        again = await choose(http, 3, variation=variation, reason="once more", match='"r2"')

        assert (again.status_code, again.headers["etag"]) == (200, '"r2"')
        assert len((await ask(http, "admin", "GET", f"{LATE}/history")).json()["items"]) == 2
        async with database.transaction(organisation.id) as tx:
            assert await tx.fetchval("select count(*) from audit_event where action = 'setting.change'") == 2


class TestHistory:
    async def test_keeps_who_when_and_why(self, http: httpx2.AsyncClient, organisation: Organisation) -> None:
        await choose(http, 3)
        await choose(http, 4, reason="still holidays")

        versions = (await ask(http, "admin", "GET", f"{LATE}/history")).json()["items"]

        assert [(one["version"], one["value"], one["reason"]) for one in versions] == [
            (2, 4, "still holidays"),
            (1, 3, "holidays"),
        ]
        assert {one["changed_by"] for one in versions} == {str(organisation.admin.account_id)}

    async def test_of_another_organisation_is_not_seen(self, http: httpx2.AsyncClient) -> None:
        await choose(http, 3)

        assert (await ask(http, "stranger", "GET", f"{LATE}/history")).json()["items"] == []

    async def test_cannot_be_rewritten_by_the_application(self, http: httpx2.AsyncClient, database: Database) -> None:
        await choose(http, 3)

        for statement in ("update runtime_setting set value = '9'", "delete from runtime_setting"):
            with pytest.raises(Exception, match="permission denied"):
                async with database.transaction(None) as tx:
                    await tx.execute(statement)


class TestRollBack:
    async def test_is_a_new_version_with_the_old_value(self, http: httpx2.AsyncClient) -> None:
        await choose(http, 3)
        await choose(http, 4)

        answer = await ask(http, "admin", "POST", f"{LATE}/rollback", {"version": 1, "reason": "too many"}, '"r2"')

        assert answer.status_code == 200
        assert (answer.json()["value"], answer.json()["version"]) == (3, 3)

    async def test_to_before_the_first_takes_the_choice_back(self, http: httpx2.AsyncClient) -> None:
        await choose(http, 3)

        answer = await ask(http, "admin", "POST", f"{LATE}/rollback", {"version": 0, "reason": "as before"})

        assert (answer.json()["value"], answer.json()["source"]) == (7, "default")

    async def test_to_a_version_that_never_was_is_not_found(self, http: httpx2.AsyncClient) -> None:
        answer = await ask(http, "admin", "POST", f"{LATE}/rollback", {"version": 9, "reason": "?"})

        assert answer.status_code == 404


class TestVariation:
    async def test_holds_from_its_start_to_before_its_end(
        self, http: httpx2.AsyncClient, runtime: RuntimeSettings, database: Database, organisation: Organisation
    ) -> None:
        now = database.clock()
        variation = {
            "value": 30,
            "starts_at": (now + timedelta(hours=1)).isoformat(),
            "ends_at": (now + timedelta(hours=2)).isoformat(),
        }

        answer = (await choose(http, 3, variation=variation)).json()

        assert (answer["value"], answer["variation"]["value"]) == (3, 30)
        setting = runtime.get("entry.late_days")
        await wait_for_version(runtime, organisation, 3)
        values = [
            runtime.value(setting, organisation.id, now=now + timedelta(minutes=minutes)) for minutes in (0, 61, 121)
        ]
        assert values == [3, 30, 3]

    async def test_for_a_share_holds_for_the_same_accounts_as_it_grows(
        self, http: httpx2.AsyncClient, runtime: RuntimeSettings, database: Database, organisation: Organisation
    ) -> None:
        setting, now = runtime.get("entry.late_days"), database.clock()
        accounts = [AccountId(UUID(int=number * 7_919 + 1)) for number in range(2_000)]
        treated: list[set[Any]] = []
        for base, percent in ((3, 10), (4, 50)):
            await choose(http, base, variation={"value": 30, "percent": percent})
            await wait_for_version(runtime, organisation, base)
            treated.append(
                {one for one in accounts if runtime.value(setting, organisation.id, now=now, account_id=one) == 30}
            )

        assert treated[0] < treated[1]
        assert 140 <= len(treated[0]) <= 260
        assert 900 <= len(treated[1]) <= 1_100
        assert runtime.value(setting, organisation.id, now=now) == 4

    async def test_that_ends_before_it_starts_is_refused(self, http: httpx2.AsyncClient) -> None:
        variation = {"value": 30, "starts_at": "2027-01-02T00:00:00Z", "ends_at": "2027-01-01T00:00:00Z"}

        answer = await choose(http, 3, variation=variation)

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/variation/ends_at"

    async def test_whose_time_is_over_is_refused_and_does_not_come_back(
        self, http: httpx2.AsyncClient, database: Database
    ) -> None:
        soon = database.clock() + timedelta(seconds=2)
        for_a_moment = (await choose(http, 3, variation={"value": 30, "ends_at": soon.isoformat()})).json()
        await choose(http, 4)
        await until(lambda: database.clock() > soon)

        late = await choose(http, 5, variation={"value": 30, "ends_at": soon.isoformat()})
        back = await ask(
            http, "admin", "POST", f"{LATE}/rollback", {"version": for_a_moment["version"], "reason": "as before"}
        )

        assert (late.status_code, late.json()["errors"]) == (
            422,
            [{"pointer": "/variation/ends_at", "code": "out_of_range", "detail": "It has passed."}],
        )
        assert (back.status_code, back.json()["value"], back.json()["variation"]) == (200, 3, None)


async def wait_for_version(runtime: RuntimeSettings, organisation: Organisation, value: int) -> None:
    """Wait until memory has the base value."""
    setting = runtime.get("entry.late_days")
    await runtime.prepare(organisation.id)

    def is_known() -> bool:
        own = runtime._layers(organisation.id).own.get(setting.name)
        return own is not None and own.value == value

    await until(is_known)
