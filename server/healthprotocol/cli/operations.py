"""`healthprotocol operations`: the operators' door, a process beside the server that answers while that one is busy."""

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.terminal import JsonFlag
from healthprotocol.foundation.processes import end_with_parent

if TYPE_CHECKING:
    from healthprotocol.foundation.config.settings import Settings

# It asks the database a question a minute, never more than a few at once, and holds one to listen on.
_CONNECTIONS = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: HP_OPERATIONS_PORT=9100 healthprotocol operations")(operations)


def operations(
    *, with_parent: Annotated[int | None, typer.Option("--with-parent", hidden=True)] = None, json: JsonFlag = False
) -> None:
    """Show /metrics and /healthz on HP_OPERATIONS_PORT until SIGTERM; `serve` and `up` start it themselves."""
    if with_parent is not None:
        end_with_parent(with_parent)
    del json  # it has no result: its log lines are JSON already
    installation = Installation.load()
    with installation.database_url() as url:
        installation.hand_over(url)
        settings = Installation.load().settings
        try:
            asyncio.run(_show(settings.model_copy(update={"pool_size": _CONNECTIONS})))
        except OSError as error:
            where = f"{settings.host}:{settings.operations_port}"
            raise CommandFailed(
                f"cannot listen on {where} ({error.strerror}); choose another HP_OPERATIONS_PORT"
            ) from None


async def _show(settings: "Settings") -> None:
    from healthprotocol.assembly import assemble
    from healthprotocol.foundation.crypto.root import RootKey
    from healthprotocol.foundation.telemetry.door import serve_door
    from healthprotocol.foundation.telemetry.logs import configure_logging
    from healthprotocol.operations.health.routes.operators import pages
    from healthprotocol.operations.health.service import readiness

    configure_logging(settings.environment, level=settings.log_level)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    assembly = await assemble(settings)
    try:
        look = readiness(assembly.database, await assembly.container.get(RootKey))
        await serve_door(settings.host, settings.operations_port, pages(assembly.database, look), stop)
    finally:
        await assembly.close()
