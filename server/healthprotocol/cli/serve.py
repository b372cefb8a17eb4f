"""`healthprotocol serve`: the web door alone, for machines where something else runs the database."""

import os
from typing import Annotated, Any

import typer

from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.terminal import JsonFlag
from healthprotocol.foundation.processes import end_with_parent

_TARGET = "healthprotocol.app:create_app"

# What runs may finish; after that a worker that does not leave is killed. Less than the supervisor's patience.
_DRAIN_SECONDS = 15


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: HP_DATABASE_URL=postgresql://… HP_WORKERS=4 healthprotocol serve")(serve)


def serve(
    *, with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False, json: JsonFlag = False
) -> None:
    """Serve HTTP with HP_WORKERS processes until SIGTERM; what runs then is finished first."""
    if with_parent:
        end_with_parent()
    installation = Installation.load()
    with installation.database_url() as url:
        # The settings are read again in each worker, from here.
        os.environ.update(installation.child_environment(HP_DATABASE_URL=installation.application_url(url)))
        _serve(installation, quiet=json)


def _serve(installation: Installation, *, quiet: bool) -> None:
    from granian.constants import Interfaces, Loops
    from granian.server import Server

    settings = installation.settings
    server = Server(
        _TARGET,
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        # By name: granian picks any faster loop that is installed, and the driver works with this one.
        loop=Loops.uvloop,
        respawn_failed_workers=settings.workers > 1,
        workers_kill_timeout=_DRAIN_SECONDS,
        log_enabled=not quiet,
        websockets=False,
    )
    try:
        server.serve(target_loader=_load, wrap_loader=False)
    except SystemExit as ended:
        if ended.code:
            raise CommandFailed("a server worker failed; what it said is above") from None
    except RuntimeError as error:
        raise CommandFailed(f"cannot listen on {settings.host}:{settings.port} ({error})") from None


def _load() -> Any:
    """Return the application, in a worker: it must not outlive the process that started it, even by kill -9."""
    end_with_parent()
    from healthprotocol.app import create_app

    return create_app()
