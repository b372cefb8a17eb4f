"""Alerts as they come about: when entries arrive, and as windows close."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

import pytest

from healthprotocol.api.paging import ListQuery
from healthprotocol.care.alerts import service
from healthprotocol.care.alerts.errors import AlertNotFound
from healthprotocol.care.alerts.model import AlertChanged, AlertId, AlertOpened
from healthprotocol.care.alerts.repository import _ROW, ALERTS
from healthprotocol.care.alerts.service import Listed
from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import Assignment, NewAssignment
from healthprotocol.care.entries import service as entries
from healthprotocol.care.entries.model import Answer, Entry, GivenValue, NewEntry
from healthprotocol.care.entries.service import Item
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Demographics
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import (
    Activity,
    AnswerOption,
    Measurement,
    Phase,
    ProtocolContent,
    Questionnaire,
    QuestionnaireItem,
    Schedule,
    ScoreBand,
    Scoring,
    ValueRange,
)
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import PreconditionFailed
from tests.support.people import Organisation

BEGINS = datetime(2026, 3, 2, 6, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
OPTIONS = (AnswerOption(value="no", score=0), AnswerOption(value="yes", score=20))
CONTENT = ProtocolContent(
    title="Heart",
    duration_days=60,
    phases=(
        Phase(
            title="All",
            start_day=1,
            length_days=60,
            activities=(
                Activity(
                    key="bp",
                    kind="measurement",
                    title="Pressure",
                    schedule=Schedule(time_of_day=(time(8), time(18))),
                    measurement=Measurement(
                        code="8480-6", display="Systolic", unit="mm[Hg]", alert_thresholds=ValueRange(high=180)
                    ),
                ),
                Activity(
                    key="mood",
                    kind="questionnaire",
                    title="Mood",
                    schedule=Schedule(period=1, period_unit="wk"),
                    questionnaire=Questionnaire(
                        items=(QuestionnaireItem(link_id="1", text="Bad?", type="choice", options=OPTIONS),),
                        scoring=Scoring(
                            method="sum", bands=(ScoreBand(low=10, high=99, label="Bad", severity="high"),)
                        ),
                    ),
                ),
                Activity(key="walk", kind="exercise", title="Walk", schedule=Schedule(period=1, period_unit="d")),
            ),
        ),
    ),
)


class Watched:
    """A patient with a running plan, and a clock that the test moves."""

    def __init__(self, database: Database, actor: Actor) -> None:
        self.database = database
        self.actor = actor
        self.now = BEGINS
        self.told: list[object] = []
        self.assignment: Assignment

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Transaction]:
        async with self.database.transaction(self.actor.organisation_id, actor=self.actor, now=self.now) as tx:
            yield tx

    async def begin(self) -> None:
        person = Demographics(given_name="A", family_name="Havel", birth_date=date(1970, 1, 1), time_zone="UTC")
        async with self.tx() as tx:
            patient = await patients.create(tx, self.actor, person)
            made = await protocols.create(tx, self.actor, CONTENT)
            await protocols.publish(tx, self.actor, made.protocol_id)
            wanted = NewAssignment(protocol_id=made.protocol_id, patient_id=patient.id, starts_on=BEGINS.date())
            self.assignment = await assignments.assign(tx, self.actor, wanted)

    def entry(self, key: str, *, value: float | None = None, **more: object) -> NewEntry:
        values = () if value is None else (GivenValue(code="8480-6", value=value, unit="mm[Hg]"),)
        said = {"client_id": uuid4(), "outcome": "completed", "effective_at": self.now, "values": values, **more}
        return NewEntry(assignment_id=self.assignment.id, activity_key=key, **said)  # pyright: ignore[reportArgumentType]

    async def record(self, *sent: NewEntry) -> list[Entry]:
        async with self.tx() as tx:
            results = await entries.record(tx, self.actor, [Item(str(one.client_id), one) for one in sent])
        for result in results:
            if result.problem is not None:
                raise result.problem
        return [result.entry for result in results if result.entry is not None]

    async def look(self) -> None:
        async with self.tx() as tx:
            while await service.look(tx):
                pass

    async def alerts(self, filter: str = "", order_by: str = "") -> list[Listed]:  # noqa: A002
        async with self.tx() as tx:
            query = ListQuery(filter=filter, order_by=order_by, page_size=200)
            return (await service.page(tx, self.actor, query)).items

    async def rules(self, filter: str = "") -> list[tuple[str, str | None, str]]:  # noqa: A002
        found = [one.alert.episode for one in await self.alerts(filter)]
        return [(one.rule, one.activity_key, one.status) for one in found]

    async def live(self, days: int, *, recording: bool) -> None:
        """Let days pass, with the job looking in between."""
        for _ in range(days * 4):
            self.now += 6 * HOUR
            if recording:
                await self.record(self.entry("walk"))
            await self.look()


@pytest.fixture
async def watched(database: Database, organisation: Organisation) -> Watched:
    one = Watched(database, organisation.clinician)
    await one.begin()

    async def hear(_tx: Transaction, event: object) -> None:
        one.told.append(event)

    for kind in (AlertOpened, AlertChanged):
        database.subscriptions._by_type.setdefault(kind, []).append(hear)
    return one


class TestAValueOutsideItsThresholds:
    async def test_is_told_in_the_transaction_that_records_it(self, watched: Watched) -> None:
        [entry] = await watched.record(watched.entry("bp", value=192))

        [listed] = await watched.alerts()
        episode = listed.alert.episode
        assert (episode.rule, episode.severity, episode.status) == ("value_out_of_range", "high", "open")
        assert (episode.entry_id, episode.opened_at) == (entry.id, BEGINS)
        assert listed.alert.detail.values[0].value == 192
        assert listed.patient_name == "A Havel"
        assert watched.told == [AlertOpened(episode.id, episode.patient_id)]

    async def test_is_not_told_when_it_is_inside(self, watched: Watched) -> None:
        await watched.record(watched.entry("bp", value=180))

        assert await watched.alerts() == []

    async def test_is_told_once_while_it_lasts_and_again_in_another_episode(self, watched: Watched) -> None:
        for value in (190, 195, 140):
            await watched.record(watched.entry("bp", value=value))
            watched.now += HOUR
        assert len(await watched.alerts()) == 1

        watched.now += DAY
        await watched.record(watched.entry("bp", value=200))

        first, second = (one.alert.episode for one in await watched.alerts(order_by="opened_at"))
        assert first.ended_at == BEGINS + 2 * HOUR + DAY
        assert first.status == "open"
        assert second.ended_at is None

    async def test_ends_by_the_job_too_and_waits_for_a_person(self, watched: Watched) -> None:
        await watched.record(watched.entry("bp", value=190))
        watched.now += HOUR
        await watched.record(watched.entry("bp", value=120))
        await watched.look()

        watched.now += DAY
        await watched.look()

        [alert] = [one.alert.episode for one in await watched.alerts('rule = "value_out_of_range"')]
        assert alert.ended_at == BEGINS + HOUR + DAY
        assert alert.status == "open"

    async def test_is_told_even_when_a_normal_one_came_with_it(self, watched: Watched) -> None:
        early = watched.entry("bp", value=190)
        watched.now += HOUR

        await watched.record(early, watched.entry("bp", value=130))

        [alert] = await watched.alerts()
        assert alert.alert.episode.clear_since == watched.now

    async def test_is_withdrawn_when_it_is_corrected(self, watched: Watched) -> None:
        [wrong] = await watched.record(watched.entry("bp", value=190))
        watched.now += HOUR / 2

        await watched.record(watched.entry("bp", value=130, replaces=wrong.id, effective_at=wrong.effective_at))

        assert await watched.rules() == [("value_out_of_range", "bp", "resolved")]
        assert [type(one) for one in watched.told] == [AlertOpened, AlertChanged]

    async def test_stays_when_the_correction_is_no_better(self, watched: Watched) -> None:
        [wrong] = await watched.record(watched.entry("bp", value=190))

        await watched.record(watched.entry("bp", value=200, replaces=wrong.id))

        assert await watched.rules() == [("value_out_of_range", "bp", "open")]

    async def test_is_withdrawn_when_it_is_undone(self, watched: Watched) -> None:
        [wrong] = await watched.record(watched.entry("bp", value=190))

        async with watched.tx() as tx:
            await entries.retract(tx, watched.actor, wrong.id)

        assert await watched.rules() == [("value_out_of_range", "bp", "resolved")]

    async def test_is_unreadable_in_the_database(self, watched: Watched) -> None:
        await watched.record(watched.entry("bp", value=192))

        async with watched.tx() as tx:
            [row] = await tx.fetch("select * from alert")
        assert not [name for name, value in row.items() if "192" in str(value) or "Systolic" in str(value)]


class TestAHighScore:
    async def test_is_told(self, watched: Watched) -> None:
        await watched.record(watched.entry("mood", answers=(Answer(link_id="1", value="yes"),)))

        [listed] = await watched.alerts()
        assert (listed.alert.episode.rule, listed.alert.detail.score, listed.alert.detail.label) == (
            "score_high",
            20,
            "Bad",
        )

    async def test_of_another_band_is_not(self, watched: Watched) -> None:
        await watched.record(watched.entry("mood", answers=(Answer(link_id="1", value="no"),)))

        assert await watched.alerts() == []


class TestAsWindowsClose:
    async def test_three_missed_in_a_row_are_told_once(self, watched: Watched) -> None:
        await watched.live(5, recording=True)

        rules = await watched.rules()
        assert rules.count(("missed_in_row", "bp", "open")) == 1
        assert ("no_entry", None, "open") not in rules
        assert ("adherence_low", None, "open") in rules

    async def test_silence_is_told_once_and_settles_when_she_speaks(self, watched: Watched) -> None:
        await watched.record(watched.entry("walk"))
        await watched.live(2, recording=False)
        assert ("no_entry", None, "open") not in await watched.rules()
        await watched.live(3, recording=False)
        assert ("no_entry", None, "open") in await watched.rules()

        await watched.record(watched.entry("walk"))
        watched.now += HOUR
        await watched.look()
        watched.now += DAY
        await watched.look()

        assert ("no_entry", None, "resolved") in await watched.rules()

    async def test_of_a_stopped_plan_nothing_holds_any_more(self, watched: Watched) -> None:
        await watched.live(5, recording=False)
        assert await watched.rules('status = "open"')
        async with watched.tx() as tx:
            await assignments.stop(tx, watched.actor, watched.assignment.id, reason="moved")

        await watched.live(2, recording=False)

        assert await watched.rules('status = "open"') == []

    async def test_looks_only_when_something_can_have_changed(self, watched: Watched) -> None:
        await watched.look()

        watched.now += timedelta(minutes=30)
        async with watched.tx() as tx:
            assert await service.look(tx) == 0

    async def test_escalates_what_nobody_reacted_to(self, watched: Watched) -> None:
        await watched.record(watched.entry("bp", value=192))
        watched.now += HOUR

        async with watched.tx() as tx:
            assert await service.escalate(tx) == 1
            assert await service.escalate(tx) == 0

        [alert] = await watched.alerts("escalated_at:*")
        assert alert.alert.episode.escalated_at == watched.now


class TestTheInbox:
    async def test_has_the_most_urgent_first(self, watched: Watched) -> None:
        await watched.live(5, recording=True)
        await watched.record(watched.entry("bp", value=192))

        urgencies = [one.alert.episode.severity for one in await watched.alerts()]
        assert urgencies == ["high", "moderate", "moderate", "low"]

    async def test_is_acknowledged_and_resolved_by_somebody(self, watched: Watched) -> None:
        await watched.record(watched.entry("bp", value=192))
        [alert] = await watched.alerts()
        alert_id = alert.alert.episode.id

        async with watched.tx() as tx:
            first = await service.acknowledge(tx, watched.actor, alert_id, expected_revision=1)
            again = await service.acknowledge(tx, watched.actor, alert_id)
            settled = await service.resolve(tx, watched.actor, alert_id, note="Called her.")
            read = await service.get(tx, watched.actor, alert_id)

        assert first == again
        assert (first.alert.episode.status, first.alert.episode.acknowledged_by) == (
            "acknowledged",
            watched.actor.account_id,
        )
        assert (settled.alert.episode.status, settled.alert.note) == ("resolved", "Called her.")
        assert read == settled
        assert [type(one) for one in watched.told] == [AlertOpened, AlertChanged, AlertChanged]

    async def test_refuses_what_was_changed_meanwhile(self, watched: Watched) -> None:
        await watched.record(watched.entry("bp", value=192))
        [alert] = await watched.alerts()

        with pytest.raises(PreconditionFailed):
            async with watched.tx() as tx:
                await service.resolve(tx, watched.actor, alert.alert.episode.id, expected_revision=5)

    async def test_has_no_alert_of_nobody(self, watched: Watched) -> None:
        with pytest.raises(AlertNotFound):
            async with watched.tx() as tx:
                await service.get(tx, watched.actor, AlertId(uuid4()))

    async def test_records_every_read_and_act(self, watched: Watched) -> None:
        await watched.record(watched.entry("bp", value=192))
        [alert] = await watched.alerts()
        async with watched.tx() as tx:
            await service.acknowledge(tx, watched.actor, alert.alert.episode.id)
            await service.resolve(tx, watched.actor, alert.alert.episode.id)

        async with watched.tx() as tx:
            rows = await tx.fetch("select action from audit_event where action like 'alert.%' order by at, id")
        assert {row["action"] for row in rows} == {"alert.open", "alert.list", "alert.acknowledge", "alert.resolve"}

    @pytest.mark.parametrize("order_by", ["", "opened_at", "status, urgency, opened_at"])
    async def test_is_served_by_an_index(self, watched: Watched, order_by: str) -> None:
        async with watched.tx() as tx:
            listing = ALERTS.parse(order_by=order_by, signer=tx.keys.signer("page_token"), organisation_id=tx.tenant)
            sql, args = listing.sql(_ROW, "a.organisation_id = $1", 2)
            await tx.execute("set local enable_sort = off")
            await tx.execute("set local enable_seqscan = off")
            plan = await tx.fetch(f"explain {sql}", tx.tenant, *args)

        text = "\n".join(row[0] for row in plan)
        assert "Index Scan" in text
        assert "Sort" not in text
