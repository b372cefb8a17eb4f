"""PlanDefinitions as care protocols."""

from typing import Any

import pytest

from tests.care.protocols.fhir.resources import (
    DAILY,
    activities,
    adjusted,
    definition,
    kept,
    only,
    plan,
    read,
    read_files,
    refused,
)

STEP = {"title": "Walk", "timingTiming": DAILY}
CONDITION = {"kind": "applicability", "expression": {"language": "text/cql", "expression": "Tired"}}
RULE = {"coding": [{"code": "eca-rule"}]}


def days(length: int) -> dict[str, Any]:
    return {
        "repeat": {"frequency": 1, "period": 1, "periodUnit": "d", "boundsDuration": {"value": length, "code": "d"}}
    }


def group(*actions: Any, **changes: Any) -> dict[str, Any]:
    return {"title": "First", "action": list(actions), **changes}


class TestPhases:
    def test_are_the_groups_at_the_top(self) -> None:
        content = read(plan(group(STEP), group(STEP, STEP, title="Second", description="Then"))).content

        assert [(phase.title, len(phase.activities)) for phase in content.phases] == [("First", 1), ("Second", 2)]
        assert content.phases[1].description == "Then"

    def test_flatten_what_is_nested_deeper(self) -> None:
        protocol = read(plan(group(group(STEP, title="Inner"), STEP)))

        assert [each.key for each in activities(protocol.content)] == ["walk", "walk-2"]
        assert kept(protocol)["/action/0/action/0"] == "a group of steps within a phase"

    def test_gather_actions_that_stand_alone(self) -> None:
        content = read(plan(STEP, group(STEP), STEP)).content

        assert [(phase.title, len(phase.activities)) for phase in content.phases] == [
            ("Walks along the Elbe", 2), ("First", 1),
        ]  # fmt: skip

    def test_last_as_long_as_their_group_says(self) -> None:
        week = {"value": 2, "unit": "weeks"}

        content = read(plan(group({"title": "Walk"}, timingDuration=week))).content

        assert (content.phases[0].length_days, content.duration_days) == (14, 14)

    def test_without_a_name_have_that_of_the_plan(self) -> None:
        content = read(plan({"action": [STEP]}, title="Elbe")).content

        assert content.phases[0].title == "Elbe"

    def test_deeper_than_twenty_are_refused(self) -> None:
        nested: Any = STEP
        for _ in range(22):
            nested = group(nested)

        assert "too_deep" in refused(plan(nested)).values()

    def test_to_twenty_are_read(self) -> None:
        nested: Any = STEP
        for _ in range(20):
            nested = group(nested)

        assert len(activities(read(plan(nested)).content)) == 1

    def test_too_many_are_refused(self) -> None:
        assert "too_many" in refused(plan(*[group(STEP)] * 53)).values()

    def test_with_too_many_activities_are_refused(self) -> None:
        assert "too_many" in refused(plan(*[STEP] * 201)).values()


class TestDuration:
    @pytest.mark.parametrize(
        ("timing", "expected"),
        [
            (days(10), 10),
            (DAILY, 365),
            (days(1825), 365),
            ({"repeat": {"count": 10, "period": 3, "periodUnit": "d"}}, 30),
            ({"repeat": {"boundsPeriod": {"start": "2026-03-01", "end": "2026-03-14"}}}, 14),
            ({"repeat": {"boundsRange": {"high": {"value": 3, "code": "wk"}}, "period": 1, "periodUnit": "d"}}, 21),
            ({"repeat": {"count": 4, "dayOfWeek": ["mon"], "period": 1, "periodUnit": "wk"}}, 35),
            (None, 30),
        ],
    )
    def test_reaches_to_the_end_of_the_last_step(self, timing: Any, expected: int) -> None:
        step = {"title": "Walk", "timingTiming": timing}

        protocol = read(plan(step))

        assert protocol.content.duration_days == expected
        assert "duration" in adjusted(protocol).values()


