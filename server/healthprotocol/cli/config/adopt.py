"""Have a database belong to another environment: stricter as it is, laxer only once it is harmless."""

import asyncio
from typing import Annotated, Literal

import typer

from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.installation import Installation, describe, require_reachable
from healthprotocol.cli.terminal import JsonFlag, Terminal

# What stays of a copy, and which of its words are the code's own. Everything else goes, or is replaced.
_KEPT: dict[str, frozenset[str]] = {
    "organisation": frozenset(),
    "patient": frozenset({"status", "time_zone"}),
    "protocol": frozenset({"status"}),
    "protocol_version": frozenset({"status"}),
    "assignment": frozenset({"status", "time_zone"}),
    "entry": frozenset({"outcome"}),
    "entry_of_protocol": frozenset(),
    "alert": frozenset({"rule", "severity", "status"}),
}
_STRICT = ("staging", "production")


def adopt(
    *,
    environment: Annotated[
        Literal["development", "test", "staging", "production"],
        typer.Option(help="What the database in HP_DATABASE_URL is for from now on."),
    ],
    deidentify: Annotated[
        bool, typer.Option("--deidentify", help="First destroy keys, accounts and links, and replace what can be read.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: what is destroyed cannot be had back.")] = False,
    json: JsonFlag = False,
) -> None:
    """
    Have the database belong to another environment.

    A copy of staging or production must be made harmless first: what is left has the size and shape of the original,
    and nobody in it. Run it on a copy, never on the original.
    """
    terminal = Terminal(as_json=json)
    installation = Installation.load()
    with installation.database_url() as url:
        require_reachable(url)
        before = asyncio.run(_present(url))
        if before in _STRICT and environment != before and not deidentify:
            raise UsedWrongly(
                f"this database is the {before} one: add --deidentify, which makes a copy of it harmless; "
                "nothing else opens it elsewhere"
            )
        if not yes:
            if json:
                raise UsedWrongly("`config adopt --json` asks no questions: add --yes when you mean it")
            what = "Destroy all keys, accounts and links, and replace the rest, in" if deidentify else "Rename"
            typer.confirm(f"{what} {describe(url)}, now {before or 'of no environment'}?", abort=True, err=True)
        if not deidentify:
            _rebind(url, environment)
            terminal.result({"environment": environment}, f"The database is the {environment} one from now on.")
            return
        with terminal.step("Making the copy harmless"):
            done = _deidentify(url, environment)
    terminal.result(
        {"environment": environment, "emptied_tables": done[0], "replaced_rows": done[1]},
        f"The database is a {environment} one now: {done[0]} tables are empty, {done[1]} rows were replaced.",
        "Nobody can sign in to it; make an organisation with `healthprotocol admin create`.",
    )


async def _present(url: str) -> str | None:
    import asyncpg

    from healthprotocol.foundation.config.isolation import environment_of

    connection = await asyncpg.connect(url, timeout=5)
    try:
        return await environment_of(connection)
    finally:
        await connection.close()


def _rebind(url: str, environment: str) -> None:
    from healthprotocol.foundation.config.deidentify import rebind

    asyncio.run(rebind(url, environment))


def _deidentify(url: str, environment: str) -> tuple[int, int]:
    from healthprotocol.foundation.config.deidentify import DeidentificationRefused, Plan, deidentify

    try:
        done = asyncio.run(deidentify(url, environment, Plan(kept=_KEPT)))
    except DeidentificationRefused as error:
        raise CommandFailed(str(error)) from None
    return done.emptied, done.replaced
