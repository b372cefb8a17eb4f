"""
What became of each plan: entries, counts, covers, watches, alerts, and the audit rows of it all.

Every count is what `service.refresh` would make of the same entries; the instants ahead are those that its job and
the one of alerts would have written down.
"""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from random import Random
from uuid import UUID

import msgspec
from asyncpg.pgproto.pgproto import UUID as FastUUID

from healthprotocol.care.alerts.model import AlertDetail
from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.care.entries.rules.occurrence_ids import id_prefix
from healthprotocol.foundation.crypto.data_keys import DataKey
from healthprotocol.foundation.crypto.fields import Padding
from healthprotocol.foundation.crypto.hkdf import Signer
from healthprotocol.trust.audit.model import StoredEvent
from healthprotocol.trust.audit.rules import leaf_of
from population.clinics import Clinic, Staff
from population.people import Person
from population.plans import WEIGHTS, Shape, Slot, contents_of, shape
from population.rows import COLUMNS, Rows

# How long ago plans began, in days, by protocol, for ten entries a patient.
AGES = (60, 60, 20, 100)
COHORT_AGE = range(60, 116)
_LATE = timedelta(days=2)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
# `is_stale` of a watch.
_LOOKED = False
_EVENT = COLUMNS["audit_event"]


class Scribe:
    """Writes the histories of the patients of one clinic."""

    def __init__(
        self, rows: Rows, clinic: Clinic, staff: Staff, *, rng: Random, at: datetime, signer: Signer, audit: DataKey
    ) -> None:
        self.rows, self.clinic, self.staff, self.rng, self.at = rows, clinic, staff, rng, at
        self.signer, self.audit_key = signer, audit
        self.organisation_id = FastUUID(clinic.organisation_id.bytes)
        self.address = "203.0.113.7"

    def live(self, person: Person, *, entries_a_patient: float, audited: float) -> None:
        """Write one patient's plans: one for everybody, a second for every other."""
        rng = self.rng
        self.event(person.created_at, "patient.create", person.id, person.id)
        follows = [0] if self.clinic.is_large else rng.choices(range(4), WEIGHTS)
        if rng.random() < 0.5:
            follows.append(rng.choice((1, 2, 3)))
        adherence = 0.45 + 0.5 * rng.random()
        for place, template in enumerate(dict.fromkeys(follows)):
            if self.clinic.is_large and not place:
                age = rng.choice(COHORT_AGE)
            else:
                age = int(rng.random() * AGES[template] * entries_a_patient / 10)
            self._plan(person, template, age=age, adherence=adherence, audited=audited)

    def _plan(self, person: Person, template: int, *, age: int, adherence: float, audited: float) -> None:
        rng, at = self.rng, self.at
        fate = rng.random()
        starts_on = (at + timedelta(days=7) if fate < 0.01 else at - timedelta(days=age)).date()
        plan = shape(template, starts_on, person.time_zone, at)
        status, cut = self._fate(plan, fate)
        assigned_at = at - timedelta(days=age, hours=rng.randrange(4, 30))
        plan_id = self.new_id(assigned_at)
        self._assignment(person, template, plan_id, plan, status=status, cut=cut, times=(assigned_at, starts_on))
        if status == "proposed":
            return
        closed = plan.closed if cut is None else [slot for slot in plan.closed if slot.planned_at < cut]
        ahead = plan.ahead if cut is None else ()
        told = _Told(self, person, plan_id, self.staff.protocol_ids[template], audited)
        told.tell(closed, ahead, adherence)
        self._rollups(told, plan, status=status, closed=closed, ahead=ahead)
        if status == "active":
            self._alerts(told)

    def _fate(self, plan: Shape, fate: float) -> tuple[str, datetime | None]:
        """Return the status of a plan, and from when on nothing is due, None for never."""
        if fate < 0.01:
            return "proposed", None
        if plan.ends_on < (self.at - _DAY).date() and fate < 0.9:
            return "completed", self.at - timedelta(minutes=5)
        if fate < 0.05 and plan.closed:
            return "stopped", self.rng.choice(plan.closed).planned_at
        if fate < 0.07 and plan.closed:
            return "paused", plan.closed[-1].planned_at
        return "active", None

    def _assignment(
        self, person: Person, template: int, plan_id: UUID, plan: Shape, *, status: str, cut: datetime | None,
        times: tuple[datetime, object],
    ) -> None:  # fmt: skip
        assigned_at, starts_on = times
        reason = None
        if status in {"stopped", "paused"}:
            reason = person.key.encrypt_text("Stay in hospital.", table="assignment", column="reason", row_id=plan_id)
        pauses = (
            f'[{{"from_at":"{cut.isoformat()}","to_at":null,"shift_days":0}}]' if status == "paused" and cut else "[]"
        )
        self.rows.add(
            "assignment", self.organisation_id, plan_id, person.id, self.staff.protocol_ids[template], 1, status,
            starts_on, plan.ends_on, person.time_zone,
            f'[{{"version":1,"from_on":"{starts_on}","plan_starts_on":"{starts_on}"}}]', pauses,
            cut if status in {"stopped", "completed"} else None, reason, assigned_at, self.staff.clinician_id,
            cut or assigned_at,
        )  # fmt: skip
        self.event(assigned_at, "assignment.create", plan_id, person.id)

    def _rollups(
        self, told: "_Told", plan: Shape, *, status: str, closed: Sequence[Slot], ahead: Sequence[Slot]
    ) -> None:
        at, soon = self.at, (self.at + timedelta(days=2)).date()
        near = [slot for slot in ahead if slot.day <= soon]
        last = min(plan.ends_on, soon)
        due = min((slot.closes_at for slot in near), default=None)
        is_running = status in {"active", "paused"}
        if due is None and last < plan.ends_on and is_running:
            due = at + _DAY
        recount_from = min((slot.day for slot in near), default=last)
        self.rows.add("adherence_cover", self.organisation_id, told.plan_id, at, recount_from, due)
        look = told.next_look_at(closed, near) if is_running else None
        self.rows.add(
            "alert_watch", self.organisation_id, told.plan_id, at, look or (is_running and at + _DAY) or None, _LOOKED
        )

    def _alerts(self, told: "_Told") -> None:
        for key, missed in told.missed_in_row.items():
            if missed >= 3:
                detail = AlertDetail(title=key.title(), missed=missed)
                self._alert(told, "missed_in_row", key, "moderate", detail, opened_at=self.at - timedelta(hours=2))
        if self.rng.random() < 0.02:
            detail = AlertDetail(ratio=0.4, due=5, days=7)
            self._alert(told, "adherence_low", None, "low", detail, opened_at=self.at - timedelta(days=9), ended=True)

    def _alert(
        self, told: "_Told", rule: str, key: str | None, severity: str, detail: AlertDetail, *, opened_at: datetime,
        ended: bool = False,
    ) -> None:  # fmt: skip
        alert_id = self.new_id(opened_at)
        cell = told.person.key.encrypt(
            table="alert", column="detail", row_id=alert_id, plaintext=msgspec.json.encode(detail), pad=Padding.TEXT
        )
        over = self.at - timedelta(days=5) if ended else None
        self.rows.add(
            "alert", self.organisation_id, alert_id, told.person.id, told.plan_id, rule, key, severity,
            "resolved" if ended else "open", None, cell, opened_at, over, over,
            None if severity == "low" else self.at + _DAY, over,
        )  # fmt: skip

    def event(self, at: datetime, action: str, object_id: UUID, subject_id: UUID) -> None:
        """Write the audit row of an act, as the service of audits would have."""
        row_id = self.new_id(at)
        event = StoredEvent(
            organisation_id=self.organisation_id, at=at, id=row_id, actor_id=self.staff.clinician_id,
            actor_role="clinician", session_hash=None, action=action, object_type=action.partition(".")[0],
            object_id=object_id, subject_id=subject_id, subject_ids=(), outcome="success", purpose="TREAT",
            request_id=str(row_id),
            address_ct=self.audit_key.encrypt_text(
                self.address, table="audit_event", column="address", row_id=row_id, pad=Padding.CODE
            ),
            detail_ct=None, salt=os.urandom(16), epoch=0,
        )  # fmt: skip
        leaf = leaf_of(event)
        self.rows.of["audit_event"].append(tuple(leaf if name == "leaf" else getattr(event, name) for name in _EVENT))

    def new_id(self, at: datetime) -> UUID:
        """Return a UUIDv7 of an instant, the same with the same seed."""
        rng = self.rng
        high = int(at.timestamp() * 1000) << 16 | 0x7000 | rng.getrandbits(12)
        return FastUUID((high << 64 | 1 << 63 | rng.getrandbits(62)).to_bytes(16, "big"))


