"""
The command line. Each command is a module of this package with a function `register(app)`; add it to `_COMMANDS`.

A command loads what it needs inside its function, so that `--help` answers at once. It raises what went wrong; `main`
says it in one line. Exit codes: 0 done, 1 failed, 2 used wrongly.
"""

import sys

import typer

from healthprotocol import __version__
from healthprotocol.cli import (
    admin,
    config,
    demo,
    doctor,
    flags,
    jobs,
    keys,
    migrate,
    openapi,
    operations,
    protocols,
    serve,
    up,
    worker,
)
from healthprotocol.cli.failures import say_failure

_COMMANDS = (up, serve, worker, operations, migrate, jobs, keys, admin, protocols, config, flags, demo, doctor, openapi)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def build() -> typer.Typer:
    """Return the whole command, for `main` and for tests."""
    app = typer.Typer(
        name="healthprotocol",
        help="Care protocols: run the platform, and look after it.",
        epilog="Example: healthprotocol up",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def options(
        *,
        version: bool = typer.Option(
            False, "--version", callback=_print_version, is_eager=True, help="Print the version and leave."
        ),
    ) -> None:
        """Care protocols: run the platform, and look after it."""

    for module in _COMMANDS:
        module.register(app)
    return app


def main() -> None:
    """Run the command that the arguments name, and end the process with its exit code."""
    try:
        build()()
    except Exception as error:  # noqa: BLE001 - the outermost edge: whatever it is becomes one line and an exit code
        sys.exit(say_failure(error, as_json="--json" in sys.argv))
