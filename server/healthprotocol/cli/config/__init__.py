"""`healthprotocol config`: the settings of a start and of a run, where they come from, and whether they can work."""

import typer

from healthprotocol.cli.config.adopt import adopt
from healthprotocol.cli.config.chosen import history, list_, rollback, set_
from healthprotocol.cli.config.started import check, diff, show


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        no_args_is_help=True, help="See, check and change the settings.", epilog="Example: healthprotocol config check"
    )
    group.command(epilog="Example: healthprotocol config show --json")(show)
    group.command("list", epilog="Example: healthprotocol config list --json")(list_)
    group.command(epilog="Example: HP_ENVIRONMENT=production healthprotocol config check")(check)
    group.command(epilog="Example: healthprotocol config diff --from staging --to production")(diff)
    group.command("set", epilog="Example: healthprotocol config set entry.late_days 3 --reason 'trial in May'")(set_)
    group.command(epilog="Example: healthprotocol config history entry.late_days")(history)
    group.command(epilog="Example: healthprotocol config rollback entry.late_days --to 2 --reason 'too strict'")(
        rollback
    )
    group.command(epilog="Example: healthprotocol config adopt --environment staging --deidentify")(adopt)
    app.add_typer(group, name="config")
