"""The demo as it is loaded: through the services, complete, alive today."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import pytest_asyncio

from healthprotocol.api.paging import ListQuery
from healthprotocol.assembly import SUBSCRIPTIONS
from healthprotocol.care.adherence import service as adherence
from healthprotocol.care.alerts import service as alerts
from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import Assignment, AssignmentId
from healthprotocol.care.entries import service as entries
from healthprotocol.care.patients import service as patients
from healthprotocol.care.protocols import service as protocols
from healthprotocol.cli.demo.behaviour import Deed, Due
from healthprotocol.cli.demo.chronicle import Told, batches
from healthprotocol.cli.demo.clinic import Assigned
from healthprotocol.cli.demo.load import Loaded, load
from healthprotocol.cli.demo.people import PASSWORD, Person, clinics
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.events import Subscriptions
from healthprotocol.foundation.ids import AccountId, OrganisationId, new_id
from tests.support.postgresql import Cluster, cloned_database, open_database

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


class Demo(msgspec.Struct):
    """The loaded demo, and a look at it as of NOW."""

    database: Database
    loaded: list[Loaded]
    organisations: list[OrganisationId]

    def staff(self, which: int = 0) -> Actor:
        return Actor(account_id=AccountId(new_id(NOW)), organisation_id=self.organisations[which], role="clinician")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(cluster: Cluster) -> AsyncIterator[Demo]:
    async with cloned_database(cluster) as name:
        database = await open_database(cluster, name, subscriptions=Subscriptions(SUBSCRIPTIONS))
        loaded = await load(database, now=NOW, advance=lambda _done, _total: None)
        async with database.transaction(None) as tx:
            ids = [OrganisationId(row[0]) for row in await tx.fetch("select hp_organisations()")]
        # Both were made in the same instant, so their ids are in no order.
        named = {await _name(database, organisation_id): organisation_id for organisation_id in ids}
        yield Demo(database, loaded, [named[clinic.organisation] for clinic in loaded])
        await database.close()


@pytest_asyncio.fixture(loop_scope="module")
async def tx(demo: Demo) -> AsyncIterator[Transaction]:
    async with demo.database.transaction(demo.organisations[0], actor=demo.staff(), now=NOW) as opened:
        yield opened


async def _every_assignment(tx: Transaction, actor: Actor) -> list[Assignment]:
    found = await assignments.page(tx, actor, ListQuery(page_size=200))
    assert found.next_page_token is None
    return found.items


async def _name(database: Database, organisation_id: OrganisationId) -> str:
    async with database.transaction(organisation_id) as tx:
        return await tx.fetchval("select name from organisation")


class TestLoad:
    async def test_makes_what_was_promised(self, demo: Demo) -> None:
        riverside, hilltop = demo.loaded

        assert (riverside.protocols, riverside.patients, riverside.assignments) == (9, 60, 90)
        assert riverside.entries > 10_000
        assert (hilltop.protocols, hilltop.patients, hilltop.assignments) == (3, 4, 4)
        assert [*riverside.accounts, *hilltop.accounts] == [
            "admin@demo.example",
            "clinician@demo.example",
            "coordinator@demo.example",
            "auditor@demo.example",
            "patient@demo.example",
            "clinician@other.example",
        ]

    async def test_leaves_assignments_in_every_state(self, demo: Demo, tx: Transaction) -> None:
        found = await _every_assignment(tx, demo.staff())

        states = Counter(one.status for one in found)
        assert set(states) == {"active", "paused", "stopped", "completed", "proposed"}
        assert sum(len(one.segments) > 1 for one in found) == 3

    async def test_writes_entries_down_in_time_but_for_the_late_ones(self, demo: Demo, tx: Transaction) -> None:
        late: Counter[bool] = Counter()
        token: str | None = None
        for _ in range(10):
            page = await entries.page(tx, demo.staff(), ListQuery(page_size=200, page_token=token))
            token = page.next_page_token
            late.update(entry.late for entry in page.items)

        assert 0 < late[True] < late[False] / 5

    async def test_counts_ahead_what_the_overview_shows(self, demo: Demo, tx: Transaction) -> None:
        assert await adherence.refresh(tx) == 0
        shown = await adherence.of_protocol(tx, demo.staff(), None, from_on=None, to_on=None)

        assert shown.adherence.ratio is not None
        assert 0.6 < shown.adherence.ratio < 0.9

    async def test_fills_the_inbox_as_the_worker_would(self, demo: Demo, tx: Transaction) -> None:
        assert await alerts.look(tx) == 0
        rows = (await alerts.page(tx, demo.staff(), ListQuery(filter='status = "open"', page_size=200))).items

        rules = Counter(row.alert.episode.rule for row in rows)
        assert set(rules) >= {"value_out_of_range", "no_entry", "missed_in_row"}
        assert 5 <= rules.total() <= 60

    async def test_publishes_all_protocols_but_the_draft(self, demo: Demo, tx: Transaction) -> None:
        rows = (await protocols.page(tx, ListQuery())).items

        states = Counter(row["status"] for row in rows)
        assert states == {"active": 8, "draft": 1}


class TestThePatientWhoSignsIn:
    async def test_has_a_day_with_much_to_do(self, demo: Demo, tx: Transaction) -> None:
        rows = (await patients.page(tx, demo.staff(), ListQuery(page_size=5), q="Rosa Delgado")).items
        day = await entries.today(tx, demo.staff(), rows[0].id, on=None)

        kinds = {one.kind for one in day.occurrences}
        assert kinds >= {"measurement", "medication", "questionnaire", "task", "exercise"}
        assert day.done < day.due <= 20

    async def test_has_a_history_that_gets_better(self, demo: Demo, tx: Transaction) -> None:
        rows = (await patients.page(tx, demo.staff(), ListQuery(page_size=5), q="Rosa Delgado")).items
        values = await entries.measurements(tx, demo.staff(), rows[0].id, from_on=None, to_on=None, code="8480-6")

        systolic = [one.value for one in sorted(values, key=lambda one: one.entry.effective_at)]
        assert len(systolic) > 30
        assert sum(systolic[:8]) / 8 > sum(systolic[-8:]) / 8 + 10


class TestTheOtherClinic:
    async def test_sees_nothing_of_the_first(self, demo: Demo) -> None:
        actor = demo.staff(1)
        async with demo.database.transaction(demo.organisations[1], actor=actor, now=NOW) as tx:
            rows = (await patients.page(tx, actor, ListQuery(page_size=200))).items

        assert len(rows) == 4


class TestBatches:
    async def test_write_each_deed_after_it_was_done_and_in_its_window(self) -> None:
        person = clinics()[0].people[0]
        told = [_told(person, minutes, opens=minutes - 30, closes=minutes + 90) for minutes in range(0, 6000, 17)]

        groups = list(batches(told, now=NOW))

        assert sum(len(group) for _, group in groups) == len(told)
        for at, group in groups:
            assert all(one.deed.effective_at <= at < one.deed.due.closes_at for one in group)
        assert len(groups) < len(told) / 4

    async def test_write_late_deeds_after_the_window(self) -> None:
        person = clinics()[0].people[0]
        late = _told(person, 600, opens=0, closes=500)

        [(at, _)] = batches([late], now=NOW)

        assert at >= late.deed.effective_at >= late.deed.due.closes_at


class TestPassword:
    async def test_is_the_one_that_is_printed(self) -> None:
        from healthprotocol.cli.first_start import DEMO_PASSWORD

        assert PASSWORD == DEMO_PASSWORD


def _told(person: Person, minutes: int, *, opens: int, closes: int) -> Told:
    begins = NOW - timedelta(days=10)
    due = Due(
        occurrence_id=str(minutes),
        activity_key="walk",
        planned_at=begins + timedelta(minutes=opens),
        planned_local=(begins + timedelta(minutes=opens)).replace(tzinfo=None),
        slot=1,
        opens_at=begins + timedelta(minutes=opens),
        closes_at=begins + timedelta(minutes=closes),
    )
    done = Deed(due=due, outcome="completed", effective_at=begins + timedelta(minutes=minutes))
    return Told(Assigned(person, person.plans[0], AssignmentId(new_id(NOW))), done)
