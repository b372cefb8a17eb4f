"""Documents over HTTP."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from healthprotocol.foundation.db.transaction import Database
from tests.support.door import Door, opened
from tests.support.people import Organisation

PROTOCOL = {"title": "Heart / at home", "duration_days": 28, "content": "<h2>Why</h2><p>Because.</p>"}


@pytest.fixture
async def door(database: Database, organisation: Organisation, other_organisation: Organisation) -> AsyncIterator[Door]:
    actors = {
        "clinician": organisation.clinician,
        "patient": organisation.patient(UUID(int=5)),
        "stranger": other_organisation.clinician,
    }
    async with opened(database, actors) as one:
        yield one


@pytest.fixture
async def path(door: Door) -> str:
    answer = await door.ask("clinician", "POST", "/protocols", PROTOCOL)
    assert answer.status_code == 201, answer.text
    return f"/protocols/{answer.json()['id']}/pdf"


class TestPrintProtocol:
    async def test_is_refused_to_nobody_a_patient_and_a_stranger(self, door: Door, path: str) -> None:
        answers = [await door.ask(who, "GET", path) for who in (None, "patient", "stranger")]

        assert [answer.status_code for answer in answers] == [401, 403, 404]

    async def test_gives_a_file_with_a_plain_name(self, door: Door, path: str) -> None:
        answer = await door.ask("clinician", "GET", path)

        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["content-disposition"] == 'attachment; filename="Heart-at-home-v1.pdf"'
        assert answer.content.startswith(b"%PDF-")

    async def test_prints_the_version_that_is_asked_for(self, door: Door, path: str) -> None:
        assert (await door.ask("clinician", "GET", f"{path}?version=1")).status_code == 200
        assert (await door.ask("clinician", "GET", f"{path}?version=2")).status_code == 404
        assert (await door.ask("clinician", "GET", f"{path}?version=0")).status_code == 400
