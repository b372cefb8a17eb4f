"""
`healthprotocol demo real PATH`: a folder of real files as an organisation of its own, with a line for each file.

Files of one sub-folder are read together, because plans refer to definitions beside them. Each group is a transaction
of its own: what cannot come in is named, and stops nothing else.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.fhir.care_plan import PlanForPerson
from healthprotocol.care.assignments.fhir.synthea import Person, read_synthea
from healthprotocol.care.assignments.model import AssignmentId, NewAssignment
from healthprotocol.care.patients import service as patients
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import ProtocolContent, ProtocolId
from healthprotocol.care.protocols.rules.exchange.documents import MAX_BYTES, SourceFile
from healthprotocol.care.protocols.rules.exchange.report import Finding, refusals
from healthprotocol.care.protocols.service import Imported
from healthprotocol.cli.demo.chronicle import Advance
from healthprotocol.cli.demo.people import PASSWORD
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import Problem
from healthprotocol.foundation.ids import OrganisationId, new_id
from healthprotocol.trust.accounts import service as accounts
from healthprotocol.trust.accounts.model import NewAccount
from healthprotocol.trust.accounts.service import PasswordHasher

SUFFIXES = frozenset({".json", ".yaml", ".yml"})
MOST_AT_ONCE = 500
_LONGEST_REASON = 160
_HEAD_BYTES = 2000


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
        people = [file for file in files if _is_about_people(file.body)]
        lines += await _protocols(database, actor, [file for file in files if file not in people], shelf.counts)
        lines += [await _people(database, actor, file, shelf, now=now) for file in people]
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


async def _people(database: Database, actor: Actor, file: SourceFile, shelf: Shelf, *, now: datetime) -> Line:
    reading = read_synthea(file.body, file=file.name)
    if not reading.people:
        why = reading.report[0].detail if reading.report else "It is about nobody."
        outcome: Outcome = "refused" if refusals(reading.report) else "not for us"
        return Line(outcome, file.name, "people", why=why[:_LONGEST_REASON])
    plans = 0
    try:
        for person in reading.people:
            plans += await _enrol(database, actor, person, shelf, now=now)
    except Problem as problem:
        return Line("refused", file.name, "people", why=str(problem)[:_LONGEST_REASON])
    said = Counter(finding.outcome for finding in reading.report)
    became = f"patients: {len(reading.people)}, assignments: {plans}"
    return Line("came in", file.name, "people", became=became, why=", ".join(f"{n} {what}" for what, n in said.items()))


async def _enrol(database: Database, actor: Actor, person: Person, shelf: Shelf, *, now: datetime) -> int:
    """Enrol a person with her plans, each act on its day: a plan of 2013 is assigned then and completed as it ended."""
    time_zone = _time_zone(person)
    demographics = msgspec.structs.replace(person.demographics, time_zone=time_zone)
    today = now.astimezone(ZoneInfo(time_zone)).date()
    plans = [plan for plan in person.care_plans if plan.content.phases and plan.status != "entered_in_error"]
    begins = [_begins_on(plan, person, today) for plan in plans]
    async with database.transaction(actor.organisation_id, actor=actor, now=min([now, *map(_noon, begins)])) as tx:
        patient = await patients.create(tx, actor, demographics)
    shelf.counts["patients"] += 1
    for plan, begins_on in zip(plans, begins, strict=True):
        async with database.transaction(actor.organisation_id, actor=actor, now=min(_noon(begins_on), now)) as tx:
            wanted = NewAssignment(
                protocol_id=await _protocol_of(tx, actor, plan, shelf),
                patient_id=patient.id,
                starts_on=begins_on,
                is_proposed=plan.status == "proposed",
            )
            made = await assignments.assign(tx, actor, wanted)
        shelf.counts["assignments"] += 1
        ends_on = plan.ends_on or begins_on + timedelta(days=plan.content.duration_days - 1)
        async with database.transaction(actor.organisation_id, actor=actor, now=min(_noon(ends_on), now)) as tx:
            await _end(tx, actor, made.id, plan, is_deceased=person.is_deceased)
    if person.is_deceased:
        async with database.transaction(actor.organisation_id, actor=actor, now=now) as tx:
            await patients.archive(tx, actor, patient.id, expected_revision=None)
    return len(plans)


async def _protocol_of(tx: Transaction, actor: Actor, plan: PlanForPerson, shelf: Shelf) -> ProtocolId:
    """Return the protocol of a care plan: one for all plans that say the same, wherever in a file they stood."""
    said = msgspec.structs.replace(plan.content, kept=())
    if said not in shelf.of_plans:
        draft = await protocols.create(tx, actor, plan.content)
        shelf.of_plans[said] = (await protocols.publish(tx, actor, draft.protocol_id)).protocol_id
        shelf.counts.update(["protocols", "published"])
    return shelf.of_plans[said]


async def _end(
    tx: Transaction, actor: Actor, assignment_id: AssignmentId, plan: PlanForPerson, *, is_deceased: bool
) -> None:
    """Bring an assignment to the state that the file says."""
    if plan.status == "completed":
        await assignments.complete(tx, actor, assignment_id)
    elif plan.status == "stopped" or (plan.status == "active" and is_deceased):
        await assignments.stop(tx, actor, assignment_id, reason="As the imported file says.")
    elif plan.status == "paused":
        await assignments.pause(tx, actor, assignment_id, reason="As the imported file says.")


def _begins_on(plan: PlanForPerson, person: Person, today: date) -> date:
    """
    Return the first day of an assignment: the plan's own, but today for one that runs.

    What somebody did before is not in the file, and a plan from years ago would show nothing but missed days.
    """
    is_over = plan.status in {"completed", "stopped"} or person.is_deceased
    return plan.starts_on if is_over and plan.starts_on is not None else today


def _time_zone(person: Person) -> str:
    address = person.demographics.address
    # Synthea's people live in Massachusetts unless it is told otherwise; a country has no one time zone.
    return "America/New_York" if address is not None and address.country == "US" else "UTC"


def _is_about_people(body: bytes) -> bool:
    return b'"Bundle"' in body[:_HEAD_BYTES] and b'"PlanDefinition"' not in body


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _order(line: Line) -> tuple[str, str]:
    return line.file, line.outcome
