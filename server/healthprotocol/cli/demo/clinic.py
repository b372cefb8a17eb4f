"""Open a clinic of the demo: its organisation, accounts and protocols, then its patients and their assignments."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import msgspec

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import (
    ActivityAdjustment,
    Adjustments,
    AssignmentId,
    Move,
    NewAssignment,
    TargetRange,
)
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import ProtocolContent, ProtocolId, ValueRange
from healthprotocol.cli.demo.library import protocol
from healthprotocol.cli.demo.people import DRAFTS, PASSWORD, Clinic, Person, Plan, demographics, starts_on
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.ids import OrganisationId, new_id
from healthprotocol.trust.accounts import service as accounts
from healthprotocol.trust.accounts.model import NewAccount

OPENED = timedelta(days=210)
PUBLISHED = timedelta(days=200)
SECOND_VERSION = timedelta(days=20)
SIGNED_UP = timedelta(days=15)
PAUSED = timedelta(days=6)
STOPPED = timedelta(days=9)

# The second version of this one asks about the tablets and about walking; the first did not.
RENEWED = "home-blood-pressure"
NEW_IN_SECOND = frozenset({"side-effects", "brisk-walk"})
# Who was moved to it when it came.
MOVED = frozenset({"Rosa Delgado", "Dariusz Wolny", "Bruno Castellan"})

FRAIL_AGE = 79

Act = Callable[[Transaction], Awaitable[None]]


class Assigned(msgspec.Struct, frozen=True):
    """A plan of the demo as it now runs."""

    person: Person
    plan: Plan
    assignment_id: AssignmentId


class OpenClinic(msgspec.Struct, kw_only=True):
    """A clinic while it is being filled: who acts in it, and the ids of what was made so far."""

    clinic: Clinic
    organisation_id: OrganisationId
    admin: Actor
    clinician: Actor
    coordinator: Actor
    protocols: dict[str, ProtocolId] = {}
    patients: dict[str, PatientId] = {}
    assigned: list[Assigned] = []
    patient_actors: dict[str, Actor] = {}


async def open_clinic(database: Database, clinic: Clinic, *, password_hash: str, now: datetime) -> OpenClinic:
    """Make the organisation, its staff and its library, as of the days when they began."""
    opened_at = now - OPENED
    organisation_id = OrganisationId(new_id(opened_at))
    staff = {account.role: account for account in clinic.accounts}
    first = staff.get("admin")
    # Where the demo names no admin there must be one all the same: without a password, so nobody signs in as it.
    admin = NewAccount(
        role="admin",
        email=first.email if first else f"admin@{clinic.accounts[0].email.partition('@')[2]}",
        name=first.display_name if first else "Administration",
        password=PASSWORD if first else None,
    )
    async with database.transaction(organisation_id, now=opened_at) as tx:
        _, made = await accounts.create_organisation(
            tx, name=clinic.name, admin=admin, password_hash=password_hash if first else None
        )
        actors = {"admin": Actor(account_id=made.id, organisation_id=organisation_id, role="admin")}
        for role, account in staff.items():
            if role in {"admin", "patient"}:
                continue
            new = NewAccount(role=role, email=account.email, name=account.display_name, password=PASSWORD)
            made = await accounts.create_account(tx, actors["admin"], new, password_hash=password_hash)
            actors[role] = Actor(account_id=made.id, organisation_id=organisation_id, role=role)
    opened = OpenClinic(
        clinic=clinic,
        organisation_id=organisation_id,
        admin=actors["admin"],
        clinician=actors["clinician"],
        coordinator=actors.get("coordinator", actors["clinician"]),
    )
    async with database.transaction(organisation_id, actor=opened.clinician, now=now - PUBLISHED) as tx:
        for name in clinic.protocols:
            await _write(tx, opened, name)
    return opened


async def fill(database: Database, opened: OpenClinic, *, password_hash: str, now: datetime) -> None:
    """Enrol the patients and assign their plans, each act on its day: also the new version, moves, pauses and stops."""
    diary = Diary(opened, now)
    for at, act in sorted(diary.acts(), key=lambda pair: pair[0]):
        async with database.transaction(opened.organisation_id, actor=opened.coordinator, now=at) as tx:
            await act(tx)
    for account in opened.clinic.accounts:
        if account.patient is None:
            continue
        patient_id = opened.patients[account.patient]
        new = NewAccount(
            role="patient", email=account.email, name=account.display_name, password=PASSWORD, patient_id=patient_id
        )
        async with database.transaction(opened.organisation_id, actor=opened.admin, now=now - SIGNED_UP) as tx:
            made = await accounts.create_account(tx, opened.admin, new, password_hash=password_hash)
        opened.patient_actors[account.patient] = Actor(
            account_id=made.id, organisation_id=opened.organisation_id, role="patient", subject_id=patient_id
        )


class Diary:
    """What happens in a clinic on which day, seen from `now`."""

    def __init__(self, opened: OpenClinic, now: datetime) -> None:
        self.opened = opened
        self.now = now

    def acts(self) -> Iterator[tuple[datetime, Act]]:
        """Yield each act with its instant, in no order."""
        yield self.now - SECOND_VERSION, self._publish_second
        for person in self.opened.clinic.people:
            begins = [starts_on(plan, self._today(person)) for plan in person.plans]
            enrolled_at = self._working_hour(min(begins) - timedelta(days=4), person)
            yield enrolled_at, self._enrolling(person)
            for plan, begins_on in zip(person.plans, begins, strict=True):
                at = max(self._working_hour(begins_on - timedelta(days=1), person), enrolled_at + timedelta(minutes=9))
                yield at, self._assigning(person, plan)
                yield from self._later(person, plan, begins_on)

    def _enrolling(self, person: Person) -> Act:
        async def enrol(tx: Transaction) -> None:
            patient = await patients.create(tx, self.opened.coordinator, demographics(person, self._today(person)))
            self.opened.patients[person.name] = patient.id

        return enrol

    def _assigning(self, person: Person, plan: Plan) -> Act:
        async def assign(tx: Transaction) -> None:
            wanted = NewAssignment(
                protocol_id=self.opened.protocols[plan.protocol],
                patient_id=self.opened.patients[person.name],
                starts_on=starts_on(plan, self._today(person)),
                adjustments=adjustments(person, plan),
                is_proposed=plan.ending == "proposed",
            )
            made = await assignments.assign(tx, self.opened.clinician, wanted)
            self.opened.assigned.append(Assigned(person, plan, made.id))

        return assign

    def _later(self, person: Person, plan: Plan, begins_on: date) -> Iterator[tuple[datetime, Act]]:
        """Yield what becomes of an assignment after it began."""
        clinician = self.opened.clinician
        if plan.ending == "paused":
            reason = "In hospital for a planned operation."
            yield self.now - PAUSED, self._on(person, plan, partial(assignments.pause, reason=reason))
        elif plan.ending == "stopped":
            reason = "Wishes to stay on the present dose; we talk again in spring."
            yield self.now - STOPPED, self._on(person, plan, partial(assignments.stop, reason=reason))
        if plan.protocol == RENEWED and person.name in MOVED:
            # A day after the version came, so that the move never falls before it in this list.
            at = self.now - SECOND_VERSION + timedelta(days=1)
            yield (
                at,
                self._on(person, plan, lambda tx, _, one: assignments.move(tx, clinician, one, Move(to_version=2))),
            )
        day_after = begins_on + timedelta(days=protocol(plan.protocol).duration_days)
        if day_after < self._today(person):
            yield self._working_hour(day_after, person), self._on(person, plan, assignments.complete)

    def _on(
        self, person: Person, plan: Plan, act: Callable[[Transaction, Actor, AssignmentId], Awaitable[object]]
    ) -> Act:
        async def change(tx: Transaction) -> None:
            found = next(one for one in self.opened.assigned if one.person is person and one.plan is plan)
            await act(tx, self.opened.clinician, found.assignment_id)

        return change

    async def _publish_second(self, tx: Transaction) -> None:
        if RENEWED not in self.opened.protocols:
            return
        protocol_id = self.opened.protocols[RENEWED]
        await protocols.update(
            tx, self.opened.clinician, protocol_id, change=lambda _: protocol(RENEWED), expected_revision=None
        )
        await protocols.publish(tx, self.opened.clinician, protocol_id)

    def _today(self, person: Person) -> date:
        return self.now.astimezone(ZoneInfo(person.time_zone)).date()

    def _working_hour(self, day: date, person: Person) -> datetime:
        """Return an hour of that day between 9 and 17 in the patient's zone, not after the present."""
        minutes = 9 * 60 + person.number * 37 % (8 * 60)
        local = datetime.combine(day, time(minutes // 60, minutes % 60), ZoneInfo(person.time_zone))
        return min(local.astimezone(UTC), self.now - timedelta(hours=1))


def adjustments(person: Person, plan: Plan) -> Adjustments:
    """Return what is different for this patient: no tablets where food is enough, a best peak flow of her own."""
    different: list[ActivityAdjustment] = []
    if plan.protocol == "gestational-diabetes" and person.number % 2 == 0:
        different.append(ActivityAdjustment(activity_key="metformin", skip=True))
    if plan.protocol == "wound-care" and person.number % 3 != 1:
        different.append(ActivityAdjustment(activity_key="flucloxacillin", skip=True))
    if plan.protocol == "asthma-action-plan" and person.number % 4 == 0:
        green = TargetRange(code="19935-6", range=ValueRange(low=360))
        different.append(ActivityAdjustment(activity_key="peak-flow", target_ranges=(green,)))
    if plan.protocol == "home-blood-pressure" and person.age > FRAIL_AGE:
        softer = TargetRange(code="8480-6", range=ValueRange(low=110, high=144))
        different += [
            ActivityAdjustment(activity_key=key, target_ranges=(softer,))
            for key in ("baseline-pressure", "pressure", "review-pressure")
        ]
    return Adjustments(activities=tuple(different))


async def _write(tx: Transaction, opened: OpenClinic, name: str) -> None:
    content = protocol(name)
    if name == RENEWED:
        content = _without(content, NEW_IN_SECOND)
    draft = await protocols.create(tx, opened.clinician, content)
    opened.protocols[name] = draft.protocol_id
    if name not in DRAFTS:
        await protocols.publish(tx, opened.clinician, draft.protocol_id)


def _without(content: ProtocolContent, keys: frozenset[str]) -> ProtocolContent:
    phases = (
        msgspec.structs.replace(phase, activities=tuple(one for one in phase.activities if one.key not in keys))
        for phase in content.phases
    )
    return msgspec.structs.replace(content, phases=tuple(phases))
