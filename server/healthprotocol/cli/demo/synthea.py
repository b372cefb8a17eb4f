"""
A Synthea bundle: one invented patient with her care plans, as FHIR R4. Read, not judged: what is not ours is counted.

Synthea's plans name activities and no times. So each is planned once and stays open as long as the plan runs; no hour
and no rhythm is made up.
"""

import re
from collections import Counter
from datetime import date, timedelta
from typing import Any, get_args

import msgspec

from healthprotocol.care.patients.model import Address, Demographics, Identifier, Sex
from healthprotocol.care.protocols.model import Activity, ActivityKind, Phase, ProtocolContent, Schedule
from healthprotocol.foundation.crypto.normalisers import phone

LONGEST_DAYS = 365
_MINUTES_A_DAY = 24 * 60
_ZONES = {"US": "America/New_York"}
_KINDS: tuple[tuple[str, ActivityKind], ...] = (
    ("recommendation|education|behavior|advice|diet", "education"),
    ("exercise|stretching|therapy", "exercise"),
)


class _Coding(msgspec.Struct):
    code: str = ""
    display: str = ""


class _Concept(msgspec.Struct):
    coding: list[_Coding] = []
    text: str = ""

    @property
    def words(self) -> str:
        return self.text or next((one.display for one in self.coding if one.display), "")


class _Period(msgspec.Struct):
    start: str | None = None
    end: str | None = None


class _Name(msgspec.Struct):
    family: str = ""
    given: list[str] = []


class _Telecom(msgspec.Struct):
    system: str = ""
    value: str = ""


class _Address(msgspec.Struct, rename="camel"):
    line: list[str] = []
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


class _Identifier(msgspec.Struct):
    system: str = ""
    value: str = ""


class _Communication(msgspec.Struct):
    language: _Concept = msgspec.field(default_factory=_Concept)


class _Patient(msgspec.Struct, rename="camel"):
    birth_date: date
    name: list[_Name]
    gender: str = "unknown"
    identifier: list[_Identifier] = []
    telecom: list[_Telecom] = []
    address: list[_Address] = []
    communication: list[_Communication] = []
    deceased_date_time: str | None = None


class _Detail(msgspec.Struct):
    code: _Concept = msgspec.field(default_factory=_Concept)


class _PlanActivity(msgspec.Struct):
    detail: _Detail | None = None


class _CarePlan(msgspec.Struct):
    status: str
    category: list[_Concept] = []
    period: _Period = msgspec.field(default_factory=_Period)
    activity: list[_PlanActivity] = []


class _Entry(msgspec.Struct):
    resource: msgspec.Raw


class _Bundle(msgspec.Struct, rename="camel"):
    resource_type: str
    entry: list[_Entry] = []


class _Kind(msgspec.Struct, rename="camel"):
    resource_type: str


class RealPlan(msgspec.Struct, frozen=True):
    """A care plan: what it asks, when it began, and when it ended; None while it runs."""

    content: ProtocolContent
    starts_on: date
    ended_on: date | None


class RealPatient(msgspec.Struct, frozen=True):
    """A patient with her plans. `unread` counts the resources of the bundle that have no place here yet."""

    demographics: Demographics
    plans: tuple[RealPlan, ...]
    died_on: date | None
    unread: dict[str, int]


def read_bundle(body: bytes, *, today: date) -> RealPatient | None:
    """Return the patient of a bundle; None when it is not about one patient. Raises MsgspecError when it is broken."""
    bundle = msgspec.json.decode(body, type=_Bundle)
    if bundle.resource_type != "Bundle":
        return None
    by_kind: dict[str, list[msgspec.Raw]] = {}
    for entry in bundle.entry:
        by_kind.setdefault(msgspec.json.decode(entry.resource, type=_Kind).resource_type, []).append(entry.resource)
    if len(by_kind.get("Patient", ())) != 1:
        return None
    patient = msgspec.json.decode(by_kind["Patient"][0], type=_Patient)
    died_on = _day(patient.deceased_date_time)
    plans = [msgspec.json.decode(raw, type=_CarePlan) for raw in by_kind.get("CarePlan", ())]
    counts = Counter({kind: len(raws) for kind, raws in by_kind.items() if kind not in {"Patient", "CarePlan"}})
    return RealPatient(
        demographics=_demographics(patient),
        plans=tuple(filter(None, (_plan(plan, today=today, died_on=died_on) for plan in plans))),
        died_on=died_on,
        unread=dict(counts.most_common()),
    )


