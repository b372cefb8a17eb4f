"""The jobs behind imports, and the sweep of files that have had their time."""

from healthprotocol.care.transfers import service
from healthprotocol.care.transfers.model import NOUNS
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.files import sealed
from healthprotocol.foundation.jobs.batches import run_in_batches
from healthprotocol.foundation.jobs.organisations import organisations
from healthprotocol.foundation.jobs.registry import HandedOver, Job, JobRegistry

SWEEP = "transfers.sweep"
AT_ONCE = 2


def register(registry: JobRegistry) -> None:
    """Add the jobs."""
    for noun in NOUNS:
        # Each batch has its own limit of time; how many there are is the file's affair.
        registry.add(service.kind_of(noun), import_file, timeout=None, at_once=AT_ONCE)
        registry.add(service.export_kind_of(noun), export_file, timeout=None, at_once=AT_ONCE)
    registry.add(SWEEP, sweep)
    registry.every("23 * * * *", SWEEP)


async def import_file(database: Database, job: Job) -> None:
    """Bring a file in to its end, from wherever it is."""
    await run_in_batches(database, job, service.import_batch)


async def export_file(database: Database, job: Job) -> None:
    """Write a file to its end, from wherever it is."""
    await run_in_batches(database, job, service.export_batch)


async def sweep(database: Database, job: Job) -> None:
    """Delete the files whose time is over, tenant by tenant, bounded, and count the others; and old claims."""
    async for organisation_id in organisations(database):
        swept = sealed.SWEPT_AT_ONCE
        while swept == sealed.SWEPT_AT_ONCE:
            if job.stopping.is_set():
                raise HandedOver
            async with database.transaction(organisation_id, context=job.context) as tx:
                swept = await sealed.sweep(tx)
                if swept < sealed.SWEPT_AT_ONCE:
                    await sealed.count_anew(tx)
        is_more = True
        while is_more:
            if job.stopping.is_set():
                raise HandedOver
            async with database.transaction(organisation_id, context=job.context) as tx:
                is_more = await service.sweep_claims(tx)
