"""Bad input on every route: a problem with pointers, nothing written, no value echoed."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from healthprotocol.api.routing import Endpoint
from healthprotocol.app import endpoints
from healthprotocol.foundation.db.transaction import Database
from tests.support.door import Door, opened
from tests.support.people import Organisation

SECRET = "Zx9secretQ"
NOBODY = "01890000-0000-7000-8000-000000000001"
# Sessions need people who really sign in: their routes have this test beside their own.
ROUTES = [one for one in endpoints() if one.policy is not None and one.tag != "session"]
WITH_BODY = sorted((one for one in ROUTES if one.body is not None), key=lambda e: (e.path, e.method))
READS = sorted((one for one in ROUTES if one.method == "GET"), key=lambda e: e.path)


@pytest.fixture
async def door(database: Database, organisation: Organisation) -> AsyncIterator[Door]:
    async with opened(database, {"admin": organisation.admin}) as one:
        yield one


def path_of(endpoint: Endpoint) -> str:
    return re.sub(r"{\w+:(\w+)}", lambda m: {"uuid": NOBODY, "int": "1", "str": "x"}[m[1]], endpoint.path)


async def send(door: Door, endpoint: Endpoint, content: bytes, **headers: str) -> Any:
    all_headers = {
        "authorization": "Bearer admin", "content-type": "application/json", "if-match": '"r1"', **headers
    }  # fmt: skip
    return await door.http.request(endpoint.method, path_of(endpoint), content=content, headers=all_headers)


def is_problem(answer: Any) -> bool:
    body = answer.json()
    return (
        400 <= answer.status_code < 500
        and answer.headers["content-type"] == "application/problem+json"
        and {"type", "title", "status", "detail", "instance", "request_id", "errors"} <= set(body)
        and SECRET not in answer.text
    )


BODIES: dict[str, bytes] = {
    "no JSON": b"{",
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "a list": b"[]",
    "a number": b"7",
    "nothing": b"",
    "an unknown field": f'{{"no_such_field": "{SECRET}"}}'.encode(),
    "wrong types": b'{"title": 7, "given_name": [], "reason": {}, "name": 1, "email": 5, "files": 3, "client_id": 0}',
    "deep nesting": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "a NUL": b'{"title": "a\\u0000b", "given_name": "a\\u0000b"}',
    "a script": f'{{"note": "<script>{SECRET}</script>"}}'.encode(),
    "a number beyond all": b'{"duration_days": 1e999, "revision": 99999999999999999999999999}',
}


class TestBodies:
    @pytest.mark.parametrize("kind", BODIES)
    async def test_every_route_answers_with_a_problem(self, door: Door, kind: str) -> None:
        assert len(WITH_BODY) >= 12
        for endpoint in WITH_BODY:
            answer = await send(door, endpoint, BODIES[kind])

            assert is_problem(answer), (endpoint.method, endpoint.path, answer.status_code, answer.text[:300])

    async def test_every_route_refuses_ten_megabytes(self, door: Door) -> None:
        for endpoint in WITH_BODY:
            size = 13 if endpoint.path.endswith("/imports") else 10
            body = b'{"x": "' + b"a" * (size * 1024 * 1024) + b'"}'

            answer = await send(door, endpoint, body)

            assert answer.status_code == 413, (endpoint.path, answer.status_code)
            assert is_problem(answer)

    async def test_every_route_wants_json(self, door: Door) -> None:
        for endpoint in WITH_BODY:
            answer = await send(door, endpoint, b"a=b", **{"content-type": "application/x-www-form-urlencoded"})

            assert answer.status_code == 415, (endpoint.path, answer.text)

    async def test_nothing_was_written(self, door: Door, database: Database, organisation: Organisation) -> None:
        tables = ("patient", "protocol", "assignment", "entry", "account", "api_token", "operation", "idempotency")

        async def rows() -> list[int]:
            async with database.transaction(organisation.id) as tx:
                return [await tx.fetchval(f"select count(*) from {table}") for table in tables]

        before = await rows()
        for endpoint in WITH_BODY:
            for kind, body in BODIES.items():
                await send(door, endpoint, body, **{"idempotency-key": f"{endpoint.name} {kind}"})

        assert await rows() == before


class TestAllErrorsAtOnce:
    async def test_names_every_place_of_a_protocol(self, door: Door) -> None:
        body = {
            "title": "ab",
            "duration_days": 999,
            "nonsense": SECRET,
            "phases": [
                {
                    "title": "p",
                    "start_day": 0,
                    "length_days": 5,
                    "activities": [
                        {"key": "a b", "kind": "dance", "title": "t", "schedule": {"timeOfDay": ["25:00"], "every": 1}},
                        {"key": "b", "kind": "task", "title": "t", "schedule": {"boundsPeriod": {"end": "2026-02-30"}}},
                    ],
                }
            ],
        }

        answer = await door.ask("admin", "POST", "/protocols", body)

        assert answer.status_code == 422
        assert SECRET not in answer.text
        assert {error["pointer"] for error in answer.json()["errors"]} == {
            "/title",
            "/duration_days",
            "/nonsense",
            "/phases/0/start_day",
            "/phases/0/activities/0/key",
            "/phases/0/activities/0/kind",
            "/phases/0/activities/0/schedule/timeOfDay/0",
            "/phases/0/activities/0/schedule/every",
            "/phases/0/activities/1/schedule/boundsPeriod/end",
        }

    async def test_names_every_place_of_a_patient(self, door: Door) -> None:
        body = {
            "given_name": "",
            "family_name": "x" * 101,
            "birth_date": "2026-02-30",
            "sex": "yes",
            "identifiers": [{"system": "s"}],
        }

        answer = await door.ask("admin", "POST", "/patients", body)

        assert {error["pointer"] for error in answer.json()["errors"]} == {
            "/given_name", "/family_name", "/birth_date", "/sex", "/identifiers/0/value",
        }  # fmt: skip

    async def test_bad_units_and_codes_are_named(self, door: Door) -> None:
        measurement = {"code": "8480-5", "unit": "millimetres", "target_range": {"low": 9, "high": 1}}
        activity = {
            "key": "a",
            "kind": "measurement",
            "title": "t",
            "measurement": measurement,
            "schedule": {"period": 1},
        }
        phase = {"title": "p", "start_day": 1, "length_days": 5, "activities": [activity]}

        answer = await door.ask("admin", "POST", "/protocols", {"title": "abc", "duration_days": 5, "phases": [phase]})

        place = "/phases/0/activities/0"
        assert {error["pointer"] for error in answer.json()["errors"]} >= {
            f"{place}/measurement/code", f"{place}/measurement/unit", f"{place}/measurement/target_range",
        }  # fmt: skip
        assert any(error["pointer"].startswith(f"{place}/schedule") for error in answer.json()["errors"])

    async def test_a_script_in_any_text_is_refused(self, door: Door) -> None:
        body = {
            "title": "abc",
            "duration_days": 5,
            "content": f"<p onclick='x'>{SECRET}</p>",
            "description": "<SCRIPT >",
        }

        answer = await door.ask("admin", "POST", "/protocols", body)

        assert {error["pointer"] for error in answer.json()["errors"]} == {"/content", "/description"}
        assert SECRET not in answer.text


QUERIES = (
    f"no_such_parameter={SECRET}",
    "page_size=0",
    "page_size=9999",
    f"page_size={SECRET}",
    f"page_token={SECRET}",
    f"filter={SECRET} = 1",
    "filter=((((",
    f"order_by={SECRET}",
    "from=2026-02-30",
    "from=9999-12-31&to=0001-01-01",
    "at=yesterday",
    "date=tomorrow",
    "%ff=%fe",
    "filter=a%00b",
)


class TestQueries:
    async def test_no_read_fails_on_our_side_or_echoes(self, door: Door) -> None:
        assert len(READS) >= 25
        for endpoint in READS:
            for query in QUERIES:
                answer = await door.http.get(f"{path_of(endpoint)}?{query}", headers={"authorization": "Bearer admin"})

                assert 400 <= answer.status_code < 500, (endpoint.path, query, answer.status_code, answer.text[:200])
                assert SECRET not in answer.text, (endpoint.path, query)

    async def test_an_address_that_is_no_id_is_not_found(self, door: Door) -> None:
        for endpoint in ROUTES:
            if ":uuid}" not in endpoint.path:
                continue
            path = re.sub(r"{\w+:\w+}", "not-an-id", endpoint.path)

            answer = await door.http.request(endpoint.method, path, headers={"authorization": "Bearer admin"})

            assert answer.status_code == 404, (path, answer.status_code)
            assert is_problem(answer)

    async def test_a_method_that_is_not_there_names_those_that_are(self, door: Door) -> None:
        answer = await door.http.put("/api/v1/patients", headers={"authorization": "Bearer admin"})

        assert answer.status_code == 405
        assert {"GET", "POST"} <= {one.strip() for one in answer.headers["allow"].split(",")}

    async def test_what_can_be_read_can_be_asked_for_without_its_body(self, door: Door) -> None:
        read = await door.http.get("/api/v1/patients", headers={"authorization": "Bearer admin"})

        answer = await door.http.head("/api/v1/patients", headers={"authorization": "Bearer admin"})

        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == read.headers["content-type"]