def is_bundle(body: bytes) -> bool:
    """Return whether these bytes are a FHIR Bundle of patients' data, as against one of definitions."""
    return b'"Bundle"' in body[:2000] and b'"CarePlan"' in body


def _demographics(patient: _Patient) -> Demographics:
    name = patient.name[0]
    home = patient.address[0] if patient.address else _Address()
    sex: Any = patient.gender if patient.gender in get_args(Sex) else "unknown"
    seen = dict.fromkeys((one.system, one.value) for one in patient.identifier if one.system and one.value)
    language = patient.communication[0].language.coding if patient.communication else []
    return Demographics(
        given_name=_letters(" ".join(name.given)),
        family_name=_letters(name.family),
        birth_date=patient.birth_date,
        sex=sex,
        phone=_phone(patient.telecom, home.country),
        address=Address(
            lines=tuple(home.line), city=home.city, postal_code=home.postal_code, state=home.state, country=home.country
        ),
        language=language[0].code if language else None,
        identifiers=tuple(Identifier(system=system, value=value) for system, value in seen),
        time_zone=_ZONES.get(home.country or "", "UTC"),
    )


def _plan(plan: _CarePlan, *, today: date, died_on: date | None) -> RealPlan | None:
    began_on, ended_on = _day(plan.period.start), _day(plan.period.end)
    if began_on is None or plan.status == "entered-in-error" or not plan.activity:
        return None
    ended_on = ended_on or died_on
    if ended_on is None:
        # What runs without end, sometimes for decades, is given for a year at a time: this is the present year of it.
        years = (today - began_on).days // LONGEST_DAYS
        began_on += timedelta(days=years * LONGEST_DAYS)
        duration_days = LONGEST_DAYS
    else:
        duration_days = min(max((ended_on - began_on).days, 1), LONGEST_DAYS)
        ended_on = began_on + timedelta(days=duration_days)
    title = next((concept.words for concept in plan.category if concept.words), "Care plan")
    activities = tuple(_activities(plan, duration_days))
    content = ProtocolContent(
        title=title[:100],
        duration_days=duration_days,
        description="From a FHIR CarePlan. It names no times: each activity is open for as long as the plan runs.",
        category="imported",
        phases=(Phase(title=title, start_day=1, length_days=duration_days, activities=activities),),
    )
    return RealPlan(content, began_on, ended_on) if activities else None


def _activities(plan: _CarePlan, duration_days: int) -> list[Activity]:
    found: dict[str, Activity] = {}
    for one in plan.activity:
        words = one.detail.code.words if one.detail else ""
        key = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:64]
        if key:
            schedule = Schedule(window_minutes=duration_days * _MINUTES_A_DAY)
            found.setdefault(key, Activity(key=key, kind=_kind(words), title=words[:200], schedule=schedule))
    return list(found.values())


def _kind(words: str) -> ActivityKind:
    for pattern, kind in _KINDS:
        if re.search(pattern, words, re.IGNORECASE):
            return kind
    return "task"


def _phone(telecom: list[_Telecom], country: str | None) -> str | None:
    for one in telecom:
        if one.system == "phone":
            try:
                return phone(one.value, region=country)
            except ValueError:
                continue
    return None


def _letters(name: str) -> str:
    # Synthea tells its people from real ones by digits behind their names.
    return re.sub(r"\d+", "", name).strip() or name


def _day(at: str | None) -> date | None:
    """Return the date of a FHIR dateTime as it is written; None for one that names only a month or a year."""
    try:
        return None if at is None else date.fromisoformat(at[:10])
    except ValueError:
        return None
