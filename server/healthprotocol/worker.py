"""The worker door: runs jobs and schedules until it is told to stop."""

import asyncio
import gc
import signal

import uvloop

from healthprotocol.assembly import assemble, jobs
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.jobs.worker import run_worker
from healthprotocol.foundation.memory import collect_rarely
from healthprotocol.foundation.telemetry import metrics
from healthprotocol.foundation.telemetry.logs import configure_logging

# Jobs make millions of short-lived values without any cycles: looking for some was a third of an import's time.
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
        gc.collect()
        collect_rarely(young=_YOUNG)
        await run_worker(settings.listening_url or "", assembly.database, jobs(), stop, observe=metrics.job_ended)
    finally:
        await assembly.close()