class _Told:
    """What a patient told of one plan."""

    def __init__(self, scribe: Scribe, person: Person, plan_id: UUID, protocol_id: UUID, audited: float) -> None:
        self.scribe, self.person, self.plan_id, self.protocol_id = scribe, person, plan_id, protocol_id
        self.audited = audited
        self.missed: list[Slot] = []
        self.missed_in_row: dict[str, int] = {}
        self.last_entry_at: datetime | None = None
        self._prefixes: dict[str, str] = {}

    def tell(self, closed: Iterable[Slot], ahead: Iterable[Slot], adherence: float) -> None:
        """Write entries for what closed, their counts, and entries for some of what is open now."""
        scribe, rng = self.scribe, self.scribe.rng
        counts: dict[tuple[object, str], list[int]] = {}
        for slot in closed:
            count = counts.setdefault((slot.day, slot.activity_key), [0, 0, 0, 0])
            fate = rng.random()
            if fate >= adherence + 0.05:
                count[2] += 1
                self.missed.append(slot)
                self.missed_in_row[slot.activity_key] = self.missed_in_row.get(slot.activity_key, 0) + 1
                continue
            self.missed_in_row[slot.activity_key] = 0
            if fate >= adherence:
                count[1] += 1
                self._entry(slot, "skipped")
            else:
                late = rng.random() < 0.04 and slot.closes_at + _LATE < scribe.at
                count[0] += 1
                count[3] += not late
                self._entry(slot, "completed", late=late)
        for slot in ahead:
            if slot.opens_at > scribe.at:
                break
            if rng.random() < adherence / 2:
                self._entry(slot, "completed")
        organisation_id = scribe.organisation_id
        rows = scribe.rows.of["adherence_day"]
        for (day, key), (completed, skipped, missed, on_time) in counts.items():
            rows.append((
                organisation_id, self.plan_id, day, key, self.person.id, self.protocol_id, completed, skipped, missed,
                on_time,
            ))  # fmt: skip

    def next_look_at(self, closed: Sequence[Slot], near: Sequence[Slot]) -> datetime | None:
        """Return when the rules about the plan may next say something else, as `rules.planned.next_look_at` has it."""
        at = self.scribe.at
        instants = [slot.closes_at for slot in near]
        instants += [slot.closes_at + timedelta(days=7) for slot in (*closed[-20:], *near)]
        instants += [edge + timedelta(days=3) for slot in self.missed[-10:] for edge in (slot.opens_at, slot.closes_at)]
        if self.last_entry_at is not None:
            instants.append(self.last_entry_at + timedelta(days=3))
        return min((instant for instant in instants if instant > at), default=None)

    def _entry(self, slot: Slot, outcome: str, *, late: bool = False) -> None:
        scribe, rng, key = self.scribe, self.scribe.rng, slot.activity_key
        if late:
            recorded_at = slot.closes_at + _LATE * rng.random()
        else:
            until = min(slot.closes_at, scribe.at)
            recorded_at = slot.opens_at + (until - slot.opens_at) * rng.random()
        prefix = self._prefixes.get(key)
        if prefix is None:
            prefix = self._prefixes[key] = id_prefix(AssignmentId(self.plan_id), key)
        place = (self.plan_id, key, prefix + slot.tail, slot.day)
        entry_id = self._write(place, outcome, late=late, replaces=None, recorded_at=recorded_at)
        if rng.random() < 0.005 and not late and recorded_at + timedelta(minutes=9) < scribe.at:
            # A slip of the finger, put right some minutes later: the newer one counts, and says the same of the plan.
            self._write(place, outcome, late=False, replaces=entry_id, recorded_at=recorded_at + timedelta(minutes=9))
        if self.last_entry_at is None or recorded_at > self.last_entry_at:
            self.last_entry_at = recorded_at

    def _write(
        self, place: tuple[UUID, str, str, object], outcome: str, *, late: bool, replaces: UUID | None,
        recorded_at: datetime,
    ) -> UUID:  # fmt: skip
        scribe, person = self.scribe, self.person
        entry_id = scribe.new_id(recorded_at)
        client_id = FastUUID(scribe.rng.randbytes(16))
        said = scribe.rng.choice(_said(place[1] if outcome == "completed" else ""))
        cell = person.key.encrypt(table="entry", column="content", row_id=entry_id, plaintext=said, pad=Padding.TEXT)
        scribe.rows.of["entry"].append((
            scribe.organisation_id, entry_id, person.id, *place, outcome, late, replaces, client_id, cell,
            recorded_at - _SECOND, recorded_at, scribe.staff.clinician_id,
        ))  # fmt: skip
        mark = scribe.signer.sign(sha256(said + client_id.bytes).digest())
        scribe.rows.of["entry_client"].append((scribe.organisation_id, person.id, client_id, entry_id, mark))
        if scribe.rng.random() < self.audited:
            scribe.event(recorded_at, "entry.create", entry_id, person.id)
        return entry_id


@lru_cache(maxsize=64)
def _said(activity_key: str) -> tuple[bytes, ...]:
    return tuple(msgspec.json.encode(one) for one in contents_of(activity_key))
