"""From a protocol to a patient's day and its adherence, over HTTP, as a clinic does it."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import AccountId, new_id
from tests.support.door import Door, opened
from tests.support.people import Organisation

PROTOCOL = {
    "title": "Pressure at home",
    "description": "Thirty days",
    "duration_days": 30,
    "content": "<p>Measure <strong>sitting</strong>.</p>",
    "tags": ["pressure"],
    "phases": [
        {
            "title": "Every day",
            "start_day": 1,
            "length_days": 30,
            "activities": [
                {
                    "key": "bp",
                    "kind": "measurement",
                    "title": "Measure your blood pressure",
                    "schedule": {"frequency": 1, "period": 1, "periodUnit": "d"},
                    "measurement": {
                        "code": "8480-6",
                        "unit": "mm[Hg]",
                        "plausible_range": {"low": 50, "high": 260},
                        "target_range": {"high": 135},
                    },
                },
                {
                    "key": "walk",
                    "kind": "exercise",
                    "title": "Walk",
                    "schedule": {"frequency": 2, "period": 1, "periodUnit": "d"},
                },
            ],
        }
    ],
}


@pytest.fixture
async def door(database: Database, organisation: Organisation, other_organisation: Organisation) -> AsyncIterator[Door]:
    actors = {
        "clinician": organisation.clinician,
        "coordinator": organisation.coordinator,
        "auditor": organisation.auditor,
        "stranger": other_organisation.clinician,
    }
    async with opened(database, actors) as one:
        yield one


async def made(door: Door, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await door.ask("clinician", "POST", path, body)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def enrolled(door: Door, *, starts_on: date) -> tuple[dict[str, Any], dict[str, Any]]:
    """A published protocol assigned to a patient whose day is UTC's."""
    protocol = await made(door, "/protocols", PROTOCOL)
    await made(door, f"/protocols/{protocol['id']}/publish", {})
    patient = await made(
        door, "/patients", {"given_name": "Anna", "family_name": "Elbe", "birth_date": "1950-03-02", "time_zone": "UTC"}
    )
    body = {"protocol_id": protocol["id"], "patient_id": patient["id"], "starts_on": starts_on.isoformat()}
    return patient, await made(door, "/assignments", body)


def entry_for(occurrence: dict[str, Any], now: str, **more: Any) -> dict[str, Any]:
    return {
        "client_id": str(uuid4()),
        "occurrence_id": occurrence["id"],
        "outcome": "completed",
        "effective_at": now,
        **more,
    }


def instant(database: Database) -> str:
    return database.clock().isoformat().replace("+00:00", "Z")


class TestTheDay:
    async def test_goes_from_protocol_to_adherence(self, door: Door, database: Database) -> None:
        today = database.clock().date()
        patient, _ = await enrolled(door, starts_on=today)

        day = (await door.ask("clinician", "GET", f"/patients/{patient['id']}/today")).json()
        pressure = next(one for one in day["occurrences"] if one["activity_key"] == "bp")
        values = [{"code": "8480-6", "value": 18.0, "unit": "kPa"}]
        entry = await made(door, "/entries", entry_for(pressure, instant(database), values=values))
        after = (await door.ask("clinician", "GET", f"/patients/{patient['id']}/today")).json()

        assert (day["done"], day["due"]) == (0, 3)
        assert day["activities"][0]["protocol_title"] == "Pressure at home"
        assert entry["values"][0]["converted"] == {"value": pytest.approx(135.0, abs=0.1), "unit": "mm[Hg]"}
        assert (after["done"], after["due"]) == (1, 3)
        measured = (await door.ask("clinician", "GET", f"/patients/{patient['id']}/measurements")).json()["items"]
        assert [(one["code"], one["target_range"]) for one in measured] == [("8480-6", {"high": 135.0})]

    async def test_counts_yesterday(self, door: Door, database: Database) -> None:
        yesterday = database.clock().date() - timedelta(days=1)
        patient, assignment = await enrolled(door, starts_on=yesterday)
        listed = await door.ask(
            "clinician", "GET", f"/assignments/{assignment['id']}/occurrences?from={yesterday}&to={yesterday}"
        )
        occurrences = listed.json()["items"]

        now = instant(database)
        skipped = entry_for(occurrences[1], now, outcome="skipped", reason="rain")
        batch = {"entries": [entry_for(occurrences[0], now), skipped]}
        answer = await door.ask("clinician", "POST", "/entries", batch)

        adherence = (await door.ask("clinician", "GET", f"/patients/{patient['id']}/adherence?to={yesterday}")).json()
        assert answer.status_code == 207
        assert [one["status"] for one in answer.json()["results"]] == [201, 201]
        assert (adherence["completed"], adherence["skipped"], adherence["missed"]) == (1, 1, 1)
        assert adherence["ratio"] == pytest.approx(1 / 3)
        # Both were recorded after the day had closed.
        assert adherence["on_time_ratio"] == 0.0

    async def test_undo_takes_it_back_and_keeps_both(self, door: Door, database: Database) -> None:
        patient, assignment = await enrolled(door, starts_on=database.clock().date())
        day = (await door.ask("clinician", "GET", f"/patients/{patient['id']}/today")).json()
        entry = await made(door, "/entries", entry_for(day["occurrences"][0], instant(database)))

        undone = await door.ask("clinician", "DELETE", f"/entries/{entry['id']}")
        again = await door.ask("clinician", "DELETE", f"/entries/{entry['id']}")
        after = (await door.ask("clinician", "GET", f"/patients/{patient['id']}/today")).json()
        kept = await door.ask("clinician", "GET", f'/entries?filter=assignment_id = "{assignment["id"]}"')

        assert undone.json() == again.json()
        assert after["done"] == 0
        assert [one["outcome"] for one in kept.json()["items"]] == ["retracted", "completed"]


