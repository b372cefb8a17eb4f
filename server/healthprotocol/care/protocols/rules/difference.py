"""What changed between two versions, as a clinician says it: added, removed, changed, each with its place."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent

ChangeKind = Literal["added", "removed", "changed"]


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """A field with what it was and is; None where it is absent."""

    field: str
    before: Any = None
    after: Any = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One card of a comparison: of the protocol itself, a phase (by position), or an activity (by its key)."""

    change: ChangeKind
    of: Literal["protocol", "phase", "activity"]
    name: str
    title: str
    fields: tuple[FieldChange, ...] = ()


_OWN_FIELDS = ("title", "description", "duration_days", "content", "patient_content", "category", "tags", "languages")
_PHASE_FIELDS = ("title", "start_day", "length_days", "description")


def differences(before: ProtocolContent, after: ProtocolContent) -> tuple[Change, ...]:
    """
    Return the changes from `before` to `after`: the protocol's own, then phases, then activities in plan order.

    Activities are the same when their keys are; moving to another phase shows as a change of the field `phase`.
    """
    return (
        *_own(before, after),
        *_phases(before.phases, after.phases),
        *_activities(before, after),
    )


def _own(before: ProtocolContent, after: ProtocolContent) -> Iterator[Change]:
    fields = _changed_fields(before, after, _OWN_FIELDS)
    if fields:
        yield Change(change="changed", of="protocol", name="protocol", title=after.title, fields=fields)


def _phases(before: tuple[Phase, ...], after: tuple[Phase, ...]) -> Iterator[Change]:
    for index in range(max(len(before), len(after))):
        name = str(index + 1)
        if index >= len(before):
            yield Change(change="added", of="phase", name=name, title=after[index].title)
        elif index >= len(after):
            yield Change(change="removed", of="phase", name=name, title=before[index].title)
        else:
            fields = _changed_fields(before[index], after[index], _PHASE_FIELDS)
            if fields:
                yield Change(change="changed", of="phase", name=name, title=after[index].title, fields=fields)


def _activities(before: ProtocolContent, after: ProtocolContent) -> Iterator[Change]:
    old, new = _by_key(before), _by_key(after)
    for key, (place, activity) in new.items():
        if key not in old:
            yield Change(change="added", of="activity", name=key, title=activity.title)
            continue
        old_place, old_activity = old[key]
        fields = _changed_fields(old_activity, activity, Activity.__struct_fields__)
        if place != old_place:
            fields = (FieldChange(field="phase", before=old_place, after=place), *fields)
        if fields:
            yield Change(change="changed", of="activity", name=key, title=activity.title, fields=fields)
    for key, (_, activity) in old.items():
        if key not in new:
            yield Change(change="removed", of="activity", name=key, title=activity.title)


def _by_key(content: ProtocolContent) -> dict[str, tuple[str, Activity]]:
    return {
        activity.key: (f"{index + 1}. {phase.title}", activity)
        for index, phase in enumerate(content.phases)
        for activity in phase.activities
    }


def _changed_fields(before: object, after: object, names: tuple[str, ...]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(
            field=name,
            before=msgspec.to_builtins(getattr(before, name)),
            after=msgspec.to_builtins(getattr(after, name)),
        )
        for name in names
        if getattr(before, name) != getattr(after, name)
    )
