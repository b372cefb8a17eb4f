"""`healthprotocol jobs`: background jobs that failed for good, and wait for somebody to look at them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from healthprotocol.cli.acting import assembled, run_on_database
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.terminal import JsonFlag, Terminal

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Database
    from healthprotocol.foundation.jobs.dead_letters import DeadLetter, Revival

_WHICH = "see `healthprotocol jobs dead`"
_COLUMNS = ("Id", "Kind", "Organisation", "Attempts", "Last error", "Failed")

Id = Annotated[int, typer.Argument(metavar="ID", help="Its number, as `jobs dead` shows it.", min=1)]
Kind = Annotated[str | None, typer.Option("--kind", help="Only jobs of this kind, such as maintenance.sweep.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Look at background jobs that failed for good; let them run again, or go.",
        epilog="Example: healthprotocol jobs dead",
    )
    group.callback()(_group)
    group.command(epilog="Example: healthprotocol jobs dead --kind maintenance.sweep --json")(dead)
    group.command(epilog="Example: healthprotocol jobs revive --all --kind maintenance.sweep")(revive)
    group.command(epilog="Example: healthprotocol jobs bury 4711")(bury)
    app.add_typer(group, name="jobs")


def _group() -> None:
    """Look at background jobs that failed for good; let them run again, or go."""


def dead(*, kind: Kind = None, json: JsonFlag = False) -> None:
    """List the newest 200 jobs that used up their attempts; of their last error its type alone."""
    letters = run_on_database(lambda: _listed(kind))
    terminal = Terminal(as_json=json)
    if not letters and not json:
        terminal.result(None, f"No job{_of(kind)} failed for good.")
        return
    terminal.table([_document(one) for one in letters], _COLUMNS, [_row(one) for one in letters])


def revive(
    job_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="Its number, as `jobs dead` shows it.", min=1)
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every one, the newest first.")] = False,
    kind: Kind = None,
    json: JsonFlag = False,
) -> None:
    """Let a job that failed for good run again with all its attempts, once what it failed at is mended."""
    if every == (job_id is not None):
        raise UsedWrongly(f"name one job by its number, or say --all; {_WHICH}")
    if kind is not None and not every:
        raise UsedWrongly("--kind goes with --all")
    revived, doubled = run_on_database(lambda: _revived(job_id, kind))
    if doubled and not every:
        raise CommandFailed(
            f"a job like {job_id} waits or runs already; `healthprotocol jobs bury {job_id}` lets it go"
        )
    lines = [f"{len(revived)} {'job runs' if len(revived) == 1 else 'jobs run'} again."]
    if doubled:
        numbers = ", ".join(map(str, doubled))
        lines.append(f"Left, because one like it waits or runs already: {numbers}. `jobs bury` lets it go.")
    Terminal(as_json=json).result({"revived": revived, "doubled": doubled}, *lines)


def bury(job_id: Id, *, json: JsonFlag = False) -> None:
    """Delete a job that failed for good: it never runs again."""
    run_on_database(lambda: _buried(job_id))
    Terminal(as_json=json).result({"buried": job_id}, f"Job {job_id} is gone.")


async def _listed(kind: str | None) -> "list[DeadLetter]":
    async with assembled() as parts:
        return await _dead(parts.database, kind=kind)


async def _revived(job_id: int | None, kind: str | None) -> tuple[list[int], list[int]]:
    """Return the numbers of those that run again, and of those of which another waits or runs."""
    from healthprotocol.operations.work import service

    became: dict[int, Revival] = {}
    async with assembled() as parts:
        letters = await _dead(parts.database, kind=kind) if job_id is None else [await _one(parts.database, job_id)]
        while letters:
            # A transaction each: they are of different organisations, and what is against one is not against others.
            for one in letters:
                became[one.id] = await service.revive(parts.database, one)
            letters = await _dead(parts.database, kind=kind, behind=letters[-1]) if job_id is None else []
    revived = [number for number, what in became.items() if what == "revived"]
    return revived, [number for number, what in became.items() if what == "doubled"]


async def _buried(job_id: int) -> None:
    from healthprotocol.operations.work import service

    async with assembled() as parts:
        await service.bury(parts.database, await _one(parts.database, job_id))


async def _one(database: "Database", job_id: int) -> "DeadLetter":
    from healthprotocol.foundation.jobs import dead_letters

    async with database.transaction(None) as tx:
        found = await dead_letters.list_dead(tx, job_id=job_id)
    if not found:
        raise UsedWrongly(f"no job of the number {job_id} failed for good; {_WHICH}")
    return found[0]


async def _dead(database: "Database", *, kind: str | None, behind: "DeadLetter | None" = None) -> "list[DeadLetter]":
    from healthprotocol.foundation.jobs import dead_letters

    async with database.transaction(None) as tx:
        return await dead_letters.list_dead(tx, most=dead_letters.MOST_LISTED, name=kind, behind=behind)


def _of(kind: str | None) -> str:
    return "" if kind is None else f" of the kind {kind}"


def _document(letter: "DeadLetter") -> dict[str, Any]:
    return {
        "id": letter.id,
        "kind": letter.name,
        "organisation_id": None if letter.organisation_id is None else str(letter.organisation_id),
        "attempts": letter.attempts,
        "error_type": letter.error_type,
        "failed_at": f"{letter.failed_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def _row(letter: "DeadLetter") -> tuple[str, ...]:
    return (
        str(letter.id),
        letter.name,
        "none" if letter.organisation_id is None else str(letter.organisation_id),
        str(letter.attempts),
        letter.error_type or "unknown",
        f"{letter.failed_at:%Y-%m-%d %H:%M} UTC",
    )
