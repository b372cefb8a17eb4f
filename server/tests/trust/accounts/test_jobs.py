import asyncio
from datetime import timedelta

from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs.registry import Job, JobRegistry
from healthprotocol.trust.accounts import jobs
from healthprotocol.trust.accounts.service import Doorkeeper
from tests.trust.accounts.conftest import Clinic, MovingClock, sign_in

JOB = Job(
    id=1,
    name=jobs.SWEEP_SESSIONS,
    attempt=1,
    most_attempts=8,
    payload={},
    organisation_id=None,
    context=RequestContext(request_id="system"),
    stopping=asyncio.Event(),
)


class TestSweepSessions:
    async def test_takes_what_ended_of_itself_and_leaves_the_rest(
        self,
        database: Database,
        doorkeeper: Doorkeeper,
        clinic: Clinic,
        clock: MovingClock,
    ) -> None:
        await sign_in(doorkeeper, "admin@delta.example")
        clock.advance(timedelta(minutes=16))
        await sign_in(doorkeeper, "admin@delta.example")

        await jobs.sweep_sessions(database, JOB)

        async with database.transaction(clinic.id) as tx:
            assert await tx.fetchval("select count(*) from session") == 1

    def test_recurs(self) -> None:
        registry = JobRegistry()
        jobs.register(registry)

        assert [spec.name for spec in registry.specs] == [jobs.SWEEP_SESSIONS]
