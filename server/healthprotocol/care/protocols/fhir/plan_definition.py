"""
A FHIR PlanDefinition read as the content of a care protocol.

Top-level groups become phases, actions without children become activities, groups below are flattened.
Source: FHIR R4 PlanDefinition.
"""

from typing import NamedTuple

import msgspec

from healthprotocol.care.protocols.fhir.actions import ActionReader, ActivityRead, Around, keep_parts, title_of
from healthprotocol.care.protocols.fhir.definitions import Definitions
from healthprotocol.care.protocols.fhir.extensions import PHASE, PROTOCOL, find_extension, read_extension
from healthprotocol.care.protocols.fhir.horizon import days_of, duration_of
from healthprotocol.care.protocols.fhir.plan_texts import read_texts
from healthprotocol.care.protocols.fhir.structure import PhaseRead, arrange
from healthprotocol.care.protocols.fhir.timing import read_duration, read_timing
from healthprotocol.care.protocols.model import Kept, Phase, ProtocolContent
from healthprotocol.care.protocols.rules.exchange.documents import Json
from healthprotocol.care.protocols.rules.exchange.finish import Place, activity_place, finish
from healthprotocol.care.protocols.rules.exchange.limits import (
    MAX_ACTIVITIES_OF_PHASE,
    MAX_DAYS,
    MAX_PHASE_DESCRIPTION,
    MAX_PHASES,
)
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.overlay import json_of, merge
from healthprotocol.care.protocols.rules.exchange.report import MAX_KEPT
from healthprotocol.care.protocols.rules.exchange.strict import convert

MAX_ACTION_DEPTH = 20
MAX_ACTIONS = 5_000
_ONE_OF = {"exactly-one", "at-most-one"}
_SOME_OF = {"any", "one-or-more", "all-or-none"}


class PlanReading(NamedTuple):
    """The content of a plan, and what each of its phases came from."""

    content: ProtocolContent
    phases: tuple[PhaseRead, ...]


def read_plan(plan: Node, definitions: Definitions) -> PlanReading | None:
    """Return the content of a PlanDefinition as it will be stored, or None with the reasons in the report."""
    reading = read_plan_as_is(plan, definitions)
    content = finish(reading.content, plan.report, place_at=lambda pointer: _place(pointer, plan, reading))
    return None if content is None else reading._replace(content=content)


def read_plan_as_is(plan: Node, definitions: Definitions) -> PlanReading:
    """Return what a PlanDefinition says, not yet held against the rules; refusals are in the report."""
    if "modifierExtension" in plan:
        plan.refused("modifier_extension", "An extension here changes the meaning of the whole plan.")
    reader = _Reader(plan, definitions)
    groups = reader.groups()
    change = _protocol_extension(plan)
    lengths = [_length(group) for group in groups]
    planned = [[each.activity.schedule for each in group.activities] for group in groups]
    duration = _duration(plan, change, duration_of(list(zip(planned, lengths, strict=True))))
    phases = arrange(plan, [_with_days(group, length, duration) for group, length in zip(groups, lengths, strict=True)])
    if len(phases) > MAX_PHASES:
        plan.refused("too_many", f"A protocol has at most {MAX_PHASES} phases.", at="action")
    if any(len(phase.activities) > MAX_ACTIVITIES_OF_PHASE for phase in phases):
        plan.refused("too_many", f"A phase has at most {MAX_ACTIVITIES_OF_PHASE} activities.", at="action")
    return PlanReading(_content(plan, change, duration, phases), tuple(phases))


def _place(pointer: str, plan: Node, reading: PlanReading) -> Place:
    found = activity_place(pointer)
    if found is None:
        return Place(plan.file, plan.pointer)
    phase, index, rest = found
    read = reading.phases[phase].activities[index]
    if rest.startswith("/schedule"):
        return Place(read.place.file, read.place.pointer + rest.removeprefix("/schedule"))
    return Place(read.action.file, read.action.pointer)


