"""A worker is killed in the middle of a file, again and again: every line comes in or goes out, none twice."""

import msgspec

from healthprotocol.care.transfers import service
from healthprotocol.care.transfers.schemas import StartExport
from healthprotocol.foundation.context import RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.jobs import operations
from healthprotocol.foundation.jobs.operations import Operation
from tests.care.transfers.files import ENTRY_COLUMNS, Ward, csv_of, make_ward
from tests.faults.victim import lingering
from tests.foundation.jobs.workers import eventually
from tests.support.people import Organisation
from tests.support.postgresql import Cluster

LINES = 1_800
EXPORTED = 9_000


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

        for batch in ("3", "4"):
            async with lingering(cluster, database_name, "imports", batch) as victim:
                await victim.killed_in_the_middle()
            half = await present(ward, operation)
            assert half.result is not None
            # What is committed and what is counted are one.
            assert half.result["created"] == await ward.count("entry")
            seen.append(half.result["lines"])
        async with lingering(cluster, database_name, "imports"):
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


class TestKilledWorkerOfPatients:
    async def test_another_goes_on_where_it_was(
        self, cluster: Cluster, database_name: str, database: Database, organisation: Organisation
    ) -> None:
        ward = await make_ward(database, organisation, patients=1)
        lines = [
            {"client_id": f"k-{n}", "given_name": "Ada", "family_name": "Elbe", "birth_date": "1960-01-01"}
            for n in range(LINES)
        ]
        lines[900]["birth_date"] = "soon"
        operation = await ward.begin("patients", csv_of(list(lines[0]), lines))
        seen: list[Operation] = []

        for batch in ("3", "4"):
            async with lingering(cluster, database_name, "people", batch) as victim:
                await victim.killed_in_the_middle()
            seen.append(await present(ward, operation))
        for half in seen:
            assert half.result is not None
        async with lingering(cluster, database_name, "people"):
            await eventually(lambda: _is_over(ward, operation))

        over = await present(ward, operation)
        assert over.result is not None
        assert 0 < seen[0].done < seen[1].done < over.total
        assert (over.status, over.result["created"], over.result["failed"]) == ("succeeded", LINES - 1, 1)
        assert await ward.count("patient") == LINES
        assert await ward.count("import_key") == LINES - 1
        created = await ward.rows("select count(distinct subject_id) from audit_event where action = 'patient.create'")
        assert created == [{"count": LINES}]
        again = await ward.bring("patients", csv_of(list(lines[0]), lines))
        assert (again["created"], again["skipped"], again["failed"]) == (0, LINES - 1, 1)


class TestKilledWorkerOfAnExport:
    async def test_writes_every_row_once(
        self, cluster: Cluster, database_name: str, database: Database, organisation: Organisation
    ) -> None:
        ward = await make_ward(database, organisation, patients=4)
        await ward.bring("entries", csv_of(ENTRY_COLUMNS, ward.entries(EXPORTED)))
        actor = organisation.coordinator
        async with database.transaction(organisation.id, actor=actor) as tx:
            operation = await service.submit_export(tx, actor, StartExport(kind="entries", format="ndjson"))

        async with lingering(cluster, database_name, "exports", "2") as victim:
            await victim.killed_in_the_middle()
        half = await present(ward, operation)
        async with lingering(cluster, database_name, "exports"):
            await eventually(lambda: _is_over(ward, operation))

        over = await present(ward, operation)
        assert 0 < half.done < over.done == EXPORTED
        async with database.transaction(organisation.id, actor=actor) as tx:
            _, file = await service.open_export(tx, actor, operation.id, begin=0)
        context = RequestContext(request_id="export")
        parts = [part async for part in service.content_of(database, actor, context, file, begin=0)]
        ids = [msgspec.json.decode(line)["client_id"] for line in b"".join(parts).splitlines()]
        assert (len(ids), len(set(ids))) == (EXPORTED, EXPORTED)


async def _is_over(ward: Ward, operation: Operation) -> bool:
    return (await present(ward, operation)).is_over
