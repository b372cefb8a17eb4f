"""How commands speak: results on stdout (text or JSON), progress and notes on stderr, colour only at a terminal."""

import json as json_module
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]

_WIDTH_OF_A_FILE = 240
# Cells that speak by their colour as well.
_MARKS = {"✓": "green", "✗": "red"}


class Advance(Protocol):
    """What long work calls: how far it is, of how much (None when unknown), and what it is at now when that changed."""

    def __call__(self, done: int, total: int | None = None, doing: str | None = None, /) -> None: ...


class Terminal:
    """One command's voice. With `as_json`, stdout gets one JSON document and nothing else."""

    def __init__(self, *, as_json: bool = False) -> None:
        from rich.console import Console

        self.as_json = as_json
        # What goes to a file or a program is not folded to the width of a screen that is not there.
        width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
        self.out = Console(highlight=False, soft_wrap=True, width=width)
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)

    def result(self, document: object, *lines: str) -> None:
        """Print the result: `document` for programs, `lines` (rich markup) for people."""
        if self.as_json:
            sys.stdout.write(json_module.dumps(document, default=str) + "\n")
            sys.stdout.flush()
            return
        for line in lines:
            self.out.print(line)

    def table(self, document: object, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print `document` for programs, or a table of `rows` for people: their text as it is, in [brackets] too."""
        if self.as_json:
            self.result(document)
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(*columns, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(Text(cell, _MARKS.get(cell, "")) for cell in row))
        self.out.print(table)

    def note(self, text: str) -> None:
        """Say what is going on, on stderr; programs that asked for JSON are not disturbed."""
        if not self.as_json:
            self.err.print(text)

    @contextmanager
    def step(self, doing: str) -> Iterator[None]:
        """Show that something is being done: a spinner at a terminal, else a line when it is done."""
        if self.err.is_terminal and not self.as_json:
            with self.err.status(doing):
                yield
            return
        yield
        self.note(f"{doing}: done")

    @contextmanager
    def progress(self, doing: str, *, total: int | None = None) -> Iterator[Advance]:
        """
        Show a bar at a terminal while long work goes on.

        The work calls what this gives with (done so far, total or None when unknown).
        """
        if self.as_json or not self.err.is_terminal:
            yield _advance_nothing
            self.note(f"{doing}: done")
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.err) as bar:
            task = bar.add_task(doing, total=total)

            def advance(done: int, total: int | None = None, doing: str | None = None, /) -> None:
                changes: Mapping[str, Any] = {"total": total, "description": doing}
                bar.update(
                    task, completed=done, **{name: value for name, value in changes.items() if value is not None}
                )

            yield advance


def _advance_nothing(_done: int, _total: int | None = None, _doing: str | None = None, /) -> None:
    """Without a terminal nothing moves; the line at the end says that it is done."""
