"""Entries over HTTP: sent at once, undone, corrected, and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from healthprotocol.care.protocols.model import Activity, Measurement, Schedule
from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.db.transaction import Database
from tests.care.assignments.plans import Clinic, content_of, enrolled, make_clinic, published
from tests.foundation.jobs.workers import eventually
from tests.support.door import Door, opened
from tests.support.people import Organisation
from tests.support.waiting import is_waited_for

DAILY = Schedule(frequency=1, period=1, period_unit="d")
PRESSURE = Activity(
    key="bp",
    kind="measurement",
    title="Pressure",
    schedule=DAILY,
    measurement=Measurement(code="8480-6", unit="mm[Hg]"),
)
NOBODY = "01890000-0000-7000-8000-000000000001"


@pytest.fixture
async def clinic(database: Database, organisation: Organisation) -> Clinic:
    return await make_clinic(database, organisation)


@pytest.fixture
async def door(clinic: Clinic) -> AsyncIterator[Door]:
    [rhine] = await enrolled(clinic.database, clinic.organisation, ["Rhine"])
    actors = {
        "clinician": clinic.organisation.clinician,
        "elbe": clinic.organisation.patient(clinic.patient_id),
        "rhine": clinic.organisation.patient(rhine),
    }
    async with opened(clinic.database, actors) as one:
        yield one


def ago(**length: float) -> str:
    return (system_clock() - timedelta(**length)).isoformat()


async def made(door: Door, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await door.ask("clinician", "POST", path, body)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def measuring(door: Door, clinic: Clinic, *, days_ago: int = 5) -> list[dict[str, Any]]:
    """Occurrences of a daily measurement of Elbe's, from some days ago until today."""
    protocol_id = await published(clinic.database, clinic.organisation, content_of(PRESSURE))
    starts_on = system_clock().date() - timedelta(days=days_ago)
    assignment = await made(
        door,
        "/assignments",
        {
            "protocol_id": str(protocol_id),
            "patient_id": str(clinic.patient_id),
            "starts_on": starts_on.isoformat(),
            "time_zone": "UTC",
        },
    )
    path = f"/assignments/{assignment['id']}/occurrences?to={system_clock().date()}"
    return (await door.ask("clinician", "GET", path)).json()["items"]


def entry_of(occurrence: dict[str, Any], *, effective_at: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "client_id": str(uuid4()),
        "occurrence_id": occurrence["id"],
        "outcome": "completed",
        "effective_at": effective_at or ago(seconds=1),
        **more,
    }


def measured(occurrence: dict[str, Any], value: float, **more: Any) -> dict[str, Any]:
    return entry_of(occurrence, values=[{"code": "8480-6", "value": value, "unit": "mm[Hg]"}], **more)


def day_of_hers(*, days_ago: int = 0) -> date:
    """The date in the patients' zone, which is another one than UTC's for an hour or two of each day."""
    return (system_clock() - timedelta(days=days_ago)).astimezone(ZoneInfo("Europe/Berlin")).date()


async def values(door: Door, clinic: Clinic, *, first: date, last: date) -> list[float]:
    path = f"/patients/{clinic.patient_id}/measurements?from={first}&to={last}"
    return [one["value"] for one in (await door.ask("clinician", "GET", path)).json()["items"]]


class TestSentAtOnce:
    async def test_identical_entries_become_one(self, door: Door, clinic: Clinic) -> None:
        [today] = await measuring(door, clinic, days_ago=0)
        body = measured(today, 120)

        answers = await asyncio.gather(*(door.ask("elbe", "POST", "/entries", body) for _ in range(12)))

        assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
        assert len({answer.json()["id"] for answer in answers}) == 1

    async def test_of_unlike_entries_of_one_client_id_one_is_kept(self, door: Door, clinic: Clinic) -> None:
        [today] = await measuring(door, clinic, days_ago=0)
        body = measured(today, 120)

        answers = await asyncio.gather(
            *(door.ask("elbe", "POST", "/entries", {**body, "note": str(number)}) for number in range(8))
        )

        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7

    async def test_batches_that_share_items_share_their_entries(self, door: Door, clinic: Clinic) -> None:
        items = [measured(one, 120) for one in await measuring(door, clinic, days_ago=3)]
        batches = [{"entries": items}, {"entries": items[::-1]}] * 4

        answers = await asyncio.gather(*(door.ask("elbe", "POST", "/entries", batch) for batch in batches))

        results = [one for answer in answers for one in answer.json()["results"]]
        assert sorted(one["status"] for one in results) == [200] * 28 + [201] * 4
        assert len({one["entry"]["id"] for one in results}) == 4