class TestEntries:
    async def test_the_same_content_twice_is_one_entry_and_other_content_a_conflict(
        self, door: Door, database: Database
    ) -> None:
        patient, _ = await enrolled(door, starts_on=database.clock().date())
        day = (await door.ask("clinician", "GET", f"/patients/{patient['id']}/today")).json()
        sent = entry_for(day["occurrences"][0], instant(database))

        first = await door.ask("clinician", "POST", "/entries", sent)
        second = await door.ask("clinician", "POST", "/entries", sent)
        other = await door.ask("clinician", "POST", "/entries", {**sent, "note": "something else"})

        assert (first.status_code, second.status_code, other.status_code) == (201, 200, 409)
        assert first.json() == second.json()

    async def test_a_bad_item_stops_no_other(self, door: Door, database: Database) -> None:
        patient, _ = await enrolled(door, starts_on=database.clock().date())
        day = (await door.ask("clinician", "GET", f"/patients/{patient['id']}/today")).json()
        good = entry_for(day["occurrences"][0], instant(database))
        bad = [{"client_id": "x"}, {**good, "client_id": str(uuid4()), "occurrence_id": "none"}, 7]

        answer = await door.ask("clinician", "POST", "/entries", {"entries": [*bad, good]})

        assert [one["status"] for one in answer.json()["results"]] == [422, 404, 422, 201]

    async def test_an_implausible_value_must_be_confirmed(self, door: Door, database: Database) -> None:
        patient, _ = await enrolled(door, starts_on=database.clock().date())
        day = (await door.ask("clinician", "GET", f"/patients/{patient['id']}/today")).json()
        pressure = next(one for one in day["occurrences"] if one["activity_key"] == "bp")
        sent = entry_for(pressure, instant(database), values=[{"code": "8480-6", "value": 320, "unit": "mm[Hg]"}])

        refused = await door.ask("clinician", "POST", "/entries", sent)
        confirmed = await door.ask("clinician", "POST", "/entries", {**sent, "confirmed": True})

        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/values/0/value"
        assert "320" not in str(refused.json()["errors"])
        assert confirmed.status_code == 201

    async def test_a_correction_replaces_and_a_second_one_of_the_same_is_refused(
        self, door: Door, database: Database
    ) -> None:
        patient, _ = await enrolled(door, starts_on=database.clock().date())
        day = (await door.ask("clinician", "GET", f"/patients/{patient['id']}/today")).json()
        sent = entry_for(day["occurrences"][0], instant(database))
        entry = await made(door, "/entries", sent)
        correction = {**sent, "client_id": str(uuid4()), "outcome": "skipped", "reason": "ill", "replaces": entry["id"]}

        corrected = await made(door, "/entries", correction)
        late = await door.ask("clinician", "POST", "/entries", {**correction, "client_id": str(uuid4())})
        after = (await door.ask("clinician", "GET", f"/patients/{patient['id']}/today")).json()

        assert corrected["replaces"] == entry["id"]
        assert late.status_code == 409
        assert after["occurrences"][0]["state"] == "skipped"


class TestWhoMay:
    async def test_a_stranger_finds_nothing_and_reads_the_same_as_of_nothing(
        self, door: Door, database: Database
    ) -> None:
        patient, assignment = await enrolled(door, starts_on=database.clock().date())
        nobody = new_id(database.clock())

        for path, missing in (
            (f"/patients/{patient['id']}", f"/patients/{nobody}"),
            (f"/patients/{patient['id']}/today", f"/patients/{nobody}/today"),
            (f"/assignments/{assignment['id']}", f"/assignments/{nobody}"),
            (f"/protocols/{assignment['protocol_id']}", f"/protocols/{nobody}"),
        ):
            found = await door.ask("stranger", "GET", path)
            absent = await door.ask("stranger", "GET", missing)
            assert found.status_code == absent.status_code == 404
            assert {**found.json(), "request_id": "", "instance": ""} == {
                **absent.json(),
                "request_id": "",
                "instance": "",
            }

    async def test_a_patient_sees_herself_only(
        self, database: Database, organisation: Organisation, door: Door
    ) -> None:
        patient, _ = await enrolled(door, starts_on=database.clock().date())
        herself = organisation.patient(UUID(patient["id"]))
        other = organisation.patient(AccountId(new_id(database.clock())))

        async with opened(database, {"herself": herself, "other": other}) as own:
            mine = await own.ask("herself", "GET", f"/patients/{patient['id']}/today")
            hers = await own.ask("other", "GET", f"/patients/{patient['id']}/today")
            library = await own.ask("herself", "GET", "/protocols")

        assert (mine.status_code, hers.status_code, library.status_code) == (200, 404, 403)


