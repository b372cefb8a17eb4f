"""The worker door: runs jobs and schedules until it is told to stop."""

import asyncio
import gc
import signal

import uvloop

from healthprotocol.assembly import assemble, jobs
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.jobs.worker import run_worker
from healthprotocol.foundation.telemetry import metrics
from healthprotocol.foundation.telemetry.logs import configure_logging

# Values made and not freed before the youngest are looked at; Python's own figure is 700.
_YOUNG = 50_000


def main() -> None:
    """Run until SIGTERM or SIGINT; what runs then is finished, or handed over to another worker."""
    uvloop.run(run(Settings()))


async def run(settings: Settings) -> None:
    """Work with the given settings, whose `database_url` is the application's own."""
    configure_logging(settings.environment, level=settings.log_level)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    assembly = await assemble(settings)
    try:
        await assembly.start()
        _collect_rarely()
        await run_worker(settings.listening_url or "", assembly.database, jobs(), stop, observe=metrics.job_ended)
    finally:
        await assembly.close()


def _collect_rarely() -> None:
    """
    Look for cycles seldom: jobs make millions of short-lived values without any, and each look walks all that live.

    It is a third of the processor time of an import. What does lie in cycles waits for tens of megabytes at most.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 10)
