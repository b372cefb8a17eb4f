"""What changed between two versions, as a clinician says it."""

from typing import Any

import msgspec

from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent
from healthprotocol.care.protocols.rules.difference import Change, differences

WALK = Activity(key="walk", kind="task", title="Walk")
SWIM = Activity(key="swim", kind="exercise", title="Swim")


def phase(title: str, *activities: Activity, **more: Any) -> Phase:
    fields: dict[str, Any] = {"title": title, "start_day": 1, "length_days": 5, "activities": activities, **more}
    return Phase(**fields)


def content(*phases: Phase, **more: Any) -> ProtocolContent:
    fields: dict[str, Any] = {"title": "A plan", "duration_days": 10, "phases": phases, **more}
    return ProtocolContent(**fields)


def told(before: ProtocolContent, after: ProtocolContent) -> list[tuple[str, str, str, list[str]]]:
    found: tuple[Change, ...] = differences(before, after)
    return [(one.change, one.of, one.name, [field.field for field in one.fields]) for one in found]


class TestDifferences:
    def test_of_the_same_are_none(self) -> None:
        assert told(content(phase("One", WALK)), content(phase("One", WALK))) == []

    def test_of_its_own_fields_come_first_with_what_was_and_is(self) -> None:
        before, after = content(tags=("a",)), content(tags=("a", "b"), title="Another")

        [change] = differences(before, after)

        assert (change.of, change.title) == ("protocol", "Another")
        assert [(one.field, one.before, one.after) for one in change.fields] == [
            ("title", "A plan", "Another"),
            ("tags", ("a",), ("a", "b")),
        ]

    def test_name_phases_by_their_position(self) -> None:
        one, two = phase("One"), phase("Two")

        assert told(content(one), content(one, two)) == [("added", "phase", "2", [])]
        assert told(content(one, two), content(one)) == [("removed", "phase", "2", [])]
        assert told(content(one), content(phase("One", length_days=6))) == [("changed", "phase", "1", ["length_days"])]

    def test_name_activities_by_their_key_wherever_they_went(self) -> None:
        longer = msgspec.structs.replace(WALK, instructions="Far")
        before = content(phase("One", WALK), phase("Two"))

        assert told(before, content(phase("One", longer), phase("Two"))) == [
            ("changed", "activity", "walk", ["instructions"])
        ]
        assert told(before, content(phase("One"), phase("Two", WALK))) == [("changed", "activity", "walk", ["phase"])]
        assert told(before, content(phase("One", SWIM), phase("Two"))) == [
            ("added", "activity", "swim", []),
            ("removed", "activity", "walk", []),
        ]