class _Reader:
    def __init__(self, plan: Node, definitions: Definitions) -> None:
        self._plan = plan
        kind = plan.get("type")
        codings = [kind, *kind.items("coding")] if kind else []
        is_rule = any(each.word("code") == "eca-rule" for each in codings)
        self._actions = ActionReader(plan, definitions, is_rule=is_rule)
        self._seen = 0

    def groups(self) -> list[PhaseRead]:
        """Return the phases in their order, without their days; actions that stand alone share one."""
        groups: list[PhaseRead] = []
        alone: int | None = None
        for action in self._plan.objects("action"):
            if self._is_too_much(action, depth=1):
                break
            if "action" in action or find_extension(action.value, PHASE) is not None:
                activities = self._leaves(action, Around(), depth=1)
                if activities or find_extension(action.value, PHASE) is not None:
                    groups.append(PhaseRead(_named_phase(action, self._plan), action, tuple(activities)))
                continue
            read = self._actions.read(action, Around())
            if read is None:
                continue
            if alone is None:
                alone = len(groups)
                title = title_of(self._plan) or "Plan"
                groups.append(PhaseRead(Phase(title=title, start_day=1, length_days=1), None, ()))
            groups[alone] = groups[alone]._replace(activities=(*groups[alone].activities, read))
        return groups

    def _leaves(self, group: Node, around: Around, *, depth: int) -> list[ActivityRead]:
        """Return the activities in a group, at whatever depth."""
        self._keep_group(group, depth=depth)
        timing = group.get("timingTiming")
        inside = Around(
            timing=read_timing(timing) if timing is not None else around.timing,
            is_conditional=around.is_conditional or "condition" in group or "trigger" in group,
            why_kept=around.why_kept or _why_kept(group),
        )
        found: list[ActivityRead] = []
        for action in group.objects("action"):
            if self._is_too_much(action, depth=depth + 1):
                break
            if "action" in action:
                found += self._leaves(action, inside, depth=depth + 1)
            else:
                read = self._actions.read(action, inside)
                found += [read] if read else []
        return found

    def _is_too_much(self, action: Node, *, depth: int) -> bool:
        self._seen += 1
        if self._seen > MAX_ACTIONS:
            if self._seen == MAX_ACTIONS + 1:
                action.refused("too_many", f"A plan has at most {MAX_ACTIONS} actions.")
            return True
        if depth > MAX_ACTION_DEPTH and "action" in action:
            action.refused("too_deep", f"Actions may be nested {MAX_ACTION_DEPTH} deep.")
            return True
        return False

    def _keep_group(self, group: Node, *, depth: int) -> None:
        keep_parts(group)
        if depth > 1:
            group.kept("a group of steps within a phase", title_of(group) or group.word("id") or "")
        reference = group.get("definitionCanonical") or group.get("definitionUri")
        if reference is not None:
            reference.kept("a definition of a whole group", reference.word("") or reference.compact())


def _why_kept(group: Node) -> str | None:
    selection = group.word("selectionBehavior")
    several = len(group.items("action")) > 1
    if selection in _ONE_OF and several:
        return "one of several alternatives, of which a clinician chooses"
    if selection in _SOME_OF and several:
        group.adjusted("selection", "A choice is left here: all of it is planned; take out what is not wanted.")
    if "modifierExtension" in group:
        return "a part of a group with an extension that changes its meaning"
    return None


def _named_phase(group: Node, plan: Node) -> Phase:
    title = title_of(group) or title_of(plan) or "Phase"
    description = group.text("description", limit=MAX_PHASE_DESCRIPTION)
    return Phase(title=title, start_day=1, length_days=1, description=description)


def _length(group: PhaseRead) -> int | None:
    """Return how long a group says that it lasts, in days, or None."""
    timing = group.group.get("timingDuration") if group.group is not None else None
    length = read_duration(timing) if timing is not None else None
    return days_of(length) if length is not None else None


def _with_days(group: PhaseRead, length: int | None, duration: int) -> PhaseRead:
    """Give a phase its days: what our extension says, else the group's own duration, else the whole plan."""
    activities = tuple(each.activity for each in group.activities)
    phase = msgspec.structs.replace(group.phase, length_days=min(length or duration, duration), activities=activities)
    if group.group is None:
        return group._replace(phase=phase)
    extension = find_extension(group.group.value, PHASE)
    if extension is None:
        return group._replace(phase=phase)
    bare = json_of(msgspec.structs.replace(phase, activities=()))
    whole, violations = convert(merge(bare, read_extension(extension, Phase)), Phase)
    if whole is None or violations:
        group.group.adjusted("extension", "Our own extension here is damaged; only FHIR's elements were read.")
        return group._replace(phase=phase)
    return group._replace(phase=msgspec.structs.replace(whole, activities=phase.activities))


def _protocol_extension(plan: Node) -> dict[str, Json]:
    extension = find_extension(plan.value, PROTOCOL)
    change = read_extension(extension, ProtocolContent) if extension is not None else {}
    return change if isinstance(change, dict) else {}


def _duration(plan: Node, change: dict[str, Json], days: int) -> int:
    stated = change.get("duration_days")
    if isinstance(stated, int) and 1 <= stated <= MAX_DAYS:
        return stated
    if days > MAX_DAYS:
        plan.adjusted("duration", "The plan is longer than a protocol may last; it runs 365 days.")
    else:
        plan.adjusted("duration", f"A PlanDefinition has no length; from its timings it runs {days} days.")
    return min(days, MAX_DAYS)


def _content(plan: Node, change: dict[str, Json], duration: int, phases: list[PhaseRead]) -> ProtocolContent:
    texts = read_texts(plan)
    kept = plan.report.kept_parts()
    content = msgspec.structs.replace(texts, duration_days=duration, kept=kept, phases=())
    extended = {name: value for name, value in change.items() if name != "phases"}
    if extended:
        own, violations = convert(merge(json_of(content), extended), ProtocolContent)
        if own is None or violations:
            plan.adjusted("extension", "Our own extension here is damaged; only FHIR's elements were read.")
        else:
            both: tuple[Kept, ...] = own.kept + kept if "kept" in extended else kept
            content = msgspec.structs.replace(own, kept=both[:MAX_KEPT])
    return msgspec.structs.replace(content, phases=tuple(each.phase for each in phases))
