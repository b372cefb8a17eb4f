"""Alerts over HTTP: who may, and what is said."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from healthprotocol.foundation.db.transaction import Database
from tests.support.door import Door, opened
from tests.support.people import Organisation

PROTOCOL: dict[str, Any] = {
    "title": "Pressure at home",
    "duration_days": 30,
    "phases": [
        {
            "title": "Month",
            "start_day": 1,
            "length_days": 30,
            "activities": [
                {
                    "key": "bp",
                    "kind": "measurement",
                    "title": "Blood pressure",
                    "schedule": {"timeOfDay": ["08:00:00"]},
                    "measurement": {
                        "code": "8480-6",
                        "display": "Systolic",
                        "unit": "mm[Hg]",
                        "alert_thresholds": {"high": 180},
                    },
                }
            ],
        }
    ],
}


@pytest.fixture
async def door(database: Database, organisation: Organisation, other_organisation: Organisation) -> AsyncIterator[Door]:
    actors = {
        "clinician": organisation.clinician,
        "auditor": organisation.auditor,
        "patient": organisation.patient(UUID(int=5)),
        "stranger": other_organisation.clinician,
    }
    async with opened(database, actors) as one:
        yield one


async def made(door: Door, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await door.ask("clinician", "POST", path, body)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


@pytest.fixture
async def alert(door: Door, database: Database) -> dict[str, Any]:
    protocol = await made(door, "/protocols", PROTOCOL)
    await made(door, f"/protocols/{protocol['id']}/publish", {})
    person = {"given_name": "Anna", "family_name": "Elbe", "birth_date": "1950-03-02", "time_zone": "UTC"}
    patient = await made(door, "/patients", person)
    today = database.clock().date().isoformat()
    wanted = {"protocol_id": protocol["id"], "patient_id": patient["id"], "starts_on": today}
    assignment = await made(door, "/assignments", wanted)
    entry = {
        "client_id": str(uuid4()),
        "assignment_id": assignment["id"],
        "activity_key": "bp",
        "outcome": "completed",
        "effective_at": database.clock().isoformat(),
        "values": [{"code": "8480-6", "value": 192, "unit": "mm[Hg]"}],
    }
    await made(door, "/entries", entry)
    [found] = (await door.ask("clinician", "GET", '/alerts?filter=status = "open"')).json()["items"]
    return found


class TestWhoMay:
    async def test_nobody_without_an_account(self, door: Door) -> None:
        assert (await door.ask(None, "GET", "/alerts")).status_code == 401

    @pytest.mark.parametrize("who", ["auditor", "patient"])
    async def test_none_but_the_care_team(self, door: Door, alert: dict[str, Any], who: str) -> None:
        path = f"/alerts/{alert['id']}"

        answers = [
            await door.ask(who, "GET", "/alerts"),
            await door.ask(who, "GET", path),
            await door.ask(who, "POST", f"{path}/acknowledge"),
            await door.ask(who, "POST", f"{path}/resolve", {}),
        ]

        assert [answer.status_code for answer in answers] == [403] * 4

    async def test_a_stranger_finds_nothing(self, door: Door, alert: dict[str, Any]) -> None:
        path = f"/alerts/{alert['id']}"

        assert (await door.ask("stranger", "GET", "/alerts")).json() == {"items": []}
        assert (await door.ask("stranger", "GET", path)).status_code == 404
        assert (await door.ask("stranger", "POST", f"{path}/acknowledge")).status_code == 404
        assert (await door.ask("stranger", "POST", f"{path}/resolve")).status_code == 404


class TestAlerts:
    async def test_say_what_was_measured_of_whom(self, alert: dict[str, Any]) -> None:
        assert (alert["rule"], alert["severity"], alert["urgency"]) == ("value_out_of_range", "high", 3)
        assert (alert["patient_name"], alert["activity_key"]) == ("Anna Elbe", "bp")
        assert alert["detail"]["values"] == [
            {"code": "8480-6", "value": 192.0, "unit": "mm[Hg]", "display": "Systolic", "high": 180.0}
        ]

    async def test_are_acknowledged_then_resolved_and_then_settled(self, door: Door, alert: dict[str, Any]) -> None:
        path = f"/alerts/{alert['id']}"
        etag = (await door.ask("clinician", "GET", path)).headers["etag"]

        taken = await door.ask("clinician", "POST", f"{path}/acknowledge", If_Match=etag)
        stale = await door.ask("clinician", "POST", f"{path}/resolve", {}, If_Match=etag)
        settled = await door.ask("clinician", "POST", f"{path}/resolve", {"note": "Called her."})
        again = await door.ask("clinician", "POST", f"{path}/acknowledge")

        assert (taken.status_code, taken.json()["status"]) == (200, "acknowledged")
        assert stale.status_code == 412
        assert (settled.json()["status"], settled.json()["note"]) == ("resolved", "Called her.")
        assert again.status_code == 409
        assert (await door.ask("clinician", "GET", '/alerts?filter=status = "open"')).json() == {"items": []}

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [("filter=colour = 1", "/filter"), ("order_by=note", "/order_by"), ("page_size=900", "/page_size")],
    )
    async def test_refuse_what_the_list_does_not_know(self, door: Door, query: str, pointer: str) -> None:
        answer = await door.ask("clinician", "GET", f"/alerts?{query}")

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["pointer"] == pointer

    @pytest.mark.parametrize("note", ["", "   ", 7, "x" * 4001])
    async def test_refuse_a_note_that_says_nothing_or_too_much(
        self, door: Door, alert: dict[str, Any], note: object
    ) -> None:
        answer = await door.ask("clinician", "POST", f"/alerts/{alert['id']}/resolve", {"note": note})

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/note"
