"""`healthprotocol import` and `healthprotocol export`: care protocols from files and into files."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import typer

from healthprotocol.cli import files
from healthprotocol.cli.acting import acting, run_on_database
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.terminal import JsonFlag, Terminal

if TYPE_CHECKING:
    from healthprotocol.care.protocols.service import Exported, Imported

As = Annotated[str, typer.Option("--as", help="The e-mail address of the account that this is done as.")]
ProtocolFormat = Literal["native-yaml", "native-json", "fhir", "radar"]
ExportFormat = Literal["native-yaml", "native-json", "fhir", "radar", "csv", "ndjson"]

_SUFFIXES = frozenset({".json", ".yaml", ".yml"})
_MOST_FILES = 1_000
_LARGEST_BYTES = 10 * 1024 * 1024


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "import",
        epilog="Example: healthprotocol import plans/*.json --as ada@delta.example --dry-run\n\n"
        "Example: healthprotocol import patients people.csv --as ada@delta.example --dry-run",
    )(import_)
    app.command(
        "export",
        epilog="Example: healthprotocol export 0198… --as ada@delta.example --format fhir --output plan.json\n\n"
        "Example: healthprotocol export patients --as ada@delta.example --format csv --output patients.csv",
    )(export)


def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Files, or folders of .json and .yaml files; or patients, assignments or entries, and a file of them."
        ),
    ],
    *,
    account: As,
    publish: Annotated[bool, typer.Option("--publish", help="Publish what came in (protocols).")] = False,
    update: Annotated[bool, typer.Option("--update", help="Update patients who are here already.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report only, write nothing.")] = False,
    json: JsonFlag = False,
) -> None:
    """
    Bring in care protocols (FHIR PlanDefinitions, RADAR schedules, our own files), or a file of records.

    Records are CSV or NDJSON, also gzip: `import entries FILE`. Exit code 1: no protocol came in, or a line failed.
    """
    terminal = Terminal(as_json=json)
    if str(paths[0]) in files.NOUNS:
        if publish:
            raise UsedWrongly(f"--publish is for care protocols, not for {paths[0]}")
        files.bring(str(paths[0]), paths[1:], account, dry_run=dry_run, update=update, terminal=terminal)
        return
    if update:
        raise UsedWrongly("--update is for patients; a care protocol that comes in again is a new one")
    sources = _files(paths)
    with terminal.step(f"Reading {len(sources)} files"):
        imported = run_on_database(lambda: _import(sources, account, publish=publish, dry_run=dry_run))
    import msgspec
    from rich.markup import escape

    from healthprotocol.care.protocols import schemas

    report = schemas.import_report(imported)
    if not json:
        for finding in imported.report:
            if finding.outcome in {"refused", "adjusted"}:
                terminal.note(escape(f"{finding.outcome}: {finding.file} {finding.pointer} {finding.detail}"))
    terminal.result(
        msgspec.to_builtins(report),
        *(escape(f"{one.title} (version {one.version}, {one.status}): {one.id}") for one in report.protocols),
        ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(report.counts.items())) or "nothing found",
    )
    if not report.protocols and not dry_run:
        raise CommandFailed("no file holds a care protocol that could be brought in whole; what was refused is above")


def export(
    what: Annotated[
        list[str],
        typer.Argument(help="The id of the care protocol; or patients, assignments or entries, and a filter."),
    ],
    *,
    account: As,
    to_format: Annotated[
        ExportFormat | None,
        typer.Option(
            "--format", help="By default native-yaml for a protocol; for records csv, or ndjson where --output ends so."
        ),
    ] = None,
    version: Annotated[int | None, typer.Option(help="The version; the newest without it.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    json: JsonFlag = False,
) -> None:
    """Write a version of a care protocol into a file, as an import kept it; or records as CSV or NDJSON."""
    terminal = Terminal(as_json=json)
    if what[0] in files.NOUNS:
        if to_format not in {None, "csv", "ndjson"}:
            raise UsedWrongly(f"{what[0]} are written as csv or ndjson; {to_format} is for a care protocol")
        if version is not None:
            raise UsedWrongly(f"--version is for a care protocol, not for {what[0]}")
        ending = output is not None and output.suffix.lower() in {".ndjson", ".jsonl"}
        file_format = "ndjson" if to_format == "ndjson" or (to_format is None and ending) else "csv"
        selected = " ".join(what[1:])
        files.write(what[0], account, file_format=file_format, filter_=selected, output=output, terminal=terminal)
        return
    protocol_id = _id(what)
    if to_format == "csv" or to_format == "ndjson":  # noqa: PLR1714 - so the type checker sees what is left
        raise UsedWrongly("a care protocol is written as native-yaml, native-json, fhir or radar")
    as_protocol = to_format or "native-yaml"
    exported = run_on_database(lambda: _export(protocol_id, account, version=version, to_format=as_protocol))
    if output is None:
        sys.stdout.buffer.write(exported.body)
        return
    try:
        output.write_bytes(exported.body)
    except OSError as error:
        raise CommandFailed(f"{output} cannot be written: {error.strerror}") from None
    from rich.markup import escape

    said = escape(f"{output}: {len(exported.body):,} bytes")
    terminal.result({"file": str(output), "bytes": len(exported.body)}, said)


def _id(what: Sequence[str]) -> UUID:
    """Return the id of the protocol that is to be written. Raises UsedWrongly, with what may have been meant."""
    try:
        [protocol_id] = map(UUID, what)
    except ValueError:
        near = files.meant(what[0])
        instead = f"did you mean `export {near}`?" if near else f"records go out by `export {'|'.join(files.NOUNS)}`"
        raise UsedWrongly(f"the protocol is named by its id, a UUID, not by {what[0]}; {instead}") from None
    return protocol_id


def _files(paths: Sequence[Path]) -> list[tuple[str, bytes]]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(one for one in path.rglob("*") if one.suffix.lower() in _SUFFIXES and one.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise UsedWrongly(f"{path} is not there{_meant(path)}")
    if not 1 <= len(found) <= _MOST_FILES:
        raise UsedWrongly(f"give 1 to {_MOST_FILES} files; these are {len(found)}")
    return [(path.name, _read(path)) for path in found]


def _meant(path: Path) -> str:
    """Return what may have been meant by a path that is not there and looks more like a word than like a file."""
    if path.suffix or path.name != str(path):
        return ""
    near = files.meant(path.name)
    if near:
        return f"; did you mean `import {near} FILE`?"
    return f"; a file of records is named with what it holds: `import {'|'.join(files.NOUNS)} FILE`"


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise UsedWrongly(f"{path} is larger than 10 MB")
        return path.read_bytes()
    except OSError as error:
        raise UsedWrongly(f"{path} cannot be read: {error.strerror}") from None


async def _import(files: list[tuple[str, bytes]], email: str, *, publish: bool, dry_run: bool) -> "Imported":
    from healthprotocol.care.protocols import service
    from healthprotocol.care.protocols.rules.exchange.documents import SourceFile
    from healthprotocol.trust.permissions import rules as permissions
    from healthprotocol.trust.permissions.model import Permission

    async with acting(email) as (database, actor):
        permissions.require(actor, Permission.PROTOCOL_WRITE)
        if publish:
            permissions.require(actor, Permission.PROTOCOL_PUBLISH)
        async with database.transaction(actor.organisation_id, actor=actor, statement_timeout_seconds=60) as tx:
            sources = [SourceFile(name, body) for name, body in files]
            return await service.import_files(tx, actor, sources, publish=publish, dry_run=dry_run)


async def _export(protocol_id: UUID, email: str, *, version: int | None, to_format: ProtocolFormat) -> "Exported":
    from healthprotocol.care.protocols import service
    from healthprotocol.care.protocols.model import ProtocolId
    from healthprotocol.trust.permissions import rules as permissions
    from healthprotocol.trust.permissions.model import Permission

    async with acting(email) as (database, actor):
        permissions.require(actor, Permission.PROTOCOL_READ)
        async with database.transaction(actor.organisation_id, actor=actor) as tx:
            return await service.export(tx, actor, ProtocolId(protocol_id), version=version, to_format=to_format)
