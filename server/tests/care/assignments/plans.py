"""A clinic with patients and published protocols, for tests of what is given to whom."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

import msgspec

from healthprotocol.care.assignments import service
from healthprotocol.care.assignments.model import Assignment, NewAssignment
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Demographics, PatientId
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent, ProtocolId, Schedule
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database, Transaction
from tests.support.people import Organisation, employ

MONDAY = date(2026, 3, 2)
MONDAY_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

WALK = Activity(key="walk", kind="exercise", title="Walk", schedule=Schedule(time_of_day=(time(9),)))
PRESSURE = Activity(
    key="pressure", kind="task", title="Blood pressure", schedule=Schedule(time_of_day=(time(8), time(20)))
)
DIARY = Activity(key="diary", kind="task", title="Diary", schedule=Schedule(frequency=1, period=1, period_unit="d"))


def content_of(*activities: Activity, days: int = 28, title: str = "Heart at home") -> ProtocolContent:
    phase = Phase(title="All of it", start_day=1, length_days=days, activities=activities)
    return ProtocolContent(title=title, duration_days=days, phases=(phase,))


class Clinic(msgspec.Struct, frozen=True):
    """An organisation at work: acts are done by its clinician, at noon of a Monday unless a test says when."""

    database: Database
    organisation: Organisation
    protocol_id: ProtocolId
    patient_id: PatientId

    @asynccontextmanager
    async def acting(self, actor: Actor | None = None, *, at: datetime = MONDAY_NOON) -> AsyncIterator[Transaction]:
        actor = actor or self.organisation.clinician
        async with self.database.transaction(self.organisation.id, actor=actor, now=at) as tx:
            yield tx

    @property
    def clinician(self) -> Actor:
        return self.organisation.clinician

    def wanted(self, **more: Any) -> NewAssignment:
        said: dict[str, Any] = {"protocol_id": self.protocol_id, "patient_id": self.patient_id, "starts_on": MONDAY}
        return NewAssignment(**{**said, **more})

    async def assign(self, *, at: datetime = MONDAY_NOON, **more: Any) -> Assignment:
        async with self.acting(at=at) as tx:
            return await service.assign(tx, self.clinician, self.wanted(**more))

    async def read(self, assignment: Assignment) -> Assignment:
        async with self.acting() as tx:
            return await service.get(tx, self.clinician, assignment.id)

    async def publish_next(self, content: ProtocolContent) -> int:
        """Publish another version; return its number."""
        async with self.acting() as tx:
            await protocols.update(
                tx, self.clinician, self.protocol_id, change=lambda _before: content, expected_revision=None
            )
            return (await protocols.publish(tx, self.clinician, self.protocol_id)).version

    async def enrol(self, *names: str) -> list[PatientId]:
        return await enrolled(self.database, self.organisation, names)

    async def audited(self) -> list[tuple[str, UUID | None, UUID | None]]:
        """Return action, object and subject of every event about assignments, in order."""
        async with self.acting() as tx:
            rows = await tx.fetch(
                """
                select action, object_id, subject_id from audit_event
                where action like 'assignment.%' order by at, id
                """
            )
        return [(row["action"], row["object_id"], row["subject_id"]) for row in rows]


async def make_clinic(database: Database, organisation: Organisation) -> Clinic:
    """Publish a protocol of four weeks, and enrol a patient who lives in Berlin; the clinician has an account."""
    await employ(database, organisation.clinician)
    protocol_id = await published(database, organisation, content_of(WALK, PRESSURE))
    [patient_id] = await enrolled(database, organisation, ["Elbe"])
    return Clinic(database, organisation, protocol_id, patient_id)


async def published(database: Database, organisation: Organisation, content: ProtocolContent) -> ProtocolId:
    actor = organisation.clinician
    async with database.transaction(organisation.id, actor=actor) as tx:
        draft = await protocols.create(tx, actor, content)
        await protocols.publish(tx, actor, draft.protocol_id)
    return draft.protocol_id


async def enrolled(database: Database, organisation: Organisation, names: Sequence[str]) -> list[PatientId]:
    actor = organisation.clinician
    async with database.transaction(organisation.id, actor=actor) as tx:
        return [
            (
                await patients.create(
                    tx,
                    actor,
                    Demographics(
                        given_name="A", family_name=name, birth_date=date(1960, 1, 1), time_zone="Europe/Berlin"
                    ),
                )
            ).id
            for name in names
        ]
