"""`healthprotocol worker`: background jobs alone, as many of these as the work needs."""

from typing import Annotated

import typer

from healthprotocol.cli.installation import Installation
from healthprotocol.cli.safety import require_safe
from healthprotocol.cli.terminal import JsonFlag
from healthprotocol.foundation.processes import end_with_parent


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: HP_DATABASE_URL=postgresql://… healthprotocol worker")(worker)


def worker(
    *, with_parent: Annotated[int | None, typer.Option("--with-parent", hidden=True)] = None, json: JsonFlag = False
) -> None:
    """Run jobs until SIGTERM; a job that runs then is finished, or handed over to another worker."""
    if with_parent is not None:
        end_with_parent(with_parent)
    del json  # a worker has no result: its log lines are JSON already
    installation = Installation.load()
    with installation.database_url() as url:
        require_safe(installation, url)
        installation.hand_over(url, claims=True)
        from healthprotocol.worker import main

        main()
