"""`healthprotocol demo`: two clinics, made through the services like any other, and organisations of real files."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
import typer

from healthprotocol.cli.acting import assembled
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.terminal import JsonFlag, Terminal

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Database

T = TypeVar("T")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        name="demo",
        help="Demo data, for trying things out. Refused in production.",
        no_args_is_help=True,
        epilog="Example: healthprotocol demo load",
    )
    group.command("load", epilog="Example: healthprotocol demo load")(load_demo)
    group.command("real", epilog="Example: healthprotocol demo real ~/fhir-files")(load_real)
    app.add_typer(group)


def load_demo(*, json: JsonFlag = False) -> None:
    """Load two clinics with protocols, patients and two months of their days into an empty database."""
    terminal = Terminal(as_json=json)
    loaded = _with_database(lambda database: _load(database, terminal))
    lines = [
        f"{clinic.organisation}: {clinic.protocols} protocols, {clinic.patients} patients, "
        f"{clinic.assignments} assignments, {clinic.entries:,} entries"
        for clinic in loaded
    ]
    terminal.result({"organisations": [msgspec.to_builtins(clinic) for clinic in loaded]}, *lines)


def load_real(
    path: Annotated[Path, typer.Argument(help="A folder of RADAR schedules, PlanDefinitions, Synthea bundles.")],
    *,
    json: JsonFlag = False,
) -> None:
    """Load a folder of real files as an organisation of its own, and tell what became of each."""
    if not path.is_dir():
        raise UsedWrongly(f"{path} is not a folder")
    terminal = Terminal(as_json=json)
    report = _with_database(lambda database: _real(database, terminal, path.resolve()))
    terminal.table(
        msgspec.to_builtins(report),
        ("File", "", "Became", "Remarks"),
        [(line.file, line.outcome, line.became, line.why) for line in report.lines if line.outcome != "not for us"],
    )
    reasons = Counter(line.why for line in report.lines if line.outcome == "not for us")
    for reason, count in reasons.most_common(8):
        terminal.note(f"{count:,} files not for us: {reason}")
    summary = ", ".join(f"{count:,} {what}" for what, count in report.counts.items())
    terminal.note(f"{report.organisation}: {summary}. Sign in as {report.account}, password {report.password}")


async def _load(database: "Database", terminal: Terminal) -> list[Any]:
    from healthprotocol.cli.demo.load import load as load_into

    async with database.transaction(None) as tx:
        if await tx.fetchval("select exists (select from hp_organisations())"):
            raise CommandFailed("the database holds organisations already; the demo goes into an empty one")
    with terminal.progress("Writing down two months of a clinic") as advance:
        return await load_into(database, now=database.clock(), advance=advance)


async def _real(database: "Database", terminal: Terminal, path: Path) -> Any:
    from healthprotocol.cli.demo.real import load_folder

    with terminal.progress(f"Reading {path}") as advance:
        return await load_folder(database, path, now=database.clock(), advance=advance)


def _with_database(act: "Callable[[Database], Awaitable[T]]") -> T:
    """Run `act` on the database as the application sees it, wired as the server is; started when no server runs."""
    installation = Installation.load()
    if installation.settings.is_production:
        raise CommandFailed(f"demo data is refused with HP_ENVIRONMENT={installation.settings.environment}")
    with installation.database_url() as url:
        installation.hand_over(url)
        return asyncio.run(_wired(act))


async def _wired(act: "Callable[[Database], Awaitable[T]]") -> T:
    async with assembled() as parts:
        return await act(parts.database)
