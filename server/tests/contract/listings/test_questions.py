"""What a caller may ask of the real lists over HTTP, and what is refused because it would cost too much."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import NewAssignment
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Demographics, Identifier
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent, Schedule
from healthprotocol.foundation.db.listing import reading
from healthprotocol.foundation.db.transaction import Database
from tests.support.door import Door, opened
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database

from .conftest import Crowded

RIVERS = ("Elbe", "Havel", "Oder", "Spree", "Weser")
WALK = Activity(key="walk", kind="exercise", title="Walk", schedule=Schedule())
# No index holds what is not so: the rows are walked through until there are enough for a page.
DEAR = 'NOT outcome IN ("success", "denied")'
# Between what an id's index costs and what that walk does among the tenant's share of ten million rows.
LOW_BOUND = 50.0


@pytest.fixture
async def door(database: Database, organisation: Organisation) -> AsyncIterator[Door]:
    """The lists of a small clinic: five people, born a year apart, the first two with a plan."""
    actor = organisation.clinician
    async with database.transaction(organisation.id, actor=actor) as tx:
        titles = ("Walking at home", "Walking_outside")
        plans = [await protocols.create(tx, actor, _content(title)) for title in titles]
        for plan in plans:
            await protocols.publish(tx, actor, plan.protocol_id)
        for number, river in enumerate(RIVERS):
            person = Demographics(
                given_name="A",
                family_name=river,
                birth_date=date(1980 + number, 1, 1),
                email=f"{river.lower()}@river.example",
                phone=f"+4930123450{number}",
                identifiers=(Identifier(system="urn:rivers", value=f"R-{number}"),),
            )
            one = await patients.create(tx, actor, person)
            if number < len(plans):
                wanted = NewAssignment(
                    protocol_id=plans[number].protocol_id, patient_id=one.id, starts_on=tx.now.date()
                )
                await assignments.assign(tx, actor, wanted)
    async with opened(database, {"clinician": actor}) as one_door:
        yield one_door


def _content(title: str) -> ProtocolContent:
    phase = Phase(title="All", start_day=1, length_days=9, activities=(WALK,))
    return ProtocolContent(title=title, duration_days=9, category="movement", phases=(phase,))


async def ask(door: Door, path: str, who: str = "clinician", **query: str) -> httpx2.Response:
    return await door.http.get(f"/api/v1/{path}", params=query, headers={"authorization": f"Bearer {who}"})


async def names(door: Door, source: str, **query: str) -> list[str]:
    answer = await ask(door, "patients", filter=source, order_by="id", **query)
    assert answer.status_code == 200, answer.text
    return [item["family_name"] for item in answer.json()["items"]]


class TestAnEncryptedField:
    @pytest.mark.parametrize(
        "source", ['email = "HAVEL@river.example"', 'phone = "+49 30 1234501"', 'identifier = "urn:rivers|R-1"']
    )
    async def test_is_found_as_its_normaliser_reads_it(self, door: Door, source: str) -> None:
        assert await names(door, source) == ["Havel"]

    async def test_is_found_among_several(self, door: Door) -> None:
        source = 'email IN ("oder@river.example", "elbe@river.example", "rhine@river.example")'

        assert sorted(await names(door, source)) == ["Elbe", "Oder"]

    async def test_is_not_found_by_its_beginning(self, door: Door) -> None:
        answer = await ask(door, "patients", filter='email = "elb*"')

        assert answer.status_code == 400

    async def test_of_another_organisation_is_not_found(
        self, door: Door, database: Database, other_organisation: Organisation
    ) -> None:
        async with opened(database, {"clinician": other_organisation.clinician}) as theirs:
            assert await names(theirs, 'email = "elbe@river.example"') == []


class TestACompound:
    async def test_is_found_by_all_its_parts_in_any_order(self, door: Door) -> None:
        source = 'birth_date = 1981-01-01 AND status = "active" AND family_name = "havel"'

        assert await names(door, source) == ["Havel"]

    @pytest.mark.parametrize(
        "source",
        ['family_name = "Havel"', 'family_name = "Havel" OR birth_date = 1981-01-01', "birth_date = 1981-01-01"],
    )
    async def test_is_not_found_by_a_part(self, door: Door, source: str) -> None:
        answer = await ask(door, "patients", filter=source)

        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "filter_incomplete")


class TestAJoin:
    @pytest.mark.parametrize(
        ("source", "count"),
        [
            ('patient.email = "elbe@river.example"', 1),
            ('patient.identifier = "urn:rivers|R-1"', 1),
            ('patient.identifier IN ("urn:rivers|R-0", "urn:rivers|R-1")', 2),
            ('patient.family_name = "Elbe" AND patient.birth_date = 1980-01-01', 1),
            ('patient.email = "oder@river.example"', 0),
            ('protocol.title = "Walking*" AND protocol.category = "movement"', 2),
            ('protocol.title = "Walking_*"', 1),
            ('protocol.title = "walking*"', 0),
            ('NOT protocol.title = "Walking at home"', 1),
        ],
    )
    async def test_finds_by_what_lies_in_the_other_table(self, door: Door, source: str, count: int) -> None:
        answer = await ask(door, "assignments", filter=source)

        assert len(answer.json()["items"]) == count, answer.text


class TestADateReckonedFromNow:
    @pytest.mark.parametrize(
        ("source", "count"),
        [
            ("created_at >= now - 1h", 5),
            ("created_at < now - 1h", 0),
            ("created_at > now + 1m", 0),
            ("created_at >= today AND created_at < today + 1d", 5),
            ("created_at >= now - 2w AND NOT created_at >= now", 5),
        ],
    )
    async def test_is_of_the_request(self, door: Door, source: str, count: int) -> None:
        assert len(await names(door, source)) == count

    async def test_means_the_same_on_the_next_page(self, door: Door) -> None:
        query = {"filter": "created_at <= now", "page_size": "2"}
        first = (await ask(door, "patients", **query)).json()

        second = (await ask(door, "patients", **query, page_token=first["next_page_token"])).json()

        assert len({item["id"] for item in first["items"] + second["items"]}) == 4


class TestACount:
    @pytest.mark.parametrize(
        ("most", "said"),
        [(4, {"total_at_least": 4}), (5, {"total": 5}), (10_000, {"total": 5}), (1, {"total_at_least": 1})],
    )
    async def test_is_exact_up_to_its_bound(self, door: Door, most: int, said: dict[str, int]) -> None:
        answer = (await ask(door, "patients", count_up_to=str(most), page_size="2")).json()

        assert {name: value for name, value in answer.items() if name.startswith("total")} == said

    async def test_is_of_the_filter(self, door: Door) -> None:
        answer = await ask(door, "patients", filter='email = "elbe@river.example"', count_up_to="9")

        assert answer.json()["total"] == 1

    async def test_is_of_all_pages(self, door: Door) -> None:
        first = (await ask(door, "patients", page_size="4", count_up_to="9")).json()

        last = await ask(door, "patients", page_size="4", count_up_to="9", page_token=first["next_page_token"])

        assert (len(last.json()["items"]), last.json()["total"]) == (1, 5)

    @pytest.mark.parametrize("most", ["0", "10001", "-1"])
    async def test_has_a_bound_itself(self, door: Door, most: str) -> None:
        assert (await ask(door, "patients", count_up_to=most)).status_code == 400


class TestTheWayBack:
    async def test_leads_through_the_same_pages(self, door: Door) -> None:
        query = {"order_by": "created_at desc", "page_size": "2"}
        there = [(await ask(door, "patients", **query)).json()]
        while token := there[-1].get("next_page_token"):
            there.append((await ask(door, "patients", **query, page_token=token)).json())

        back = [there[-1]]
        while token := back[-1].get("previous_page_token"):
            back.append((await ask(door, "patients", **query, page_token=token)).json())

        assert [page["items"] for page in back] == [page["items"] for page in reversed(there)]
        assert [len(page["items"]) for page in there] == [2, 2, 1]
        assert "previous_page_token" not in there[0]


@pytest.fixture
async def large(cluster: Cluster, crowded: Crowded) -> AsyncIterator[Door]:
    database = await open_database(cluster, crowded.name)
    async with opened(database, {"auditor": crowded.organisation.auditor}) as one:
        yield one
    await database.close()


class TestADearFilter:
    @pytest.fixture(autouse=True)
    def _low_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "MOST_COST", LOW_BOUND)

    async def test_is_refused_with_what_would_narrow_it(self, large: Door) -> None:
        answer = await ask(large, "audit", "auditor", filter=DEAR, order_by="id")
        problem = answer.json()

        assert (answer.status_code, problem["type"].rpartition("/")[2]) == (422, "query-too-costly")
        assert problem["cost"] > problem["most_cost"] == LOW_BOUND
        assert problem["costly_fields"] == ["outcome"]
        assert {"actor_id", "object_id", "patient_id"} <= set(problem["narrow_by"])
        assert problem["errors"][0]["pointer"] == "/filter"

    async def test_is_run_once_it_is_narrowed_as_the_hint_says(self, large: Door) -> None:
        answer = await ask(large, "audit", "auditor", filter=f'{DEAR} AND object_id = "{uuid4()}"')

        assert answer.status_code == 200, answer.text


class TestTheEstimate:
    async def test_is_made_once_for_a_shape(self, large: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        explained: list[str] = []
        fetchval = asyncpg.Connection.fetchval

        async def spy(connection: Any, sql: str, *args: Any, **more: Any) -> Any:
            explained.extend([sql] if sql.startswith("explain") else [])
            return await fetchval(connection, sql, *args, **more)

        monkeypatch.setattr(asyncpg.Connection, "fetchval", spy)
        counts: list[int] = []
        for number in range(3):
            # A shape that no other test asks for, with another value each time.
            await ask(
                large, "audit", "auditor", filter=f'action = "a{number}" AND request_id = "r{number}"', page_size="3"
            )
            counts.append(len(explained))

        assert counts == [1, 1, 1]
