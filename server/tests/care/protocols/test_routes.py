"""Care protocols over HTTP, from a draft to a file and back."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from healthprotocol.foundation.db.transaction import Database
from tests.support.door import Door, opened
from tests.support.people import Organisation

PLAN = {
    "title": "Walking again",
    "duration_days": 10,
    "content": "<p>For staff</p>",
    "tags": ["knee"],
    "phases": [
        {
            "title": "All",
            "start_day": 1,
            "length_days": 10,
            "activities": [{"key": "walk", "kind": "task", "title": "Walk", "schedule": {"timeOfDay": ["08:00:00"]}}],
        }
    ],
}
SECRET = "Guadalquivir"


@pytest.fixture
async def door(database: Database, organisation: Organisation) -> AsyncIterator[Door]:
    actors = {"clinician": organisation.clinician, "coordinator": organisation.coordinator}
    async with opened(database, actors) as one:
        yield one


async def drafted(door: Door) -> dict[str, Any]:
    answer = await door.ask("clinician", "POST", "/protocols", PLAN)
    assert answer.status_code == 201
    return answer.json()


class TestLifecycle:
    async def test_from_draft_to_retired(self, door: Door) -> None:
        path = f"/protocols/{(await drafted(door))['id']}"

        published = await door.ask("clinician", "POST", f"{path}/publish", If_Match='"r1"')
        draft = await door.ask(
            "clinician", "PATCH", path, {"title": "Walking far", "tags": None}, If_Match=published.headers["etag"]
        )
        compared = await door.ask("clinician", "GET", f"{path}/diff?from=1&to=2")
        versions = await door.ask("clinician", "GET", f"{path}/versions")
        first = await door.ask("clinician", "GET", f"{path}/versions/1")
        copy = await door.ask("clinician", "POST", f"{path}/duplicate")
        retired = await door.ask("clinician", "POST", f"{path}/retire")
        late = await door.ask("clinician", "POST", f"{path}/publish")

        assert (published.json()["status"], draft.json()["version"], draft.json()["tags"]) == ("active", 2, [])
        assert [field["field"] for field in compared.json()["changes"][0]["fields"]] == ["title", "tags"]
        listed = versions.json()["items"]
        assert [(one["version"], one["title"]) for one in listed] == [(2, "Walking far"), (1, "Walking again")]
        assert not {"phases", "content"} & set(listed[0])
        assert first.json()["title"] == "Walking again"
        assert (copy.status_code, copy.json()["title"]) == (201, "Walking far (copy)")
        assert (retired.json()["status"], late.status_code) == ("retired", 409)

    async def test_the_library_lists_what_there_is(self, door: Door) -> None:
        await drafted(door)

        answer = await door.ask("clinician", "GET", '/protocols?q=walk&filter=tags:"knee"')

        [item] = answer.json()["items"]
        assert (item["phase_count"], item["activity_count"], item["description"]) == (1, 1, "")

    async def test_a_version_that_is_none_is_not_found(self, door: Door) -> None:
        path = f"/protocols/{(await drafted(door))['id']}"

        for number in ("0", "2", "99999999999"):
            answer = await door.ask("clinician", "GET", f"{path}/versions/{number}")
            assert answer.status_code == 404
        assert (await door.ask("clinician", "GET", f"{path}/diff?from=1&to=0")).status_code == 400


class TestExport:
    @pytest.mark.parametrize(
        ("to_format", "media_type"),
        [
            ("native-yaml", "application/yaml"),
            ("native-json", "application/json"),
            ("fhir", "application/fhir+json"),
        ],
    )
    async def test_comes_back_in_as_it_went_out(self, door: Door, to_format: str, media_type: str) -> None:
        made = await drafted(door)

        file = await door.ask("clinician", "GET", f"/protocols/{made['id']}/export?format={to_format}&version=1")
        name = file.headers["content-disposition"].split('"')[1]
        body = {"files": [{"name": name, "content": base64.b64encode(file.content).decode(), "encoding": "base64"}]}
        back = await door.ask("clinician", "POST", "/imports", {**body, "publish": True})

        assert file.headers["content-type"].startswith(media_type)
        assert back.status_code == 201
        [imported] = back.json()["protocols"]
        assert imported["status"] == "active"
        again = await door.ask("clinician", "GET", f"/protocols/{imported['id']}")
        assert again.json()["phases"] == made["phases"]

    async def test_what_a_format_cannot_say_is_told_by_place(self, door: Door) -> None:
        made = await drafted(door)

        answer = await door.ask("clinician", "GET", f"/protocols/{made['id']}/export?format=radar")

        assert answer.status_code == 422
        assert answer.json()["errors"]


class TestImport:
    async def test_a_dry_run_writes_nothing(self, door: Door) -> None:
        made = await drafted(door)
        file = await door.ask("clinician", "GET", f"/protocols/{made['id']}/export?format=native-json")

        files = [{"name": "a.json", "content": file.text}]
        answer = await door.ask("clinician", "POST", "/imports", {"files": files, "dry_run": True})

        assert (answer.status_code, answer.json()["protocols"]) == (200, [])
        assert len((await door.ask("clinician", "GET", "/protocols")).json()["items"]) == 1

    @pytest.mark.parametrize("content", ["{", '{"resourceType": "PlanDefinition"', "title: x\nphases: 7", "[1, 2]", ""])
    async def test_what_cannot_come_in_is_told_by_its_place_in_the_request(self, door: Door, content: str) -> None:
        files = [{"name": f"{SECRET}.json", "content": content}]

        answer = await door.ask("clinician", "POST", "/imports", {"files": files})

        assert answer.status_code == 422
        assert SECRET not in answer.text
        assert all(error["pointer"].startswith("/files") for error in answer.json()["errors"])
        assert answer.json()["errors"]

    async def test_what_is_not_base64_is_named(self, door: Door) -> None:
        files = [{"name": "a", "content": SECRET + "!", "encoding": "base64"}]

        answer = await door.ask("clinician", "POST", "/imports", {"files": files})

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/files/0/content"

    async def test_is_not_for_those_who_do_not_write_protocols(self, door: Door) -> None:
        answer = await door.ask("coordinator", "POST", "/imports", {"files": [{"name": "a", "content": "b"}]})

        assert answer.status_code == 403
