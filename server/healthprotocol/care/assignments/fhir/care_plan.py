"""
A FHIR CarePlan read as a protocol and as what its assignment was.

Source: FHIR R4 CarePlan. Where no time is given: what is taught comes weekly, everything else daily.
"""

from datetime import date

import msgspec

from healthprotocol.care.assignments.model import AssignmentStatus
from healthprotocol.care.protocols.fhir.shown import concept
from healthprotocol.care.protocols.fhir.timing import read_timing
from healthprotocol.care.protocols.model import Activity, ActivityKind, Phase, ProtocolContent, Schedule
from healthprotocol.care.protocols.rules.exchange.finish import Place, finish
from healthprotocol.care.protocols.rules.exchange.limits import (
    MAX_ACTIVITIES_OF_PHASE,
    MAX_DAYS,
    MAX_NAME,
    MAX_TITLE,
    MIN_TITLE,
)
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.report import Report
from healthprotocol.care.protocols.rules.exchange.texts import Keys, cut, key_of, one_line

DAILY = Schedule(frequency=1, period=1, period_unit="d")
WEEKLY = Schedule(frequency=1, period=1, period_unit="wk")
_STATUSES: dict[str, AssignmentStatus] = {
    "draft": "proposed", "active": "active", "on-hold": "paused", "revoked": "stopped", "completed": "completed",
    "entered-in-error": "entered_in_error", "unknown": "proposed",
}  # fmt: skip
# The words by which a plain text tells what kind of thing it is; the first that fits.
_KINDS: tuple[tuple[ActivityKind, tuple[str, ...]], ...] = (
    ("education", ("education", "recommendation", "advice", "counsel", "teach", "information")),
    ("exercise", ("exercise", "stretch", "physical therapy", "rehabilitation")),
    ("appointment", ("appointment", "visit", "referral", "consultation", "follow-up")),
    ("medication", ("medication", "tablet", "inhaler")),
)
_DONE_IN_STATUS = {"cancelled", "stopped", "entered-in-error"}


class PlanForPerson(msgspec.Struct, frozen=True, kw_only=True):
    """
    A care plan that somebody had: what it plans, and when and how it stood for her.

    `starts_on` and `ends_on` are the dates the plan names, None where it names none. They may lie many years back, and
    further apart than the protocol is long.
    """

    source_id: str
    content: ProtocolContent
    status: AssignmentStatus
    starts_on: date | None
    ends_on: date | None


def read_care_plan(plan: Node, *, file: str) -> PlanForPerson | None:
    """Return a CarePlan's protocol and assignment, or None with the reasons in the report of `plan`."""
    period = plan.get("period")
    starts_on, ends_on = _day(period, "start"), _day(period, "end")
    duration = _duration(starts_on, ends_on)
    # What the plan says about its person must not get into the definition: a report of its own, and only what is named.
    report = Report(file)
    source = Node(plan.value, report, file=file, pointer=plan.pointer)
    activities = _activities(source)
    title = _title(source)
    report.kept(file, f"{plan.pointer}/activity", "no times given", _NO_TIMES)
    content = ProtocolContent(
        title=title,
        description="Imported from a care plan that was written for one person.",
        duration_days=duration,
        category="imported care plan",
        phases=(Phase(title=title, start_day=1, length_days=duration, activities=activities),) if activities else (),
        kept=tuple(each for each in report.kept_parts() if each.what == "no times given"),
    )
    finished = finish(content, report, place_at=lambda _: Place(file, plan.pointer))
    for finding in report.findings():
        if finding.outcome == "refused":
            plan.report.refused(file, finding.pointer, finding.code, finding.detail)
    if finished is None:
        return None
    return PlanForPerson(
        source_id=plan.word("id") or "",
        content=finished,
        status=_STATUSES.get(plan.word("status") or "", "proposed"),
        starts_on=starts_on,
        ends_on=ends_on,
    )


_NO_TIMES = (
    "The care plan says what, not when: what is taught is planned once a week, everything else once a day. "
    "A clinician should set the real times."
)


def _activities(plan: Node) -> tuple[Activity, ...]:
    keys = Keys()
    found: dict[tuple[str, Schedule | None], Activity] = {}
    for entry in plan.objects("activity"):
        detail = entry.get("detail")
        text = _what(detail) if detail is not None else None
        if detail is None or text is None or _is_not_done(detail):
            continue
        timing = detail.get("scheduledTiming")
        reading = read_timing(timing) if timing is not None else None
        given = reading.schedule if reading is not None and reading.says_when else None
        if given is not None:
            # The dates are those of one person.
            given = msgspec.structs.replace(given, bounds_period=None)
        if (text, given) in found:
            # Generated plans repeat themselves; doing a thing twice is not what they mean.
            continue
        kind = kind_of(text)
        found[text, given] = Activity(
            key=keys.take(key_of(text, otherwise="activity")),
            kind=kind,
            title=text,
            schedule=given or (WEEKLY if kind == "education" else DAILY),
        )
    return tuple(found.values())[:MAX_ACTIVITIES_OF_PHASE]


def kind_of(text: str) -> ActivityKind:
    """Return the kind of an activity of which only a plain text is known."""
    words = text.lower()
    for kind, signs in _KINDS:
        if any(sign in words for sign in signs):
            return kind
    return "task"


def _what(detail: Node) -> str | None:
    code = detail.get("code")
    text = (concept(code) if code is not None else None) or detail.word("description")
    return cut(one_line(text), MAX_NAME) if text and one_line(text) else None


def _is_not_done(detail: Node) -> bool:
    return detail.word("status") in _DONE_IN_STATUS or detail.boolean("doNotPerform") is True


def _title(plan: Node) -> str:
    category = plan.path("category")
    text = plan.word("title") or (concept(category) if category is not None else None) or ""
    title = one_line(text)
    return cut(title if len(title) >= MIN_TITLE else f"Care plan {title}".strip(), MAX_TITLE)


def _day(period: Node | None, name: str) -> date | None:
    try:
        return date.fromisoformat((period.word(name) or "")[:10]) if period is not None else None
    except ValueError:
        return None


def _duration(starts_on: date | None, ends_on: date | None) -> int:
    if starts_on is None or ends_on is None or ends_on < starts_on:
        return MAX_DAYS
    return min((ends_on - starts_on).days + 1, MAX_DAYS)