class TestVersions:
    async def test_moves_a_running_plan_to_the_next_version_and_keeps_its_history(
        self, door: Door, database: Database
    ) -> None:
        yesterday = database.clock().date() - timedelta(days=1)
        today = yesterday + timedelta(days=1)
        _, assignment = await enrolled(door, starts_on=yesterday)
        protocol = f"/protocols/{assignment['protocol_id']}"
        etag = (await door.ask("clinician", "GET", protocol)).headers["etag"]
        phases = [{**PROTOCOL["phases"][0], "activities": PROTOCOL["phases"][0]["activities"][:1]}]  # type: ignore[index]
        changed = await door.ask("clinician", "PATCH", protocol, {"phases": phases}, If_Match=etag)
        assert changed.status_code == 200, changed.text
        await made(door, f"{protocol}/publish", {})

        moved = await door.ask(
            "clinician", "POST", f"/assignments/{assignment['id']}/move", {"to_version": 2, "from": today.isoformat()}
        )

        assert moved.status_code == 200, moved.text
        listed = await door.ask(
            "clinician", "GET", f"/assignments/{assignment['id']}/occurrences?from={yesterday}&to={today}"
        )
        by_day: dict[str, list[str]] = {}
        for one in listed.json()["items"]:
            by_day.setdefault(one["planned_local"][:10], []).append(one["activity_key"])
        assert {day: sorted(keys) for day, keys in by_day.items()} == {
            yesterday.isoformat(): ["bp", "walk", "walk"],
            today.isoformat(): ["bp"],
        }
        diff = (await door.ask("clinician", "GET", f"{protocol}/diff?from=1&to=2")).json()
        assert [(one["change"], one["name"]) for one in diff["changes"]] == [("removed", "walk")]


class TestPages:
    async def test_occurrences_page_through_all_of_the_plan_once(self, door: Door, database: Database) -> None:
        _, assignment = await enrolled(door, starts_on=database.clock().date())
        seen: list[str] = []
        token = ""

        for _ in range(20):
            page = (
                await door.ask(
                    "clinician", "GET", f"/assignments/{assignment['id']}/occurrences?page_size=7&page_token={token}"
                )
            ).json()
            seen += [one["id"] for one in page["items"]]
            token = page.get("next_page_token", "")
            if not token:
                break

        assert len(seen) == len(set(seen)) == 90

    async def test_a_token_of_another_tenant_is_refused(self, door: Door, database: Database) -> None:
        await enrolled(door, starts_on=database.clock().date())
        await made(door, "/patients", {"given_name": "B", "family_name": "Oder", "birth_date": "1950-03-02"})
        token = (await door.ask("clinician", "GET", "/patients?page_size=1")).json()["next_page_token"]

        answer = await door.ask("stranger", "GET", f"/patients?page_size=1&page_token={token}")

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["pointer"] == "/page_token"


class TestConditions:
    async def test_an_update_names_what_it_changes(self, door: Door, database: Database) -> None:
        patient, _ = await enrolled(door, starts_on=database.clock().date())
        path = f"/patients/{patient['id']}"
        etag = (await door.ask("clinician", "GET", path)).headers["etag"]

        without = await door.ask("clinician", "PATCH", path, {"phone": "+49 30 1234567"})
        good = await door.ask("clinician", "PATCH", path, {"phone": "+49 30 1234567"}, If_Match=etag)
        stale = await door.ask("clinician", "PATCH", path, {"phone": None}, If_Match=etag)
        unchanged = await door.ask("clinician", "GET", path, If_None_Match=good.headers["etag"])

        assert (without.status_code, good.status_code, stale.status_code) == (428, 200, 412)
        assert unchanged.status_code == 304
        assert unchanged.content == b""

    async def test_an_idempotency_key_repeats_the_first_answer(self, door: Door) -> None:
        body = {"given_name": "A", "family_name": "Main", "birth_date": "1980-01-01"}

        first = await door.ask("clinician", "POST", "/patients", body, Idempotency_Key="k-1")
        second = await door.ask("clinician", "POST", "/patients", body, Idempotency_Key="k-1")
        other = await door.ask("clinician", "POST", "/patients", {**body, "given_name": "B"}, Idempotency_Key="k-1")
        listed = (await door.ask("clinician", "GET", "/patients?q=main")).json()

        assert first.json() == second.json()
        assert second.headers["idempotent-replayed"] == "true"
        assert other.status_code == 422
        assert len(listed["items"]) == 1
