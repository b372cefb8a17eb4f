"""
`healthprotocol demo real PATH`: a folder of real files as an organisation of its own, with a line for each file.

Files of one sub-folder are read together, because plans refer to definitions beside them. Each group is a transaction
of its own: what cannot come in is named, and stops nothing else.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from itertools import groupby
from pathlib import Path
from typing import Literal

import msgspec

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import NewAssignment
from healthprotocol.care.patients import service as patients
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import ProtocolContent, ProtocolId
from healthprotocol.care.protocols.rules.exchange.documents import MAX_BYTES, SourceFile
from healthprotocol.care.protocols.rules.exchange.report import Finding
from healthprotocol.care.protocols.service import Imported
from healthprotocol.cli.demo.chronicle import Advance
from healthprotocol.cli.demo.people import PASSWORD
from healthprotocol.cli.demo.synthea import RealPatient, is_bundle, read_bundle
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import Problem
from healthprotocol.foundation.ids import OrganisationId, new_id
from healthprotocol.trust.accounts import service as accounts
from healthprotocol.trust.accounts.model import NewAccount
from healthprotocol.trust.accounts.service import PasswordHasher

SUFFIXES = frozenset({".json", ".yaml", ".yml"})
MOST_AT_ONCE = 500
_LONGEST_REASON = 160
_KINDS_NAMED = 4


Outcome = Literal["came in", "not for us", "refused"]


class Line(msgspec.Struct, frozen=True):
    """What became of one file."""

    outcome: Outcome
    file: str
    what: str
    became: str = ""
    why: str = ""


class RealReport(msgspec.Struct, frozen=True, kw_only=True):
    """The organisation that was made, who signs in to it, and what became of each file."""

    organisation: str
    account: str
    password: str
    counts: dict[str, int]
    lines: tuple[Line, ...]


class Shelf(msgspec.Struct):
    """What was brought in so far: counts, and the protocol made of each care plan, for plans that say the same."""

    counts: Counter[str] = msgspec.field(default_factory=Counter)
    of_plans: dict[ProtocolContent, ProtocolId] = {}


async def load_folder(database: Database, path: Path, *, now: datetime, advance: Advance) -> RealReport:
    """Make an organisation of the files under `path` and return what became of each."""
    organisation_id = OrganisationId(new_id(now))
    slug = re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-") or "files"
    email = f"admin@{slug}-{organisation_id.hex[-6:]}.example"
    name = f"Real files: {path.name}"
    actor = await _open(database, organisation_id, name=name, email=email, now=now)
    groups = list(_groups(path))
    lines: list[Line] = []
    shelf = Shelf()
    for done, files in enumerate(groups):
        advance(done, len(groups))
        people = [file for file in files if is_bundle(file.body)]
        lines += await _protocols(database, actor, [file for file in files if file not in people], shelf.counts)
        lines += [await _person(database, actor, file, shelf, now=now) for file in people]
    advance(len(groups), len(groups))
    shelf.counts.update(f"files {line.outcome}" for line in lines)
    return RealReport(
        organisation=name,
        account=email,
        password=PASSWORD,
        counts=dict(shelf.counts),
        lines=tuple(sorted(lines, key=_order)),
    )


async def _open(database: Database, organisation_id: OrganisationId, *, name: str, email: str, now: datetime) -> Actor:
    hasher = PasswordHasher()
    try:
        password_hash = await hasher.hash(PASSWORD)
    finally:
        hasher.close()
    admin = NewAccount(role="admin", email=email, name="Admin of real files", password=PASSWORD)
    async with database.transaction(organisation_id, now=now) as tx:
        _, made = await accounts.create_organisation(tx, name=name, admin=admin, password_hash=password_hash)
    return Actor(account_id=made.id, organisation_id=organisation_id, role="admin")


def _groups(path: Path) -> Iterator[list[SourceFile]]:
    """Yield the files that belong together: those of one folder directly under `path`, at most 500 at once."""
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    for _, group in groupby(found, key=lambda file: file.relative_to(path).parts[:-1][:1]):
        together = [_read(path, file) for file in group]
        for begin in range(0, len(together), MOST_AT_ONCE):
            yield together[begin : begin + MOST_AT_ONCE]


def _read(path: Path, file: Path) -> SourceFile:
    # One byte more than is taken says that there is more, without reading a file of any size into memory.
    with file.open("rb") as stream:
        return SourceFile(file.relative_to(path).as_posix(), stream.read(MAX_BYTES + 1))


async def _protocols(database: Database, actor: Actor, files: Sequence[SourceFile], counts: Counter[str]) -> list[Line]:
    if not files:
        return []
    try:
        async with database.transaction(actor.organisation_id, actor=actor, statement_timeout_seconds=60) as tx:
            imported = await protocols.import_files(tx, actor, files, publish=True, dry_run=False)
    except Problem as problem:
        return [Line("refused", file.name, "unknown", why=str(problem)) for file in files]
    counts["protocols"] += len(imported.protocols)
    counts["published"] += sum(version.status == "active" for version in imported.protocols)
    return list(_lines(files, imported))


def _lines(files: Sequence[SourceFile], imported: Imported) -> Iterator[Line]:
    of_file: dict[str, list[Finding]] = {}
    for finding in imported.report:
        of_file.setdefault(finding.file, []).append(finding)
    for file in files:
        findings = of_file.get(file.name, [])
        counts = Counter(finding.outcome for finding in findings)
        refused = next((finding for finding in findings if finding.outcome == "refused"), None)
        if refused is not None:
            yield Line(
                "refused", file.name, "protocol", why=f"{refused.pointer} {refused.detail}".strip()[:_LONGEST_REASON]
            )
        elif counts["understood"] or counts["kept"] or counts["adjusted"]:
            said = ", ".join(f"{counts[what]} {what}" for what in ("understood", "kept", "adjusted") if counts[what])
            yield Line("came in", file.name, "protocol", became=said)
        else:
            why = findings[0].detail if findings else "Referred to by a plan beside it."
            yield Line("not for us", file.name, "other", why=why[:_LONGEST_REASON])


async def _person(database: Database, actor: Actor, file: SourceFile, shelf: Shelf, *, now: datetime) -> Line:
    what = "patient"
    try:
        person = read_bundle(file.body, today=now.date())
        if person is None:
            return Line("not for us", file.name, "bundle", why="It is not about one patient.")
        await _enrol(database, actor, person, shelf, now=now)
    except (Problem, msgspec.MsgspecError) as error:
        # A message of the JSON reader names the place and the kind, never the value.
        return Line("refused", file.name, what, why=str(error)[:_LONGEST_REASON])
    unread = ", ".join(f"{count} {kind}" for kind, count in list(person.unread.items())[:_KINDS_NAMED])
    return Line("came in", file.name, what, became=f"1 patient, {len(person.plans)} plans", why=f"Not read: {unread}")


async def _enrol(database: Database, actor: Actor, person: RealPatient, shelf: Shelf, *, now: datetime) -> None:
    # Each act on its day, as it was: a plan of 2013 is assigned in 2013 and completed when it ended.
    organisation_id = actor.organisation_id
    enrolled_at = min([now, *(_noon(plan.starts_on) for plan in person.plans)])
    async with database.transaction(organisation_id, actor=actor, now=enrolled_at) as tx:
        patient = await patients.create(tx, actor, person.demographics)
    shelf.counts["patients"] += 1
    for plan in person.plans:
        async with database.transaction(organisation_id, actor=actor, now=min(_noon(plan.starts_on), now)) as tx:
            if plan.content not in shelf.of_plans:
                draft = await protocols.create(tx, actor, plan.content)
                shelf.of_plans[plan.content] = (await protocols.publish(tx, actor, draft.protocol_id)).protocol_id
                shelf.counts.update(["protocols", "published"])
            wanted = NewAssignment(
                protocol_id=shelf.of_plans[plan.content], patient_id=patient.id, starts_on=plan.starts_on
            )
            assigned = await assignments.assign(tx, actor, wanted)
        shelf.counts["assignments"] += 1
        if plan.ended_on is not None:
            async with database.transaction(organisation_id, actor=actor, now=min(_noon(plan.ended_on), now)) as tx:
                await assignments.complete(tx, actor, assigned.id)
    if person.died_on is not None:
        async with database.transaction(organisation_id, actor=actor, now=now) as tx:
            await patients.archive(tx, actor, patient.id, expected_revision=None)


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _order(line: Line) -> tuple[str, str]:
    return line.file, line.outcome