class TestSafety:
    """What must not be planned by a machine that does not understand it."""

    @pytest.mark.parametrize("rule", [RULE, {"code": "eca-rule"}])
    def test_a_decision_rule_is_kept(self, rule: Any) -> None:
        protocol = read(plan({"title": "Advise", "condition": [CONDITION]}, type=rule))

        assert protocol.content.phases == ()
        assert kept(protocol) == {
            "/action/0": "a step of a decision rule, which has no time of its own",
            "/action/0/condition/0": "a condition that is not evaluated",
        }

    def test_a_decision_rule_with_a_time_is_planned(self) -> None:
        assert only(plan(STEP, type=RULE)).title == "Walk"

    @pytest.mark.parametrize(
        "reason", [{"condition": [CONDITION]}, {"trigger": [{"type": "named-event", "name": "Fall"}]}]
    )
    def test_a_conditional_step_without_a_time_is_kept(self, reason: Any) -> None:
        for value in (plan({"title": "Call", **reason}), plan(group({"title": "Call"}, **reason))):
            assert read(value).content.phases == ()

    def test_a_conditional_step_with_a_time_is_planned_and_staff_are_told(self) -> None:
        protocol = read(plan({**STEP, "condition": [CONDITION]}))

        (activity,) = activities(protocol.content)
        assert activity.clinician_instructions == "Only when: text/cql: Tired"
        assert adjusted(protocol)["/action/0/condition"] == "condition"

    @pytest.mark.parametrize("selection", ["exactly-one", "at-most-one"])
    def test_alternatives_are_left_to_a_clinician(self, selection: str) -> None:
        protocol = read(plan(group(STEP, STEP, selectionBehavior=selection)))

        assert protocol.content.phases == ()
        assert kept(protocol)["/action/0/action/1"].startswith("one of several alternatives")

    def test_a_single_alternative_is_planned(self) -> None:
        assert only(plan(group(STEP, selectionBehavior="exactly-one"))).title == "Walk"

    def test_a_choice_of_any_is_planned_and_said(self) -> None:
        protocol = read(plan(group(STEP, STEP, selectionBehavior="any")))

        assert len(activities(protocol.content)) == 2
        assert adjusted(protocol)["/action/0"] == "selection"

    def test_an_extension_that_changes_meaning_stops_its_part(self) -> None:
        strange = [{"url": "http://x/unless"}]

        assert refused(plan(STEP, modifierExtension=strange)) == {"": "modifier_extension"}
        assert read(plan({**STEP, "modifierExtension": strange})).content.phases == ()
        assert read(plan(group(STEP, modifierExtension=strange))).content.phases == ()

    def test_a_rhythm_that_cannot_be_planned_is_kept(self) -> None:
        often = {"repeat": {"frequency": 1, "period": 5, "periodUnit": "min"}}

        protocol = read(plan({"title": "Spray", "timingTiming": often}))

        assert "more than 100 times a day" in kept(protocol)["/action/0"]

    def test_a_timing_that_is_no_fhir_is_refused_with_its_place(self) -> None:
        broken = {"repeat": {"period": 1}}

        assert refused(plan(STEP, {"title": "Sit", "timingTiming": broken})) == {
            "/action/1/timingTiming/repeat/period": "tim-2"
        }

    def test_nothing_is_imported_by_half(self) -> None:
        reading = read_files(plan(STEP), plan(STEP, {"title": "Sit", "timingTiming": {"repeat": {"period": 1}}}))

        assert [protocol.source.documents[0].name for protocol in reading.protocols] == ["file-0.json"]
        assert {finding.file for finding in reading.refused} == {"file-1.json"}

    def test_a_step_that_says_nothing_is_kept(self) -> None:
        assert kept(read(plan({"id": "x"})))["/action/0"] == "a step that says nothing"


class TestTiming:
    def test_of_the_action_comes_before_that_of_its_definition(self) -> None:
        twice = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
        action = {**STEP, "timingTiming": twice, "definitionCanonical": "ActivityDefinition/walk"}

        assert only(plan(action), definition(timingTiming=DAILY)).schedule.frequency == 2

    def test_of_the_group_holds_for_those_without(self) -> None:
        protocol = read(plan(group({"title": "Walk"}, timingTiming=DAILY)))

        assert activities(protocol.content)[0].schedule.period == 1
        assert adjusted(protocol)["/action/0/action/0"] == "timing"

    def test_of_other_kinds_is_kept(self) -> None:
        protocol = read(plan({"title": "Walk", "timingDateTime": "2026-03-01"}))

        assert kept(protocol)["/action/0/timingDateTime"] == "timingDateTime"


