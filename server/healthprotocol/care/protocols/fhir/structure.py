"""
Which activity is in which phase, where the nesting of the actions does not say it.

An edit may move an activity into another phase, or give actions that stand alone a phase with days of its own. The
action stays where it is, with all that hangs on it, and an extension on the plan says the new order.
"""

from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from healthprotocol.care.protocols.fhir.actions import ActivityRead
from healthprotocol.care.protocols.fhir.extensions import STRUCTURE, find_extension, read_extension
from healthprotocol.care.protocols.model import ActivityKey, Phase
from healthprotocol.care.protocols.rules.exchange.documents import Json
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.overlay import json_of
from healthprotocol.care.protocols.rules.exchange.strict import convert


class PhaseRead(NamedTuple):
    """A phase, the group action it came from (None for actions that stand alone), and its activities."""

    phase: Phase
    group: Node | None
    activities: tuple[ActivityRead, ...]


class _PhaseOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    start_day: Annotated[int, Meta(ge=1, le=365)]
    length_days: Annotated[int, Meta(ge=1, le=365)]
    description: Annotated[str, Meta(max_length=2000)] | None = None
    activity_keys: tuple[ActivityKey, ...] = ()


class _Structure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    phases: Annotated[tuple[_PhaseOrder, ...], Meta(max_length=52)] = ()


def arrange(plan: Node, phases: list[PhaseRead]) -> list[PhaseRead]:
    """Return the phases in the order that our extension on the plan says, or as they are when there is none."""
    extension = find_extension(plan.value, STRUCTURE)
    if extension is None:
        return phases
    structure, violations = convert(read_extension(extension, _Structure), _Structure)
    if structure is None or violations:
        plan.adjusted("extension", "Our own extension here is damaged; only FHIR's elements were read.")
        return phases
    waiting = {each.activity.key: each for phase in phases for each in phase.activities}
    groups = {phase.phase.title: phase.group for phase in phases}
    arranged = [_arranged(order, waiting, groups.get(order.title)) for order in structure.phases]
    if waiting:
        plan.adjusted("structure", "Some steps are in no phase of our own extension; they stand at the end.")
        arranged += [rest for phase in phases if (rest := _rest(phase, waiting)).activities]
    return arranged


def write_structure(phases: tuple[Phase, ...]) -> Json:
    """Return the value of the extension that says which activity is in which phase."""
    order = [
        _PhaseOrder(
            title=phase.title,
            start_day=phase.start_day,
            length_days=phase.length_days,
            description=phase.description,
            activity_keys=tuple(activity.key for activity in phase.activities),
        )
        for phase in phases
    ]
    written = json_of(_Structure(phases=tuple(order)))
    # Even no phases must be said.
    return written or {"phases": []}


def _arranged(order: _PhaseOrder, waiting: dict[str, ActivityRead], group: Node | None) -> PhaseRead:
    found = tuple(waiting.pop(key) for key in order.activity_keys if key in waiting)
    phase = Phase(
        title=order.title,
        start_day=order.start_day,
        length_days=order.length_days,
        description=order.description,
        activities=tuple(each.activity for each in found),
    )
    return PhaseRead(phase, group, found)


def _rest(phase: PhaseRead, waiting: dict[str, ActivityRead]) -> PhaseRead:
    left = tuple(each for each in phase.activities if each.activity.key in waiting)
    kept = msgspec.structs.replace(phase.phase, activities=tuple(each.activity for each in left))
    return PhaseRead(kept, phase.group, left)
