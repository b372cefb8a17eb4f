"""`healthprotocol openapi`: the contract of the HTTP interface, as the code has it."""

import json as json_module
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.terminal import JsonFlag, Terminal


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: healthprotocol openapi --output openapi.json")(openapi)


def openapi(
    *,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    check: Annotated[Path | None, typer.Option(help="Fail when this file is not what the code says.")] = None,
    json: JsonFlag = False,
) -> None:
    """Print the OpenAPI 3.1 document; it is JSON with or without --json."""
    text = json_module.dumps(_document(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    terminal = Terminal(as_json=json)
    if check is not None:
        if not check.is_file() or check.read_text("utf-8") != text:
            raise CommandFailed(f"{check} is not what the code says; run `make openapi` and commit what changed")
        terminal.result({"same": True}, f"{check} is what the code says.")
    if output is not None:
        output.write_text(text, "utf-8")
        terminal.note(f"Written to {output}.")
    if check is None and output is None:
        sys.stdout.write(text)


def _document() -> dict[str, Any]:
    from healthprotocol import __version__
    from healthprotocol.api.openapi import openapi_document
    from healthprotocol.app import endpoints

    return openapi_document(endpoints(), version=__version__)