class TestUndo:
    async def test_what_is_anothers_is_not_there(self, door: Door, clinic: Clinic) -> None:
        [today] = await measuring(door, clinic, days_ago=0)
        entry = await made(door, "/entries", measured(today, 120))

        foreign = (await door.ask("rhine", "DELETE", f"/entries/{entry['id']}")).json()
        unknown = (await door.ask("rhine", "DELETE", f"/entries/{NOBODY}")).json()

        for problem in (foreign, unknown):
            del problem["request_id"], problem["instance"]
        assert foreign == unknown

    async def test_an_undo_is_not_undone(self, door: Door, clinic: Clinic) -> None:
        [today] = await measuring(door, clinic, days_ago=0)
        entry = await made(door, "/entries", measured(today, 120))
        undo = (await door.ask("elbe", "DELETE", f"/entries/{entry['id']}")).json()

        answer = await door.ask("elbe", "DELETE", f"/entries/{undo['id']}")

        assert answer.status_code == 409
        assert answer.json()["type"].endswith("/nothing-to-undo")

    async def test_no_other_entry_can_stand_in_its_way(self, door: Door, clinic: Clinic) -> None:
        [today] = await measuring(door, clinic, days_ago=0)
        entry = await made(door, "/entries", measured(today, 120))
        # Whatever a client can think of, such as the entry's id turned round.
        taken = UUID(int=UUID(entry["id"]).int ^ ((1 << 128) - 1))
        unplanned = {"assignment_id": today["assignment_id"], "activity_key": "bp", "outcome": "completed"}
        await made(door, "/entries", {**unplanned, "client_id": str(taken), "effective_at": ago(seconds=1)})

        undo = (await door.ask("clinician", "DELETE", f"/entries/{entry['id']}")).json()

        assert (undo["outcome"], undo["replaces"]) == ("retracted", entry["id"])


class TestUndoMany:
    async def test_undoes_each_that_is_there(self, door: Door, clinic: Clinic) -> None:
        first, second, *_ = await measuring(door, clinic)
        one, two = [await made(door, "/entries", measured(occurrence, 120)) for occurrence in (first, second)]
        items = [{"id": one["id"]}, {"id": NOBODY}, {"id": two["id"]}]

        answer = await door.ask("elbe", "POST", "/entries/batch-delete", {"items": items})

        assert [result["status"] for result in answer.json()["results"]] == [200, 404, 200]
        assert answer.json()["results"][2]["item"]["replaces"] == two["id"]

    async def test_not_those_of_others(self, door: Door, clinic: Clinic) -> None:
        [today] = await measuring(door, clinic, days_ago=0)
        entry = await made(door, "/entries", measured(today, 120))

        answer = await door.ask("rhine", "POST", "/entries/batch-delete", {"items": [{"id": entry["id"]}]})

        assert answer.json()["results"][0]["status"] == 404

    async def test_holds_plans_in_one_order_whatever_its_own_is(self, door: Door, clinic: Clinic) -> None:
        of_plan: dict[str, str] = {}
        for _ in range(2):
            [today] = await measuring(door, clinic, days_ago=0)
            of_plan[today["assignment_id"]] = (await made(door, "/entries", measured(today, 120)))["id"]
        first, second = sorted(of_plan)
        items = [{"id": of_plan[second]}, {"id": of_plan[first]}]

        async with clinic.database.transaction(clinic.organisation.id) as tx:
            await tx.execute("select from assignment where id = $1 for update", UUID(first))
            waiting = asyncio.create_task(door.ask("elbe", "POST", "/entries/batch-delete", {"items": items}))
            await eventually(lambda: is_waited_for(tx))
            # Who waits for the first holds nothing that we could want next.
            await tx.execute("select from assignment where id = $1 for update nowait", UUID(second))

        assert [result["status"] for result in (await waiting).json()["results"]] == [200, 200]


