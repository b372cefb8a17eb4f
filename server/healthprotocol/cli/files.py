"""`healthprotocol import` and `export` of patients, assignments and entries: the same acts as over the API."""

import asyncio
import contextlib
import difflib
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from healthprotocol.cli.acting import acting, run_on_database
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.terminal import Advance, Terminal

if TYPE_CHECKING:
    from healthprotocol.care.transfers.model import FileFormat, Noun
    from healthprotocol.care.transfers.schemas import Received
    from healthprotocol.care.transfers.service import Limits
    from healthprotocol.foundation.context import Actor
    from healthprotocol.foundation.db.transaction import Database
    from healthprotocol.foundation.jobs.operations import Operation

NOUNS = ("patients", "assignments", "entries")
_READ_BYTES = 1024 * 1024
_LOOK_SECONDS = 0.5
_GZIP = b"\x1f\x8b"


def bring(noun: str, paths: list[Path], account: str, *, dry_run: bool, update: bool, terminal: Terminal) -> None:
    """Bring one file in, and write what was wrong with it beside it. Exit code 1: some lines failed."""
    if not paths:
        raise UsedWrongly(f"name the file that holds the {noun}: `import {noun} FILE`")
    if len(paths) > 1:
        raise UsedWrongly(f"give one file of {noun} at a time; {len(paths)} are named")
    if update and noun != "patients":
        raise UsedWrongly(f"--update is for patients; {noun} that are here already stay as they are")
    if not paths[0].is_file():
        raise UsedWrongly(f"there is no file {paths[0]}")
    path, faults = paths[0], paths[0].with_name(f"{paths[0].stem}.faults.csv")
    wanted = _Wanted(_noun(noun), path.stat().st_size, dry_run=dry_run, update=update)
    with path.open("rb") as file:
        result, report = run_on_database(lambda: _bring(wanted, file, account, terminal))
    if report:
        # Others on this machine must not read it: it names people.
        faults.touch(mode=0o600)
        faults.write_bytes(report)
    counts = ", ".join(f"{result[name]:,} {name}" for name in ("created", "updated", "skipped", "failed"))
    shown = [
        f"{' '.join(['line', str(one['line']), one['field']]).rstrip()}: {one['error']}" for one in result["faults"]
    ]
    from rich.markup import escape

    tried = "tried only, nothing was written: " if dry_run else ""
    terminal.result(result, *map(escape, shown), f"{tried}{_lines(result['lines'])}: {counts}")
    if result["failed"]:
        where = "it is" if result["failed"] == 1 else "they are"
        raise CommandFailed(f"{_lines(result['failed'])} failed; {where} in {faults}, to repair and bring in again")


def write(
    noun: str, account: str, *, file_format: "FileFormat", filter_: str, output: Path | None, terminal: Terminal
) -> None:
    """Write a noun into a file, or to stdout. What the file held before stays until all of the new is written."""
    if output is None:
        run_on_database(lambda: _write(_noun(noun), sys.stdout.buffer, account, file_format, filter_, terminal))
        return
    try:
        with _replacing(output) as file:
            size = run_on_database(lambda: _write(_noun(noun), file, account, file_format, filter_, terminal))
    except OSError as error:
        raise CommandFailed(f"{output} cannot be written: {error.strerror}") from None
    terminal.result({"file": str(output), "bytes": size}, f"{output}: {size:,} bytes")


def meant(word: str) -> str | None:
    """Return the noun that a mistyped word is nearest to, None when it is like none of them."""
    near = difflib.get_close_matches(word.lower(), NOUNS, n=1)
    return near[0] if near else None


@contextlib.contextmanager
def _replacing(output: Path) -> Iterator[BinaryIO]:
    """A file that only its owner reads, in the place of `output` when all went well; a pipe or device is written to."""
    target = output.resolve()
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        with part.open("wb") as file:
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


class _Wanted:
    """What is to be brought in."""

    def __init__(self, noun: "Noun", size_bytes: int, *, dry_run: bool, update: bool) -> None:
        self.noun: Noun = noun
        self.size_bytes = size_bytes
        self.dry_run = dry_run
        self.update = update


