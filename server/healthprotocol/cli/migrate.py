"""`healthprotocol migrate`: the schema of the database, forwards and back."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.terminal import JsonFlag, Terminal

if TYPE_CHECKING:
    from healthprotocol.foundation.db.migrate import MigrationStatus

Target = Annotated[str | None, typer.Option("--to", help="The number of the revision to stop at, such as 0004.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="See and change the schema of the database.")
    group.command(epilog="Example: healthprotocol migrate status --json")(status)
    group.command(epilog="Example: healthprotocol migrate up")(up)
    group.command(epilog="Example: healthprotocol migrate down --to 0004 --yes")(down)
    group.command(epilog="Example: healthprotocol migrate check")(check)
    app.add_typer(group, name="migrate")


def status(*, json: JsonFlag = False) -> None:
    """Say which revision the database is at, and which are to come."""
    from healthprotocol.foundation.db import migrate

    with Installation.load().database_url() as url:
        _say(Terminal(as_json=json), asyncio.run(migrate.status(url)))


def up(*, to: Target = None, json: JsonFlag = False) -> None:
    """Apply the revisions that are to come, each in a transaction of its own."""
    from healthprotocol.foundation.db import migrate

    terminal = Terminal(as_json=json)
    _require_known(to)
    installation = Installation.load()
    with installation.database_url() as url, terminal.step("Migrating the database"):
        reached = asyncio.run(migrate.up(url, app_password=installation.application_password, target=to))
    _say(terminal, reached)


def down(
    *,
    to: Annotated[str, typer.Option("--to", help="The number of the revision to go back to, or `base` for none.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: what the undone revisions added is lost.")] = False,
    json: JsonFlag = False,
) -> None:
    """Undo revisions. What they added is lost, so it asks first."""
    from healthprotocol.foundation.db import migrate

    terminal = Terminal(as_json=json)
    _require_known(None if to == "base" else to)
    if not yes:
        if json:
            raise UsedWrongly("`migrate down --json` asks no questions: add --yes when you mean it")
        typer.confirm(f"Go back to {to}, and lose what later revisions added?", abort=True, err=True)
    with Installation.load().database_url() as url, terminal.step("Undoing migrations"):
        reached = asyncio.run(migrate.down(url, target=to))
    _say(terminal, reached)


def check(*, json: JsonFlag = False) -> None:
    """Check that the files of all revisions are whole and that none is to come; exit code 1 when some are."""
    from healthprotocol.foundation.db import migrate

    files = migrate.revisions()
    with Installation.load().database_url() as url:
        found = asyncio.run(migrate.status(url))
    if found.pending:
        raise CommandFailed(f"{len(found.pending)} migrations are to come; run `healthprotocol migrate up`")
    document = {"current": found.current, "revisions": len(files)}
    Terminal(as_json=json).result(document, f"All {len(files)} revisions are applied; the newest is {found.current}.")


def _say(terminal: Terminal, found: "MigrationStatus") -> None:
    document = {"current": found.current, "head": found.head, "pending": list(found.pending)}
    to_come = ", ".join(found.pending) or "none"
    terminal.result(document, f"Revision {found.current or 'none'} of {found.head}; to come: {to_come}.")


def _require_known(number: str | None) -> None:
    from healthprotocol.foundation.db import migrate

    known = [revision.number for revision in migrate.revisions()]
    if number is not None and number not in known:
        raise UsedWrongly(f"there is no revision {number!r}; they run from {known[0]} to {known[-1]}")
