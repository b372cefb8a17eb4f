"""`healthprotocol flags`: decide about feature flags, for all organisations or for one; roll them out, and back."""

import typer

from healthprotocol.cli.flags.deciding import (
    history,
    kill,
    list_flags,
    require,
    revive,
    set_default,
    show,
    stale,
    target,
)
from healthprotocol.cli.flags.rollouts import back, pause, resume, start, status, stop


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Look at feature flags, decide about them, roll them out.",
        epilog="Example: healthprotocol flags list",
    )
    group.command("list", epilog="Example: healthprotocol flags list --json")(list_flags)
    group.command(epilog="Example: healthprotocol flags show lists.cost-guard")(show)
    group.command("set", epilog="Example: healthprotocol flags set lists.cost-guard off --reason 'Refuses too much.'")(
        set_default
    )
    group.command(
        epilog="Example: healthprotocol flags target lists.cost-guard off --to role=admin --to percentage=9 --reason A"
    )(target)
    group.command(
        # What it needs would be named behind it; naming none takes all away.
        epilog="Example: healthprotocol flags require lists.cost-guard --reason 'Needs no other.'"
    )(require)
    group.command(epilog="Example: healthprotocol flags kill lists.cost-guard --reason 'Lists fail.'")(kill)
    group.command(epilog="Example: healthprotocol flags revive lists.cost-guard --reason 'Mended in 1.4.'")(revive)
    group.command(epilog="Example: healthprotocol flags stale --days 60 --check")(stale)
    group.command(epilog="Example: healthprotocol flags history lists.cost-guard --json")(history)
    rollout = typer.Typer(
        no_args_is_help=True,
        help="Give a variant to more and more accounts, watched by a guard.",
        epilog="Example: healthprotocol flags rollout status lists.cost-guard",
    )
    rollout.command(
        epilog="Example: healthprotocol flags rollout start lists.cost-guard --variant off --stage 1:1800 "
        "--stage 10:3600 --stage 100:3600 --reason 'Release 1.4.'"
    )(start)
    rollout.command(epilog="Example: healthprotocol flags rollout status lists.cost-guard --json")(status)
    rollout.command(epilog="Example: healthprotocol flags rollout pause lists.cost-guard --reason 'Over the weekend.'")(
        pause
    )
    rollout.command(epilog="Example: healthprotocol flags rollout resume lists.cost-guard --reason 'It is Monday.'")(
        resume
    )
    rollout.command(epilog="Example: healthprotocol flags rollout stop lists.cost-guard --reason 'Not now.'")(stop)
    rollout.command(epilog="Example: healthprotocol flags rollout back lists.cost-guard --reason 'People complain.'")(
        back
    )
    group.add_typer(rollout, name="rollout")
    app.add_typer(group, name="flags")