async def _bring(wanted: _Wanted, file: BinaryIO, account: str, terminal: Terminal) -> tuple[dict[str, Any], bytes]:
    """Return the result of an import, and its report of at most 100,000 faulty lines, empty without any."""
    from datetime import timedelta

    from healthprotocol.care.transfers import service
    from healthprotocol.care.transfers.schemas import StartImport
    from healthprotocol.foundation.config.settings import Settings
    from healthprotocol.foundation.context import RequestContext
    from healthprotocol.foundation.telemetry.logs import configure_logging

    settings = Settings()
    # What the jobs log is for operators; here the result is said once.
    configure_logging(settings.environment, level="error")
    limits = service.Limits(
        settings.upload_limit_bytes,
        timedelta(hours=settings.file_keep_hours),
        quota_bytes=settings.upload_quota_bytes,
    )
    context = RequestContext(request_id="cli")
    async with acting(account) as (database, actor):
        _require(actor, wanted.noun)
        with terminal.progress("Reading", total=wanted.size_bytes) as advance:
            received = await _taken_in(database, actor, file, advance, limits)
        asked = StartImport(
            upload_id=received.file.id, dry_run=wanted.dry_run, existing="update" if wanted.update else "skip"
        )
        async with database.transaction(actor.organisation_id, actor=actor) as tx:
            operation = await service.submit(tx, actor, wanted.noun, asked)
        with terminal.progress(f"Bringing in {wanted.noun}", total=operation.total) as advance:
            operation = await _driven(database, actor, operation, advance)
        if operation.status != "succeeded" or operation.result is None:
            detail = (operation.problem or {}).get("detail", operation.status)
            raise CommandFailed(f"the import ended early: {detail}")
        if not operation.result["failed"]:
            return operation.result, b""
        async with database.transaction(actor.organisation_id, actor=actor) as tx:
            report = await service.open_report(tx, actor, operation.id, to_format="csv")
        parts = service.written(database, actor, context, report)
        return operation.result, b"".join([part async for part in parts])


async def _taken_in(
    database: "Database", actor: "Actor", file: BinaryIO, advance: Advance, limits: "Limits"
) -> "Received":
    """
    Take a file in; what an earlier try of the same content left is gone on with.

    A packed one comes whole or not at all.
    """
    from healthprotocol.care.transfers import service
    from healthprotocol.care.transfers.schemas import BeginUpload
    from healthprotocol.foundation.context import RequestContext

    context = RequestContext(request_id="cli")
    is_packed = file.read(len(_GZIP)) == _GZIP
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if is_packed or size == 0:
        return await service.receive(database, actor, context, _pieces(file, advance), limits=limits)
    digest = await asyncio.to_thread(_sha256_of, file)
    async with database.transaction(actor.organisation_id, actor=actor, context=context) as tx:
        begun = await service.begin(tx, actor, BeginUpload(size_bytes=size, sha256=digest), limits=limits)
    if begun.file.is_complete:
        return begun
    offset = file.seek(begun.file.size_bytes)
    pieces = _pieces(file, advance, offset)
    return await service.go_on(database, actor, context, begun.file.id, pieces, offset=offset, limits=limits)


async def _driven(database: "Database", actor: "Actor", operation: "Operation", advance: Advance) -> "Operation":
    """Drive the operation here; a worker that takes its job at the same time does every other batch."""
    from healthprotocol.care.transfers import service
    from healthprotocol.foundation.context import RequestContext
    from healthprotocol.foundation.jobs import operations
    from healthprotocol.foundation.jobs.batches import run_in_batches
    from healthprotocol.foundation.jobs.registry import Job

    job = Job(
        id=0,
        name=operation.kind,
        attempt=1,
        most_attempts=1,
        payload={operations.OPERATION: str(operation.id)},
        organisation_id=actor.organisation_id,
        context=RequestContext(request_id="cli"),
        stopping=asyncio.Event(),
    )
    driving = asyncio.ensure_future(run_in_batches(database, job, service.import_batch))
    while True:
        done, _ = await asyncio.wait({driving}, timeout=_LOOK_SECONDS)
        async with database.transaction(actor.organisation_id, actor=actor) as tx:
            operation = await operations.get(tx, operation.id)
        advance(operation.done, operation.total)
        if done:
            driving.result()
            return operation


async def _write(
    noun: "Noun", file: BinaryIO, account: str, file_format: "FileFormat", filter_: str, terminal: Terminal
) -> int:
    from healthprotocol.care.transfers import service
    from healthprotocol.care.transfers.model import ExportPlan
    from healthprotocol.foundation.context import RequestContext
    from healthprotocol.trust.permissions import rules as permissions
    from healthprotocol.trust.permissions.model import Permission

    async with acting(account) as (database, actor):
        permissions.require(actor, Permission.PATIENT_EXPORT)
        plan = ExportPlan(noun=noun, format=file_format, filter=filter_, role=actor.role)
        size = 0
        with terminal.progress(f"Writing {noun} (bytes)") as advance:
            async for part in service.stream(database, actor, RequestContext(request_id="cli"), plan):
                size += file.write(part)
                advance(size, None)
        return size


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"


def _sha256_of(file: BinaryIO) -> str:
    hashed = hashlib.sha256()
    while piece := file.read(_READ_BYTES):
        hashed.update(piece)
    return hashed.hexdigest()


async def _pieces(file: BinaryIO, advance: Advance, read: int = 0) -> AsyncIterator[bytes]:
    while piece := file.read(_READ_BYTES):
        read += len(piece)
        advance(read, None)
        yield piece


def _require(actor: "Actor", noun: "Noun") -> None:
    from healthprotocol.trust.permissions import rules as permissions
    from healthprotocol.trust.permissions.model import Permission

    needed = {
        "patients": Permission.PATIENT_WRITE,
        "assignments": Permission.ASSIGNMENT_WRITE,
        "entries": Permission.ENTRY_WRITE,
    }
    permissions.require(actor, needed[noun])


def _noun(name: str) -> "Noun":
    if name == "patients":
        return "patients"
    return "assignments" if name == "assignments" else "entries"
