"""`healthprotocol keys`: the root key, under which every other key lies."""

from pathlib import Path
from typing import Annotated

import typer

from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.terminal import JsonFlag, Terminal


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="Look after the root key.")
    group.callback()(_group)
    group.command(epilog="Example: HP_ROOT_KEY_FILE=/etc/healthprotocol/root.key healthprotocol keys create")(create)
    app.add_typer(group, name="keys")


def _group() -> None:
    """Look after the root key."""


def create(
    *,
    path: Annotated[Path | None, typer.Option(help="Where to, in place of HP_ROOT_KEY_FILE.")] = None,
    json: JsonFlag = False,
) -> None:
    """Make the root key of a new system, in a file that only its owner can read; never replaces one."""
    from healthprotocol.foundation.crypto.root import LocalRootKey

    settings = Installation.load().settings
    target = (path or settings.root_key_path).expanduser().resolve()
    try:
        LocalRootKey.create(target, environment=settings.environment)
    except OSError as error:
        if target.exists():
            raise CommandFailed(f"{target} is there already; replacing it would lose everything under it") from None
        raise CommandFailed(f"{target} cannot be written ({error.strerror})") from None
    lines = (
        f"The root key for {settings.environment} is in {target}.",
        "Back it up now, apart from the database: without it nothing there can be read.",
    )
    Terminal(as_json=json).result({"path": str(target)}, *lines)
