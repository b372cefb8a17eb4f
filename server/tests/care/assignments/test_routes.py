"""Assignments over HTTP: who may, what is refused with its place, and what comes back."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from healthprotocol.foundation.clock import system_clock
from tests.care.assignments.plans import DIARY, WALK, Clinic, content_of
from tests.support.door import Door, opened
from tests.support.people import Organisation

NOBODY = "00000000-0000-0000-0000-000000000001"
ONE = f"/assignments/{NOBODY}"
TODAY = system_clock().date()

READS = [("GET", "/assignments", None), ("GET", ONE, None)]
WRITES: list[tuple[str, str, Any]] = [
    ("POST", "/assignments", {"protocol_id": NOBODY, "patient_id": NOBODY, "starts_on": "2026-03-02"}),
    ("POST", "/assignments/bulk", {"protocol_id": NOBODY, "patient_ids": [NOBODY], "starts_on": "2026-03-02"}),
    ("PATCH", ONE, {"adjustments": {"activities": []}}),
    ("POST", f"{ONE}/start", None),
    ("POST", f"{ONE}/pause", {}),
    ("POST", f"{ONE}/resume", {}),
    ("POST", f"{ONE}/stop", {"reason": "Moved away"}),
    ("POST", f"{ONE}/complete", None),
    ("POST", f"{ONE}/entered-in-error", {}),
    ("POST", f"{ONE}/move", {"to_version": 2}),
]


@pytest.fixture
async def door(clinic: Clinic, other_organisation: Organisation) -> AsyncIterator[Door]:
    actors = {
        "clinician": clinic.organisation.clinician,
        "coordinator": clinic.organisation.coordinator,
        "auditor": clinic.organisation.auditor,
        "elbe": clinic.organisation.patient(clinic.patient_id),
        "outsider": other_organisation.admin,
    }
    async with opened(clinic.database, actors) as door:
        yield door


async def made(door: Door, clinic: Clinic, **more: object) -> dict[str, Any]:
    body = {
        "protocol_id": str(clinic.protocol_id),
        "patient_id": str(clinic.patient_id),
        "starts_on": TODAY.isoformat(),
        **more,
    }
    answer = await door.ask("coordinator", "POST", "/assignments", body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def without_request(problem: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in problem.items() if name not in {"instance", "request_id"}}


def pointers(answer: Any) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


async def statuses(door: Door, who: str | None, asked: list[tuple[str, str, Any]]) -> set[int]:
    """Ask everything on behalf of one; return how the answers began."""
    return {(await door.ask(who, method, path, body, if_match='"r1"')).status_code for method, path, body in asked}


class TestWhoMay:
    async def test_nobody_without_an_account(self, door: Door) -> None:
        assert await statuses(door, None, [*READS, *WRITES]) == {401}

    async def test_no_auditor(self, door: Door) -> None:
        assert await statuses(door, "auditor", [*READS, *WRITES]) == {403}

    async def test_no_patient_changes_anything(self, door: Door) -> None:
        assert await statuses(door, "elbe", WRITES) == {403}

    async def test_an_outsider_is_told_the_same_as_of_nothing(self, door: Door, clinic: Clinic) -> None:
        existing = (await made(door, clinic))["id"]

        for method, path, body in [READS[1], *WRITES[2:]]:
            foreign = await door.ask("outsider", method, path.replace(NOBODY, existing), body, if_match='"r1"')
            absent = await door.ask("clinician", method, path, body, if_match='"r1"')
            assert foreign.status_code == absent.status_code == 404
            assert without_request(foreign.json()) == without_request(absent.json())

    async def test_an_outsiders_list_is_empty(self, door: Door, clinic: Clinic) -> None:
        await made(door, clinic)

        assert (await door.ask("outsider", "GET", "/assignments")).json() == {"items": []}

    async def test_a_patient_reads_her_own(self, door: Door, clinic: Clinic) -> None:
        [oder] = await clinic.enrol("Oder")
        hers, others = await made(door, clinic), await made(door, clinic, patient_id=str(oder))

        assert (await door.ask("elbe", "GET", f"/assignments/{hers['id']}")).json() == hers
        assert (await door.ask("elbe", "GET", f"/assignments/{others['id']}")).status_code == 404
        assert (await door.ask("elbe", "GET", "/assignments")).json()["items"] == [hers]


class TestCreate:
    async def test_answers_with_the_whole(self, door: Door, clinic: Clinic) -> None:
        answer = await made(door, clinic)

        start = TODAY.isoformat()
        assert {name: answer[name] for name in ("protocol_title", "version", "status", "starts_on", "time_zone")} == {
            "protocol_title": "Heart at home",
            "version": 1,
            "status": "active",
            "starts_on": start,
            "time_zone": "Europe/Berlin",
        }
        assert answer["ends_on"] == (TODAY + timedelta(days=27)).isoformat()
        assert answer["assigned_by"] == str(clinic.organisation.coordinator.account_id)
        assert answer["segments"] == [{"version": 1, "from_on": start, "plan_starts_on": start, "adjustments": {}}]
        assert answer["adjustments"] == {}

    async def test_the_same_key_gives_the_same_assignment(self, door: Door, clinic: Clinic) -> None:
        body = {
            "protocol_id": str(clinic.protocol_id),
            "patient_id": str(clinic.patient_id),
            "starts_on": TODAY.isoformat(),
        }

        first = await door.ask("clinician", "POST", "/assignments", body, idempotency_key="k1")
        again = await door.ask("clinician", "POST", "/assignments", body, idempotency_key="k1")
        other = await door.ask("clinician", "POST", "/assignments", body, idempotency_key="k2")

        assert first.content == again.content
        assert other.status_code == 409
        assert other.json()["type"].endswith("/already-assigned")

    @pytest.mark.parametrize(
        ("sent", "expected"),
        [
            ({"starts_on": "2026-02-30"}, ["/starts_on"]),
            ({"starts_on": "2026-02-01T00:00:00Z"}, ["/starts_on"]),
            ({"starts_on": None, "version": 0}, ["/starts_on", "/version"]),
            ({"patient_id": "elbe"}, ["/patient_id"]),
            ({"name": "Elbe"}, ["/name"]),
            ({"time_zone": "Mars/Base"}, ["/time_zone"]),
            ({"starts_on": "2999-01-01", "time_zone": "Mars/Base"}, ["/starts_on", "/time_zone"]),
            (
                {"adjustments": {"activities": [{"activity_key": "walk", "skip": "yes"}]}},
                ["/adjustments/activities/0/skip"],
            ),
            (
                {
                    "adjustments": {
                        "activities": [{"activity_key": "swim"}, {"activity_key": "walk", "shift_minutes": 5}]
                    }
                },
                ["/adjustments/activities/0/activity_key"],
            ),
            ({"status": "completed"}, ["/status"]),
        ],
    )
    async def test_points_at_every_fault(
        self, door: Door, clinic: Clinic, sent: dict[str, object], expected: list[str]
    ) -> None:
        body = {
            "protocol_id": str(clinic.protocol_id),
            "patient_id": str(clinic.patient_id),
            "starts_on": TODAY.isoformat(),
            **sent,
        }

        answer = await door.ask("clinician", "POST", "/assignments", body)

        assert answer.status_code == 422
        assert sorted(pointers(answer)) == expected
        assert "Mars" not in answer.text
        assert (await door.ask("clinician", "GET", "/assignments")).json() == {"items": []}


class TestRead:
    async def test_has_an_etag_that_a_read_honours(self, door: Door, clinic: Clinic) -> None:
        path = f"/assignments/{(await made(door, clinic))['id']}"
        etag = (await door.ask("clinician", "GET", path)).headers["etag"]

        assert (await door.ask("clinician", "GET", path, if_none_match=etag)).status_code == 304

    async def test_lists_by_filter_and_page(self, door: Door, clinic: Clinic) -> None:
        for river in await clinic.enrol("Weser", "Oder", "Isar"):
            await made(door, clinic, patient_id=str(river))

        path = '/assignments?filter=status = "active"&order_by=starts_on&page_size=2'
        first = (await door.ask("clinician", "GET", path)).json()
        rest = (await door.ask("clinician", "GET", f"{path}&page_token={first['next_page_token']}")).json()
        stolen = await door.ask("outsider", "GET", f"{path}&page_token={first['next_page_token']}")

        assert [len(page["items"]) for page in (first, rest)] == [2, 1]
        assert "next_page_token" not in rest
        assert stolen.status_code == 400


class TestUpdate:
    async def test_demands_the_present_etag(self, door: Door, clinic: Clinic) -> None:
        path = f"/assignments/{(await made(door, clinic))['id']}"
        body = {"adjustments": {"activities": [{"activity_key": "walk", "skip": True}]}}

        without = await door.ask("clinician", "PATCH", path, body)
        stale = await door.ask("clinician", "PATCH", path, body, if_match='"r7"')
        present = await door.ask("clinician", "PATCH", path, body, if_match='"r1"')

        assert [answer.status_code for answer in (without, stale, present)] == [428, 412, 200]
        assert present.json()["adjustments"] == body["adjustments"]
        assert present.headers["etag"] == '"r2"'

    async def test_can_begin_on_a_later_day(self, door: Door, clinic: Clinic) -> None:
        path = f"/assignments/{(await made(door, clinic))['id']}"
        later = (TODAY + timedelta(days=5)).isoformat()
        body = {"adjustments": {"activities": [{"activity_key": "walk", "shift_minutes": 60}]}, "from": later}

        answer = await door.ask("clinician", "PATCH", path, body, if_match="*")

        assert [segment["from_on"] for segment in answer.json()["segments"]] == [TODAY.isoformat(), later]


class TestActs:
    async def test_from_start_to_end(self, door: Door, clinic: Clinic) -> None:
        path = f"/assignments/{(await made(door, clinic, status='proposed'))['id']}"
        statuses: list[str] = []
        for act, body in (
            ("start", None),
            ("pause", None),
            ("resume", {"shift": True}),
            ("pause", {"reason": "In hospital"}),
            ("resume", None),
            ("complete", None),
            ("entered-in-error", {"reason": "Wrong person"}),
        ):
            answer = await door.ask("clinician", "POST", f"{path}/{act}", body)
            assert answer.status_code == 200, answer.text
            statuses.append(answer.json()["status"])

        assert statuses == ["active", "paused", "active", "paused", "active", "completed", "entered_in_error"]

    @pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": 7}, {"reason": "x" * 501}])
    async def test_a_stop_needs_a_reason(self, door: Door, clinic: Clinic, body: dict[str, object]) -> None:
        path = f"/assignments/{(await made(door, clinic))['id']}"

        refused = await door.ask("clinician", "POST", f"{path}/stop", body)

        assert (refused.status_code, set(pointers(refused))) == (422, {"/reason"})

    async def test_what_the_state_does_not_allow_is_a_conflict(self, door: Door, clinic: Clinic) -> None:
        path = f"/assignments/{(await made(door, clinic))['id']}"

        resumed = await door.ask("clinician", "POST", f"{path}/resume", {})
        stopped = await door.ask("clinician", "POST", f"{path}/stop", {"reason": "Moved away"})
        paused = await door.ask("clinician", "POST", f"{path}/pause", {})

        assert [answer.status_code for answer in (resumed, stopped, paused)] == [409, 200, 409]
        assert paused.json()["type"].endswith("/assignment-closed")
        assert stopped.json()["reason"] == "Moved away"

    async def test_if_match_is_honoured_where_it_is_sent(self, door: Door, clinic: Clinic) -> None:
        path = f"/assignments/{(await made(door, clinic))['id']}"

        assert (await door.ask("clinician", "POST", f"{path}/pause", {}, if_match='"r9"')).status_code == 412


class TestMove:
    async def test_tries_then_moves(self, door: Door, clinic: Clinic) -> None:
        path = f"/assignments/{(await made(door, clinic))['id']}"
        await clinic.publish_next(content_of(WALK, DIARY, days=14, title="Heart at home, shorter"))
        day = (TODAY + timedelta(days=3)).isoformat()

        tried = await door.ask("clinician", "POST", f"{path}/move", {"to_version": 2, "from": day, "dry_run": True})
        moved = await door.ask("clinician", "POST", f"{path}/move", {"to_version": 2, "from": day})

        assert tried.json()["preview"] == moved.json()["preview"]
        assert (tried.json()["version"], moved.json()["version"]) == (1, 2)
        assert moved.json()["protocol_title"] == "Heart at home, shorter"
        assert [one["activity_key"] for one in moved.json()["preview"]["begins"]] == ["diary"]
        assert date.fromisoformat(moved.json()["ends_on"]) == TODAY + timedelta(days=13)
        assert (tried.headers["etag"], moved.headers["etag"]) == ('"r1"', '"r2"')

    @pytest.mark.parametrize(
        ("body", "expected"),
        [({}, "/to_version"), ({"to_version": "2"}, "/to_version"), ({"to_version": 2, "from": "soon"}, "/from")],
    )
    async def test_points_at_every_fault(
        self, door: Door, clinic: Clinic, body: dict[str, object], expected: str
    ) -> None:
        path = f"/assignments/{(await made(door, clinic))['id']}"

        answer = await door.ask("clinician", "POST", f"{path}/move", body)

        assert (answer.status_code, pointers(answer)) == (422, [expected])


class TestBulk:
    async def test_begins_an_operation_and_says_where(self, door: Door, clinic: Clinic) -> None:
        body = {
            "protocol_id": str(clinic.protocol_id),
            "patient_ids": [str(clinic.patient_id)],
            "starts_on": TODAY.isoformat(),
        }

        answer = await door.ask("coordinator", "POST", "/assignments/bulk", body, idempotency_key="b1")
        again = await door.ask("coordinator", "POST", "/assignments/bulk", body, idempotency_key="b1")

        operation = answer.json()
        assert answer.status_code == 202
        assert answer.headers["location"] == f"/api/v1/operations/{operation['id']}"
        assert (operation["kind"], operation["status"], operation["progress"]) == (
            "assignment.bulk", "queued", {"done": 0, "total": 1},
        )  # fmt: skip
        assert again.json() == operation
        assert again.headers["location"] == answer.headers["location"]

    async def test_a_dry_run_counts(self, door: Door, clinic: Clinic) -> None:
        body = {
            "protocol_id": str(clinic.protocol_id),
            "patient_ids": [str(clinic.patient_id), NOBODY],
            "starts_on": TODAY.isoformat(),
            "dry_run": True,
        }

        answer = await door.ask("coordinator", "POST", "/assignments/bulk", body)

        assert answer.json()["status"] == "succeeded"
        assert answer.json()["result"] == {
            "dry_run": True,
            "would_assign": 1,
            "requested": 2,
            "already_assigned": 0,
            "archived": 0,
            "unknown": 1,
            "unknown_ids": [NOBODY],
        }

    @pytest.mark.parametrize(
        ("sent", "status", "expected"),
        [
            ({"patient_ids": []}, 422, ["/patient_ids"]),
            ({}, 422, ["/patient_ids"]),
            ({"patient_ids": [NOBODY], "filter": 'status = "active"'}, 422, ["/patient_ids"]),
            ({"patient_ids": ["x", NOBODY]}, 422, ["/patient_ids/0"]),
            ({"patient_ids": [NOBODY]}, 422, ["/patient_ids/0"]),
            ({"filter": " "}, 422, ["/filter"]),
            ({"filter": 'name = "Elbe"'}, 400, ["/filter"]),
        ],
    )
    async def test_points_at_every_fault(
        self, door: Door, clinic: Clinic, sent: dict[str, object], status: int, expected: list[str]
    ) -> None:
        body = {"protocol_id": str(clinic.protocol_id), "starts_on": TODAY.isoformat(), **sent}

        answer = await door.ask("clinician", "POST", "/assignments/bulk", body)

        assert (answer.status_code, pointers(answer)) == (status, expected)


class TestAnswers:
    async def test_hold_no_more_than_the_document_says(self, door: Door, clinic: Clinic) -> None:
        document = msgspec.json.decode((await door.http.get("/openapi.json")).content)
        described = set(document["components"]["schemas"]["AssignmentOut"]["properties"])

        assert set(await made(door, clinic)) == described
