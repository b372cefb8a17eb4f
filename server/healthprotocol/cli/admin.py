"""`healthprotocol admin`: the first account of an organisation, which nobody could make from inside."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.terminal import JsonFlag, Terminal

if TYPE_CHECKING:
    from healthprotocol.trust.accounts.model import Account, NewAccount, Organisation

_LONGEST_NAME = 200


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Make an organisation and its first admin.",
        epilog="Example: healthprotocol admin create --help",
    )
    # A group with one command would otherwise become that command.
    group.callback()(_group)
    group.command(
        "create",
        epilog="Example: healthprotocol admin create --organisation 'Delta Clinic' --email ada@delta.example",
    )(create)
    app.add_typer(group, name="admin")


def create(
    *,
    organisation: Annotated[str, typer.Option("--organisation", help="The name of the new organisation.")],
    email: Annotated[str, typer.Option("--email", help="The e-mail address that the admin signs in with.")],
    name: Annotated[str | None, typer.Option("--name", help="The name of the admin, as others see it.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Make an organisation with its keys, and an admin who can sign in and make all other accounts."""
    from healthprotocol.foundation.db import migrate
    from healthprotocol.trust.accounts.model import NewAccount

    terminal = Terminal(as_json=json)
    if not 1 <= len(organisation.strip()) <= _LONGEST_NAME:
        raise UsedWrongly(f"--organisation takes 1 to {_LONGEST_NAME} characters")
    installation = Installation.load()
    admin = NewAccount(role="admin", email=email, name=name, password=_password(from_stdin=password_stdin))
    with installation.database_url() as url:
        if asyncio.run(migrate.status(url)).pending:
            raise CommandFailed("the database lacks migrations; run `healthprotocol migrate up` first")
        installation.hand_over(url)
        made, account = asyncio.run(_create(organisation.strip(), admin))
    terminal.result(
        {"organisation_id": str(made.id), "account_id": str(account.id), "email": account.email},
        f"{made.name} is there. {account.email} can sign in as its admin.",
    )


def _group() -> None:
    """Make an organisation and its first admin."""


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsedWrongly("no terminal to ask for the password at: use --password-stdin")
    return typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)


async def _create(name: str, admin: "NewAccount") -> tuple["Organisation", "Account"]:
    from healthprotocol.assembly import assemble
    from healthprotocol.foundation.config.settings import Settings
    from healthprotocol.foundation.ids import OrganisationId, new_id
    from healthprotocol.trust.accounts import service

    assert admin.password is not None
    service.require_good_password(admin.password, context=[name, admin.email, admin.name or ""])
    parts = await assemble(Settings())
    try:
        password_hash = await parts.doorkeeper.hasher.hash(admin.password)
        async with parts.database.transaction(OrganisationId(new_id(parts.database.clock()))) as tx:
            return await service.create_organisation(tx, name=name, admin=admin, password_hash=password_hash)
    finally:
        parts.doorkeeper.close()
        await parts.close()
