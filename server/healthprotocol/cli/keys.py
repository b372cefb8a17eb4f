"""`healthprotocol keys`: the root key, under which every other key lies, and what lies under it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from healthprotocol.cli.acting import assembled
from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.terminal import JsonFlag, Terminal

if TYPE_CHECKING:
    from healthprotocol.foundation.crypto.inventory import KeyCount
    from healthprotocol.foundation.crypto.root import RootState


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Look after the root key, and see what lies under it.",
        epilog="Example: healthprotocol keys status",
    )
    group.callback()(_group)
    group.command(epilog="Example: HP_ROOT_KEY_FILE=/etc/healthprotocol/root.key healthprotocol keys create")(create)
    group.command(epilog="Example: healthprotocol keys status --json")(status)
    app.add_typer(group, name="keys")


def _group() -> None:
    """Look after the root key, and see what lies under it."""


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


def status(*, json: JsonFlag = False) -> None:
    """Show which keys there are: kind, version, state, age, and how many lie under an older key. Never a key."""
    import msgspec

    installation = Installation.load()
    with installation.database_url() as url:
        installation.hand_over(url)
        root, counts = asyncio.run(_looked_up())
    terminal = Terminal(as_json=json)
    if json:
        terminal.result({"root": msgspec.to_builtins(root), "keys": msgspec.to_builtins(counts)})
        return
    made_for = "any environment" if root.environment is None else root.environment
    terminal.result(
        None, f"root key {root.root_id}, in a {root.provider}, for {made_for}: version {root.current} wraps"
    )
    rows = [
        (
            one.kind,
            str(one.version),
            one.state.replace("_", " "),
            f"{one.keys:,}",
            f"{one.oldest_at:%Y-%m-%d}",
            f"{one.newest_at:%Y-%m-%d}",
            f"{one.under_old:,}",
        )
        for one in counts
    ]
    terminal.table(None, ("Kind", "Version", "State", "Keys", "Oldest", "Newest", "Under an older key"), rows)


async def _looked_up() -> "tuple[RootState, list[KeyCount]]":
    from healthprotocol.foundation.crypto.inventory import add_up, count_keys
    from healthprotocol.foundation.crypto.root import RootKey
    from healthprotocol.foundation.jobs.organisations import organisations

    async with assembled() as parts:
        root_key = await parts.container.get(RootKey)
        await root_key.health()
        root = root_key.state()
        database = parts.database.in_background()
        counts: list[KeyCount] = []
        async for organisation_id in organisations(database):
            async with database.transaction(organisation_id) as tx:
                # Added up as it goes: there may be many organisations, but few kinds and versions.
                counts = add_up([*counts, *await count_keys(tx, root)])
        return root, counts
