"""`healthprotocol migrate`: the schema of the database, forwards and back, in phases, while the application works."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from healthprotocol import __version__
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.terminal import JsonFlag, Terminal

if TYPE_CHECKING:
    from healthprotocol.foundation.db.migrate import MigrationStatus, Options, Phase, Planned

Target = Annotated[str | None, typer.Option("--to", help="The number of the revision to stop at, such as 0004.")]
Last = Annotated[
    Literal["expand", "migrate", "contract"],
    typer.Option("--phase", help="Stop before the first revision of a later phase: `migrate` removes nothing."),
]
Accept = Annotated[
    bool, typer.Option("--accept-loss", help="Go on where something cannot be saved first, or cannot be undone.")
]
Place = Annotated[
    Path | None, typer.Option("--backup-dir", help="Where rows are saved before they go; else in the data directory.")
]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="See and change the schema of the database.",
        epilog="Example: healthprotocol migrate plan",
    )
    group.command(epilog="Example: healthprotocol migrate status --json")(status)
    group.command(epilog="Example: healthprotocol migrate plan --phase migrate")(plan)
    group.command(epilog="Example: healthprotocol migrate up --phase migrate")(up)
    group.command(epilog="Example: healthprotocol migrate down --to 0004 --yes")(down)
    group.command(epilog="Example: healthprotocol migrate check")(check)
    group.command(epilog="Example: healthprotocol migrate repair")(repair)
    app.add_typer(group, name="migrate")


def status(*, json: JsonFlag = False) -> None:
    """Say which revision the database is at, and which are to come."""
    from healthprotocol.foundation.db import migrate

    with Installation.load().database_url() as url:
        _say(Terminal(as_json=json), asyncio.run(migrate.status(url)))


def plan(*, to: Target = None, phase: Last = "contract", json: JsonFlag = False) -> None:
    """Show what `up` (or, to an older revision, `down`) would do: phases, locks, rows, what is saved, the way back."""
    from msgspec import to_builtins

    from healthprotocol.foundation.db import migrate

    _require_known(None if to == "base" else to)
    with Installation.load().database_url() as url:
        planned = asyncio.run(migrate.plan(url, target=to, last_phase=phase))
    terminal = Terminal(as_json=json)
    if not planned and not json:
        terminal.note("Nothing is to come.")
        return
    columns = ("revision", "phase", "", "locks", "rows", "saved first", "way back")
    terminal.table(to_builtins(planned), columns, [_row(one) for one in planned])


def up(
    *,
    to: Target = None,
    phase: Last = "contract",
    accept_loss: Accept = False,
    backup_dir: Place = None,
    json: JsonFlag = False,
) -> None:
    """Apply the revisions that are to come, waiting for no lock for long; what goes is saved first."""
    from healthprotocol.foundation.db import migrate

    terminal = Terminal(as_json=json)
    _require_known(to)
    installation = Installation.load()
    with installation.database_url() as url, _options(installation, terminal, phase, backup_dir) as options:
        installation.require_environment(url)
        chosen = _with_loss(options, accept_loss=accept_loss)
        reached = asyncio.run(
            migrate.up(url, app_password=installation.application_password, target=to, options=chosen)
        )
    is_past = to is not None and to < (reached.current or "")
    back = [f"It is past {to} already: `healthprotocol migrate down --to {to}` goes back."] if is_past else []
    _say(terminal, reached, *back)


def down(
    *,
    to: Annotated[str, typer.Option("--to", help="The number of the revision to go back to, or `base` for none.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: what the undone revisions added goes away.")] = False,
    accept_loss: Accept = False,
    backup_dir: Place = None,
    json: JsonFlag = False,
) -> None:
    """Undo revisions. What they added is saved first, and comes back when they are applied again."""
    from healthprotocol.foundation.db import migrate

    terminal = Terminal(as_json=json)
    _require_known(None if to == "base" else to)
    if not yes:
        if json:
            raise UsedWrongly("`migrate down --json` asks no questions: add --yes when you mean it")
        typer.confirm(f"Go back to {to}, without what later revisions added?", abort=True, err=True)
    installation = Installation.load()
    with installation.database_url() as url, _options(installation, terminal, "contract", backup_dir) as options:
        installation.require_environment(url)
        chosen = _with_loss(options, accept_loss=accept_loss)
        reached = asyncio.run(migrate.down(url, target=to, options=chosen))
    _say(terminal, reached)


def check(*, json: JsonFlag = False) -> None:
    """Hold the files to the rules, and the database to the files; exit code 1 when one does not fit."""
    from msgspec import to_builtins
    from rich.markup import escape

    from healthprotocol.foundation.db import migrate
    from healthprotocol.foundation.db.migrate.check import check_files

    files = migrate.revisions()
    found = check_files(files)
    terminal = Terminal(as_json=json)
    if found.findings:
        terminal.result({"findings": to_builtins(found.findings)}, *(escape(str(one)) for one in found.findings))
        raise CommandFailed(f"{len(found.findings)} findings in the files of {found.revisions} revisions")
    with Installation.load().database_url() as url:
        reached = asyncio.run(migrate.status(url))
        broken = asyncio.run(migrate.damage(url))
    if broken.changed or broken.invalid:
        things = [f"revision {number} was changed after it was applied" for number in broken.changed]
        things += [f"index {name} is invalid" for name in broken.invalid]
        raise CommandFailed(f"{'; '.join(things)}; see `healthprotocol migrate repair --help`")
    if reached.pending:
        raise CommandFailed(f"{len(reached.pending)} migrations are to come; run `healthprotocol migrate up`")
    document = {"current": reached.current, "revisions": len(files), "rules": found.rules, "squawk": found.has_squawk}
    linted = "" if found.has_squawk else " squawk is not installed, so only our own rules were asked."
    terminal.result(document, f"All {len(files)} revisions are applied; the newest is {reached.current}.{linted}")


def repair(
    *,
    accept_checksum: Annotated[
        bool, typer.Option("--accept-checksum", help="Take changed files for what was applied: they mean the same.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Rebuild indexes that a cut-off build left behind; say which files were changed after they were applied."""
    from msgspec import to_builtins

    from healthprotocol.foundation.db import migrate

    terminal = Terminal(as_json=json)
    installation = Installation.load()
    with installation.database_url() as url, _options(installation, terminal, "contract", None) as options:
        installation.require_environment(url)
        done = asyncio.run(migrate.repair(url, accept_checksum=accept_checksum, options=options))
    if done.refused:
        raise CommandFailed(
            f"the files of {', '.join(done.refused)} are not what was applied: put them back, or, when they mean the "
            "same, add --accept-checksum"
        )
    words = [f"Rebuilt {name}." for name in done.rebuilt] + [f"Accepted {number}." for number in done.accepted]
    terminal.result(to_builtins(done), *(words or ["Nothing is to be repaired."]))


