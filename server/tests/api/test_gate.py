"""What every request meets: once is enough, the same key gives the same answer, tags name what was read."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.telemetry import metrics
from tests.support.door import Door, opened
from tests.support.people import Organisation

ELBE = {"given_name": "Anna", "family_name": "Elbe", "birth_date": "1950-03-02"}
ODER = {**ELBE, "family_name": "Oder"}


@pytest.fixture
async def door(database: Database, organisation: Organisation) -> AsyncIterator[Door]:
    actors = {"clinician": organisation.clinician, "coordinator": organisation.coordinator}
    async with opened(database, actors) as one:
        yield one


async def patients(database: Database, organisation: Organisation) -> int:
    async with database.transaction(organisation.id) as tx:
        return await tx.fetchval("select count(*) from patient")


def bypassed() -> float:
    labels = {"cache": "patient_names", "event": "bypass"}
    return metrics.REGISTRY.get_sample_value("hp_cache_events_total", labels) or 0.0


async def enrolled(door: Door) -> Any:
    answer = await door.ask("clinician", "POST", "/patients", ELBE)
    assert answer.status_code == 201
    return answer


class TestNoCache:
    async def test_is_answered_past_what_is_kept(self, door: Door) -> None:
        await enrolled(door)
        before = bypassed()

        as_ever = await door.ask("coordinator", "GET", "/patients?q=el")
        kept = bypassed() - before
        anew = await door.ask("coordinator", "GET", "/patients?q=el", Cache_Control="no-cache")

        assert (kept, bypassed() - before) == (0, 1)
        assert [one["family_name"] for one in anew.json()["items"]] == ["Elbe"]
        assert anew.json() == as_ever.json()


class TestIdempotencyKey:
    async def test_repeats_the_first_answer(self, door: Door, database: Database, organisation: Organisation) -> None:
        first = await door.ask("clinician", "POST", "/patients", ELBE, Idempotency_Key="a-1")
        again = await door.ask("clinician", "POST", "/patients", ELBE, Idempotency_Key="a-1")

        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first.headers
        assert await patients(database, organisation) == 1

    async def test_repeats_where_it_was_made(self, door: Door) -> None:
        first = await door.ask("clinician", "POST", "/patients", ELBE, Idempotency_Key="a-1")
        again = await door.ask("clinician", "POST", "/patients", ELBE, Idempotency_Key="a-1")
        found = await door.http.get(first.headers["location"], headers={"authorization": "Bearer clinician"})

        assert again.headers["location"] == first.headers["location"]
        assert found.json() == first.json()

    async def test_of_another_request_is_refused(self, door: Door) -> None:
        await door.ask("clinician", "POST", "/patients", ELBE, Idempotency_Key="a-1")

        other = await door.ask("clinician", "POST", "/patients", ODER, Idempotency_Key="a-1")

        assert other.status_code == 422
        assert other.json()["type"].endswith("/idempotency-key-reused")

    async def test_of_a_colleague_is_another_key(
        self, door: Door, database: Database, organisation: Organisation
    ) -> None:
        for who in ("clinician", "coordinator"):
            answer = await door.ask(who, "POST", "/patients", ELBE, Idempotency_Key="a-1")
            assert answer.status_code == 201

        assert await patients(database, organisation) == 2

    async def test_is_free_again_when_the_act_was_refused(self, door: Door) -> None:
        refused = await door.ask("clinician", "POST", "/patients", {**ELBE, "email": "x"}, Idempotency_Key="a-1")
        mended = await door.ask("clinician", "POST", "/patients", ELBE, Idempotency_Key="a-1")

        assert (refused.status_code, mended.status_code) == (422, 201)

    @pytest.mark.parametrize("key", ["", "k" * 256, "a\tb"])
    async def test_that_is_no_key_is_refused(self, door: Door, key: str) -> None:
        answer = await door.ask("clinician", "POST", "/patients", ELBE, Idempotency_Key=key)

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/Idempotency-Key"

    async def test_keeps_no_readable_answer(self, door: Door, database: Database, organisation: Organisation) -> None:
        await door.ask("clinician", "POST", "/patients", ELBE, Idempotency_Key="a-1")

        async with database.transaction(organisation.id) as tx:
            stored = str(await tx.fetch("select * from idempotency"))
        assert "Elbe" not in stored


class TestTags:
    async def test_a_known_revision_is_not_sent_again(self, door: Door) -> None:
        made = await enrolled(door)
        path = f"/patients/{made.json()['id']}"

        for known in ('"r1"', 'W/"r1"', '"x", "r1"', "*"):
            answer = await door.ask("clinician", "GET", path, If_None_Match=known)
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"r1"')
        other = await door.ask("clinician", "GET", path, If_None_Match='"r2"')

        assert other.status_code == 200

    async def test_an_update_must_say_what_it_changes(self, door: Door) -> None:
        made = await enrolled(door)
        path = f"/patients/{made.json()['id']}"

        without = await door.ask("clinician", "PATCH", path, {"sex": "female"})
        stale = await door.ask("clinician", "PATCH", path, {"sex": "female"}, If_Match='"r9"')
        nonsense = await door.ask("clinician", "PATCH", path, {"sex": "female"}, If_Match='"r1", "r2"')
        right = await door.ask("clinician", "PATCH", path, {"sex": "female"}, If_Match='W/"r1"')
        whatever = await door.ask("clinician", "PATCH", path, {"sex": "male"}, If_Match="*")

        statuses = [answer.status_code for answer in (without, stale, nonsense, right, whatever)]
        assert statuses == [428, 412, 412, 200, 200]
        assert right.headers["etag"] == '"r2"'

    async def test_a_list_has_none(self, door: Door) -> None:
        await enrolled(door)

        answer = await door.ask("clinician", "GET", "/patients", If_None_Match="*")

        assert answer.status_code == 200
        assert "etag" not in answer.headers


class TestRefusals:
    async def test_a_stranger_is_asked_to_sign_in(self, door: Door) -> None:
        answer = await door.ask(None, "GET", "/patients")

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")

    async def test_a_parameter_that_nobody_reads_is_a_mistake(self, door: Door) -> None:
        made = await enrolled(door)

        answer = await door.ask("clinician", "GET", f"/patients/{made.json()['id']}?fields=all")

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == "unknown_parameter"

    async def test_a_wrong_method_is_told_the_right_ones(self, door: Door) -> None:
        answer = await door.ask("clinician", "PUT", "/patients")

        assert answer.status_code == 405
        assert "POST" in answer.json()["allow"]
        assert answer.json()["allow"] == answer.headers["allow"]

    async def test_another_type_of_body_is_refused(self, door: Door) -> None:
        answer = await door.http.post(
            "/api/v1/patients",
            content=b"a=b",
            headers={"authorization": "Bearer clinician", "content-type": "text/csv"},
        )

        assert answer.status_code == 415

    async def test_an_unknown_address_is_a_problem(self, door: Door) -> None:
        answer = await door.ask("clinician", "GET", "/rivers")

        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"].endswith("/not-found")


class TestDocuments:
    async def test_the_page_says_its_type_once(self, door: Door) -> None:
        answer = await door.http.get("/docs")

        assert answer.headers["content-type"] == "text/html; charset=utf-8"
