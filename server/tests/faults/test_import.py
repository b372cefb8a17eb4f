"""A worker is killed in the middle of an import, again and again: every line comes in, none twice."""

import asyncio
import os
import signal

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.operations import Operation
from tests.care.transfers.files import ENTRY_COLUMNS, Ward, csv_of, make_ward
from tests.foundation.jobs.workers import eventually, process
from tests.support.people import Organisation
from tests.support.postgresql import Cluster

LINES = 1_800
SECONDS_A_PART = "0.15"
WORKER = "tests.faults.lingering"


async def present(ward: Ward, operation: Operation) -> Operation:
    async with ward.database.transaction(ward.organisation.id) as tx:
        return await operations.get(tx, operation.id)


class TestKilledWorker:
    async def test_another_goes_on_where_it_was(
        self, cluster: Cluster, database_name: str, database: Database, organisation: Organisation
    ) -> None:
        ward = await make_ward(database, organisation, patients=4)
        lines = list(ward.entries(LINES))
        lines[700]["value"] = "hot"
        lines[1_500]["outcome"] = "perhaps"
        operation = await ward.begin("entries", csv_of(ENTRY_COLUMNS, lines))
        seen: list[int] = []

        for share in (0.2, 0.5):

            async def is_past(share: float = share) -> bool:
                now = await present(ward, operation)
                return now.done >= now.total * share

            async with process(
                WORKER, "imports", cluster.app_url(database_name), str(cluster.root_key), SECONDS_A_PART
            ) as victim:
                await eventually(is_past)
                await asyncio.sleep(float(SECONDS_A_PART) * 1.5)
                os.kill(victim.pid, signal.SIGKILL)
                await victim.wait()
            half = await present(ward, operation)
            assert half.result is not None
            # What is committed and what is counted are one.
            assert half.result["created"] == await ward.count("entry")
            seen.append(half.result["lines"])
        async with process(WORKER, "imports", cluster.app_url(database_name), str(cluster.root_key), "0"):
            await eventually(lambda: _is_over(ward, operation))

        over = await present(ward, operation)
        assert 0 < seen[0] < seen[1] < LINES
        assert over.result is not None
        assert (over.status, over.result["lines"], over.result["created"], over.result["failed"]) == (
            "succeeded",
            LINES,
            LINES - 2,
            2,
        )
        assert await ward.count("entry") == LINES - 2
        named = await ward.rows(
            "select count(distinct subject) as count from audit_event, unnest(subject_ids) as subject "
            "where action = 'entry.import'"
        )
        assert named[0]["count"] == len(ward.patient_ids)
        assert (await ward.report(operation)).count("\n") == 3


async def _is_over(ward: Ward, operation: Operation) -> bool:
    return (await present(ward, operation)).is_over