class TestMeasurements:
    async def test_leave_out_what_was_undone_since(self, door: Door, clinic: Clinic) -> None:
        occurrences = await measuring(door, clinic)
        day = day_of_hers(days_ago=3)
        entry = await made(door, "/entries", measured(occurrences[2], 190, effective_at=ago(days=3)))
        before = await values(door, clinic, first=day, last=day)

        await door.ask("elbe", "DELETE", f"/entries/{entry['id']}")

        assert before == [190]
        assert await values(door, clinic, first=day, last=day) == []

    async def test_leave_out_what_was_skipped_after_all(self, door: Door, clinic: Clinic) -> None:
        occurrences = await measuring(door, clinic)
        entry = await made(door, "/entries", measured(occurrences[-1], 190))

        await made(door, "/entries", entry_of(occurrences[-1], outcome="skipped", replaces=entry["id"]))

        assert await values(door, clinic, first=day_of_hers(days_ago=5), last=day_of_hers()) == []

    async def test_show_a_corrected_time_only_where_it_is_now(self, door: Door, clinic: Clinic) -> None:
        occurrences = await measuring(door, clinic)
        today, day = day_of_hers(), day_of_hers(days_ago=3)
        entry = await made(door, "/entries", measured(occurrences[2], 190, effective_at=ago(days=3)))

        await made(door, "/entries", measured(occurrences[2], 120, replaces=entry["id"]))

        assert await values(door, clinic, first=day, last=day) == []
        assert await values(door, clinic, first=day, last=today) == [120]

    async def test_of_no_plan_are_corrected_too(self, door: Door, clinic: Clinic) -> None:
        [occurrence] = await measuring(door, clinic, days_ago=0)
        body = measured(occurrence, 190)
        unplanned = {"assignment_id": body.pop("occurrence_id") and occurrence["assignment_id"], "activity_key": "bp"}
        entry = await made(door, "/entries", {**body, **unplanned, "effective_at": ago(days=3)})

        await door.ask("elbe", "DELETE", f"/entries/{entry['id']}")

        assert await values(door, clinic, first=day_of_hers(days_ago=4), last=day_of_hers(days_ago=2)) == []


class TestBatch:
    async def test_holds_each_item_to_its_own_patients_version(self, door: Door, clinic: Clinic) -> None:
        [rhine] = await enrolled(clinic.database, clinic.organisation, ["Oder"])
        plan = {"protocol_id": str(clinic.protocol_id), "starts_on": system_clock().date().isoformat()}
        old = await made(door, "/assignments", {**plan, "patient_id": str(clinic.patient_id)})
        await clinic.publish_next(content_of(PRESSURE))
        new = await made(door, "/assignments", {**plan, "patient_id": str(rhine)})
        items = [
            {
                "client_id": str(uuid4()),
                "assignment_id": assignment["id"],
                "activity_key": "bp",
                "outcome": "completed",
                "effective_at": ago(seconds=1),
            }
            for assignment in (old, new)
        ]

        answer = await door.ask("clinician", "POST", "/entries", {"entries": items})

        assert [one["status"] for one in answer.json()["results"]] == [422, 201]


class TestBadInput:
    @pytest.mark.parametrize("effective_at", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
    async def test_what_happened_before_all_memory_is_refused(
        self, door: Door, clinic: Clinic, effective_at: str
    ) -> None:
        [today] = await measuring(door, clinic, days_ago=0)

        answer = await door.ask("elbe", "POST", "/entries", measured(today, 120, effective_at=effective_at))

        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/effective_at"]

    async def test_a_preview_wants_a_zone_that_there_is(self, door: Door, clinic: Clinic) -> None:
        path = f"/protocols/{clinic.protocol_id}/versions/1/preview?time_zone="

        answers = [await door.ask("clinician", "GET", path + name) for name in ("Mars/Base", "localtime", "../UTC")]

        assert [answer.status_code for answer in answers] == [400] * 3
        assert answers[0].json()["errors"][0]["pointer"] == "/time_zone"


class TestLongPlans:
    async def test_are_shown_and_counted_whole(self, door: Door, clinic: Clinic) -> None:
        protocol_id = await published(clinic.database, clinic.organisation, content_of(PRESSURE, days=365))
        body = {
            "protocol_id": str(protocol_id),
            "patient_id": str(clinic.patient_id),
            "starts_on": (system_clock().date() - timedelta(days=200)).isoformat(),
        }
        assignment = await made(door, "/assignments", body)
        path = f"/assignments/{assignment['id']}"
        await made(door, f"{path}/move", {"to_version": 1, "restart": True})

        page = (await door.ask("clinician", "GET", f"{path}/occurrences?page_size=200")).json()
        later = (system_clock() + timedelta(days=300)).strftime("%Y-%m-%dT00:00:00Z")
        counted = (await door.ask("clinician", "GET", f"{path}/adherence?at={later}")).json()

        assert len(page["items"]) == 200
        assert page["next_page_token"]
        assert counted["missed"] >= 498