@contextmanager
def _options(
    installation: Installation, terminal: Terminal, phase: "Phase", backup_dir: Path | None
) -> "Iterator[Options]":
    from healthprotocol.foundation.db import migrate

    folder = (backup_dir or installation.data_dir / "backups" / "schema").expanduser().resolve()
    key = installation.root_key.derive("backup", "schema")
    with terminal.progress("Migrating the database") as advance:

        def tell(doing: str, done: int, total: int | None) -> None:
            advance(done, total, doing)

        yield migrate.Options(
            release=__version__, last_phase=phase, backups=migrate.Backups(folder, key), progress=tell
        )


def _with_loss(options: "Options", *, accept_loss: bool) -> "Options":
    from msgspec.structs import replace

    return replace(options, accept_loss=accept_loss)


def _row(one: "Planned") -> tuple[str, ...]:
    locks = "; ".join(f"{lock.table}: {lock.mode} ({lock.waits} waits)" for lock in one.locks)
    how = "in one transaction" if one.in_transaction else "step by step"
    return (
        f"{one.number}_{one.name}",
        one.phase,
        f"{one.direction}, {how}{', begun' if one.is_begun else ''}",
        locks or "-",
        f"{one.rows:,}" if one.rows else "-",
        ", ".join(one.saves) or "-",
        one.way_back,
    )


def _say(terminal: Terminal, found: "MigrationStatus", *more: str) -> None:
    document = {
        "current": found.current,
        "head": found.head,
        "pending": list(found.pending),
        "changed": list(found.changed),
        "half_done": found.half_done,
    }
    to_come = ", ".join(found.pending) or "none"
    lines = [f"Revision {found.current or 'none'} of {found.head}; to come: {to_come}."]
    if found.half_done:
        lines.append(f"Revision {found.half_done} was begun and not finished: run `healthprotocol migrate up` again.")
    if found.changed:
        lines.append(f"Changed after they were applied: {', '.join(found.changed)}.")
    terminal.result(document, *lines, *more)


def _require_known(number: str | None) -> None:
    from healthprotocol.foundation.db import migrate

    known = [revision.number for revision in migrate.revisions()]
    if number is not None and number not in known:
        raise UsedWrongly(f"there is no revision {number!r}; they run from {known[0]} to {known[-1]}")