class TestTexts:
    def test_become_title_description_category_tags_and_language(self) -> None:
        topics = [{"text": "Feet"}, {"coding": [{"display": "Walking"}]}, {}]

        content = read(plan(STEP, description="Every day.", topic=topics, language="de")).content

        assert (content.title, content.description) == ("Walks along the Elbe", "Every day.")
        assert (content.category, content.tags, content.languages) == ("Feet", ("Walking",), ("de",))

    @pytest.mark.parametrize(
        ("changes", "title"),
        [
            ({"title": None, "name": "ElbeWalks"}, "ElbeWalks"),
            ({"title": " ", "name": None}, "elbe"),
            ({"title": "A"}, "Care protocol A"),
            ({"title": "x" * 150}, "x" * 99 + "…"),
            ({"title": 2026}, "2026"),
            ({"title": ["x"], "name": None}, "elbe"),
        ],
    )
    def test_of_a_title_that_does_not_fit_are_mended(self, changes: Any, title: str) -> None:
        protocol = read(plan(STEP, **changes))

        assert protocol.content.title == title
        assert {"title", "too_long", "text_expected"} & set(adjusted(protocol).values())

    def test_of_a_long_description_are_whole_in_the_content(self) -> None:
        long = "Walk <b>far</b> & wide.\n\n" * 100

        content = read(plan(STEP, description=long)).content

        assert content.description.endswith("wide.…")
        assert content.content.count("<p>Walk &lt;b&gt;far&lt;/b&gt; &amp; wide.</p>") == 100

    def test_without_a_status_begin_as_a_draft_and_say_so(self) -> None:
        assert adjusted(read(plan(STEP, status=None)))["/status"] == "status"

    def test_of_too_many_topics_are_cut(self) -> None:
        content = read(plan(STEP, topic=[{"text": str(number)} for number in range(30)])).content

        assert len(content.tags) == 20

    def test_that_have_no_place_are_kept(self) -> None:
        protocol = read(
            plan(
                STEP, goal=[{"description": {"text": "Walk freely"}}], library=["http://x/Library/1"],
                extension=[{"url": "http://x", "valueCode": "y"}], purpose="To heal", _title={"id": "t"},
                useContext=[{"valueCodeableConcept": {"text": "Elbe"}}],
            )
        )  # fmt: skip

        assert {(each.what, each.text) for each in protocol.content.kept} == {
            ("a goal", "Walk freely"),
            ("a logic library", "http://x/Library/1"),
            ("an extension", '{"url":"http://x","valueCode":"y"}'),
            ("purpose", "To heal"),
            ("a context of use", '{"valueCodeableConcept":{"text":"Elbe"}}'),
        }


class TestKept:
    def test_parts_are_shown_in_words(self) -> None:
        action = {
            **STEP,
            "relatedAction": [{"relationship": "after-end", "actionId": "a", "offsetDuration": {"value": 1}}, {}],
            "documentation": [{"type": "citation", "label": "Rhine 2020"}, {}],
            "participant": [{"type": "patient", "role": {"text": "Walker"}}, {}],
            "dynamicValue": [{"expression": {"expression": "1"}}, {"path": "x"}],
            "trigger": [{"type": "periodic"}, {}],
            "transform": "http://x/map",
            "type": {"coding": [{"code": "create"}]},
            "reason": [{"text": "Age"}],
            "a member of no use": 1,
        }

        texts = {each.text for each in read(plan(action)).content.kept}

        assert texts >= {
            'after-end a {"value":1}', "Rhine 2020", "patient Walker", "? = 1", 'x = {"path":"x"}', "periodic",
            "http://x/map", "create", '[{"text":"Age"}]', "1", "{}",
        }  # fmt: skip

    def test_two_thousand_are_enough(self) -> None:
        values = [{"path": str(number)} for number in range(3000)]

        content = read(plan({**STEP, "dynamicValue": values})).content

        assert len(content.kept) == 2000
        assert "more parts" in content.kept[-1].text
