"""An edit shows, and what was not edited is not touched."""

import json
from typing import Any

import msgspec

from healthprotocol.care.protocols.fhir.exchange import as_one_file, write_source
from healthprotocol.care.protocols.fhir.extensions import ACTIVITY, PHASE, PROTOCOL, STRUCTURE, find_extension
from healthprotocol.care.protocols.model import Activity, Medication, Phase, ProtocolContent, Schedule
from healthprotocol.care.protocols.rules.exchange.documents import parse_json
from healthprotocol.care.protocols.rules.exchange.report import ReadProtocol
from tests.care.protocols.fhir.resources import (
    DAILY,
    activities,
    bundle,
    definition,
    plan,
    questionnaire,
    read,
    refused,
)

STEP = {"id": "walk", "title": "Walk", "timingTiming": DAILY, "documentation": [{"type": "citation", "label": "Rhine"}]}
QUESTION = {"linkId": "1", "text": "How are you?", "type": "text"}


def edited(protocol: ReadProtocol, **changes: Any) -> ProtocolContent:
    """The content with the first activity changed."""
    first, *rest = protocol.content.phases
    activity = msgspec.structs.replace(first.activities[0], **changes)
    phase = msgspec.structs.replace(first, activities=(activity, *first.activities[1:]))
    return msgspec.structs.replace(protocol.content, phases=(phase, *rest))


def written(protocol: ReadProtocol, content: ProtocolContent) -> list[Any]:
    """The documents after an edit, once it is sure that the edit comes back."""
    result = write_source(content, format="fhir", source=protocol.source)
    assert result.refused == ()
    values: list[Any] = [parse_json(each.body) for each in result.files]
    again = read(*values).content
    assert msgspec.structs.replace(again, kept=()) == msgspec.structs.replace(content, kept=())
    return values


def without(value: Any, *names: str) -> Any:
    return {name: member for name, member in value.items() if name not in names}


class TestOneEdit:
    def test_of_a_title_is_in_the_title(self) -> None:
        protocol = read(plan(STEP))

        (after,) = written(protocol, edited(protocol, title="Stroll"))

        assert after["action"][0]["title"] == "Stroll"
        assert without(after["action"][0], "title", "extension") == without(STEP, "title")
        assert without(after, "action") == without(plan(), "action")

    def test_of_a_schedule_is_in_the_timing(self) -> None:
        protocol = read(plan({**STEP, "timingTiming": {**DAILY, "event": ["2026-03-01"]}}))

        (after,) = written(protocol, edited(protocol, schedule=Schedule(frequency=2, period=1, period_unit="wk")))

        assert after["action"][0]["timingTiming"] == {
            "repeat": {"frequency": 2, "period": 1, "periodUnit": "wk"},
            "event": ["2026-03-01"],
        }

    def test_of_what_fhir_cannot_say_is_in_our_extension(self) -> None:
        protocol = read(plan(STEP))
        schedule = msgspec.structs.replace(protocol.content.phases[0].activities[0].schedule, window_minutes=90)

        (after,) = written(protocol, edited(protocol, schedule=schedule))

        extension = find_extension(after["action"][0], ACTIVITY)
        assert extension is not None
        assert {"url": "schedule", "extension": [{"url": "windowMinutes", "valueInteger": 90}]} in extension[
            "extension"
        ]  # pyright: ignore[reportOperatorIssue]

    def test_of_texts_is_where_they_are(self) -> None:
        protocol = read(plan(STEP, topic=[{"text": "Feet"}]))
        content = msgspec.structs.replace(
            protocol.content,
            title="Rhine walks",
            description="Daily",
            category="Legs",
            tags=("a",),
            languages=("de", "en"),
        )

        (after,) = written(protocol, content)

        assert (after["title"], after["description"], after["language"]) == ("Rhine walks", "Daily", "de")
        assert [topic.get("text") for topic in after["topic"]] == ["Legs", None]

    def test_that_takes_words_away_is_said_too(self) -> None:
        protocol = read(plan({**STEP, "description": "Go"}, description="All", topic=[{"text": "Feet"}]))

        content = msgspec.structs.replace(edited(protocol, instructions=None), description="", category=None)

        written(protocol, content)


class TestDefinitions:
    def test_used_once_are_edited_themselves(self) -> None:
        action = {"id": "iron", "title": "Iron", "definitionCanonical": "ActivityDefinition/walk"}
        drug = definition(kind="MedicationRequest", productCodeableConcept={"text": "Iron"}, dosage=[{"sequence": 1}])
        protocol = read(plan(action), drug)

        _, after = written(protocol, edited(protocol, medication=Medication(name="Zinc", dose="5 mg")))

        assert after["productCodeableConcept"] == {"text": "Zinc"}
        assert after["dosage"] == [{"sequence": 1, "text": "5 mg"}]

    def test_of_a_new_drug_say_its_code(self) -> None:
        protocol = read(plan(STEP))
        (phase,) = protocol.content.phases
        drug = Medication(name="Zinc", code="11416", system="http://www.nlm.nih.gov/research/umls/rxnorm")
        new = Activity(key="zinc", kind="medication", title="Zinc", medication=drug)
        wider = msgspec.structs.replace(phase, activities=(*phase.activities, new))

        (after,) = written(protocol, msgspec.structs.replace(protocol.content, phases=(wider,)))

        assert after["contained"][0]["productCodeableConcept"] == {
            "text": "Zinc", "coding": [{"system": drug.system, "code": "11416"}],
        }  # fmt: skip

    def test_used_by_several_are_left_alone(self) -> None:
        action = {"title": "Iron", "definitionCanonical": "ActivityDefinition/walk"}
        drug = definition(kind="MedicationRequest", productCodeableConcept={"text": "Iron"})
        protocol = read(plan({**action, "id": "a"}, {**action, "id": "b"}), drug)

        after, same = written(protocol, edited(protocol, medication=Medication(name="Zinc")))

        assert same == drug
        assert find_extension(after["action"][0], ACTIVITY) is not None
        assert find_extension(after["action"][1], ACTIVITY) is None

    def test_that_ask_plainly_are_asked_anew(self) -> None:
        action = {"id": "mood", "title": "Mood", "definitionCanonical": "Questionnaire/mood"}
        protocol = read(plan(action), questionnaire(QUESTION))
        asked = protocol.content.phases[0].activities[0].questionnaire
        assert asked is not None
        items = (msgspec.structs.replace(asked.items[0], text="And now?"),)

        _, after = written(protocol, edited(protocol, questionnaire=msgspec.structs.replace(asked, items=items)))

        assert after["item"] == [{**QUESTION, "text": "And now?"}]

    def test_that_say_more_than_we_know_are_left_alone(self) -> None:
        action = {"id": "mood", "title": "Mood", "definitionCanonical": "Questionnaire/mood"}
        original = questionnaire({**QUESTION, "maxLength": 5})
        protocol = read(plan(action), original)
        asked = protocol.content.phases[0].activities[0].questionnaire
        assert asked is not None
        items = (msgspec.structs.replace(asked.items[0], text="And now?"),)

        _, after = written(protocol, edited(protocol, questionnaire=msgspec.structs.replace(asked, items=items)))

        assert after == original


class TestStructure:
    def group(self, *actions: Any, **changes: Any) -> dict[str, Any]:
        return {"title": "First", "action": list(actions), **changes}

    def test_a_new_step_goes_into_its_phase_with_a_definition_inside_the_plan(self) -> None:
        protocol = read(plan(self.group(STEP)))
        new = Activity(key="sit", kind="education", title="Sit")
        phase = msgspec.structs.replace(
            protocol.content.phases[0], activities=(*protocol.content.phases[0].activities, new)
        )

        (after,) = written(protocol, msgspec.structs.replace(protocol.content, phases=(phase,)))

        assert after["action"][0]["action"][0] == STEP
        assert after["action"][0]["action"][1]["definitionCanonical"] == "#activity-1"
        assert after["contained"][0]["kind"] == "CommunicationRequest"

    def test_a_new_step_is_done_in_a_plan_of_rules_too(self) -> None:
        rule = {"coding": [{"code": "eca-rule"}]}
        protocol = read(plan({"title": "Advise"}, type=rule, contained=[definition("activity-1")]))
        phase = Phase(
            title="Walks", start_day=1, length_days=30, activities=(Activity(key="a", kind="task", title="A"),)
        )

        (after,) = written(protocol, msgspec.structs.replace(protocol.content, phases=(phase,)))

        assert after["action"][0] == {"title": "Advise"}
        assert [each["id"] for each in after["contained"]] == ["activity-1", "activity-2"]

    def test_a_new_step_does_not_join_alternatives(self) -> None:
        alone = self.group(STEP, selectionBehavior="exactly-one")
        protocol = read(plan(alone))
        (phase,) = protocol.content.phases
        wider = msgspec.structs.replace(
            phase, activities=(*phase.activities, Activity(key="a", kind="task", title="A"))
        )

        (after,) = written(protocol, msgspec.structs.replace(protocol.content, phases=(wider,)))

        assert after["action"][0] == alone

    def test_a_step_taken_out_leaves_no_empty_group(self) -> None:
        protocol = read(
            plan(self.group(self.group(STEP, title="Inner")), self.group({**STEP, "id": "sit"}, title="Second"))
        )

        content = msgspec.structs.replace(protocol.content, phases=protocol.content.phases[1:])

        (after,) = written(protocol, content)
        assert [each["title"] for each in after["action"]] == ["Second"]

    def test_everything_can_be_taken_out(self) -> None:
        protocol = read(plan(self.group(self.group(STEP, title="Inner")), STEP))

        (after,) = written(protocol, msgspec.structs.replace(protocol.content, phases=()))

        assert "action" not in after

    def test_steps_that_are_new_since_then_stand_at_the_end(self) -> None:
        first, second = self.group(STEP, {**STEP, "id": "sit"}), self.group({**STEP, "id": "lie"}, title="Second")
        protocol = read(plan(first, second))
        one, two = protocol.content.phases
        moved = (
            msgspec.structs.replace(one, activities=one.activities[:1]),
            msgspec.structs.replace(two, activities=(*two.activities, one.activities[1])),
        )
        (after,) = written(protocol, msgspec.structs.replace(protocol.content, phases=moved))
        after["action"][0]["action"].append({**STEP, "id": "run"})

        again = read(after)

        assert [[each.key for each in phase.activities] for phase in again.content.phases] == [
            ["walk"], ["lie", "sit"], ["run"],
        ]  # fmt: skip
        assert "structure" in {each.code for each in again.report}

    def test_a_step_that_moves_stays_where_its_conditions_are(self) -> None:
        first, second = self.group(STEP, {**STEP, "id": "sit"}), self.group({**STEP, "id": "lie"}, title="Second")
        protocol = read(plan(first, second))
        one, two = protocol.content.phases
        moved = (
            msgspec.structs.replace(one, activities=one.activities[:1]),
            msgspec.structs.replace(two, activities=(*two.activities, one.activities[1])),
        )

        (after,) = written(protocol, msgspec.structs.replace(protocol.content, phases=moved))

        assert after["action"] == [first, second]
        assert find_extension(after, STRUCTURE) is not None

    def test_can_be_edited_again_and_again(self) -> None:
        protocol = read(plan(self.group(STEP, {**STEP, "id": "sit"}), {**STEP, "id": "lie"}))
        for turn in range(4):
            everything = activities(protocol.content)
            everything.append(everything.pop(0))
            phases = (
                Phase(title=f"Part {turn}", start_day=1, length_days=9, activities=tuple(everything[:2])),
                Phase(title="Rest", start_day=3, length_days=4, activities=tuple(everything[2:])),
            )

            protocol = read(*written(protocol, msgspec.structs.replace(protocol.content, phases=phases)))

            assert [phase.title for phase in protocol.content.phases] == [f"Part {turn}", "Rest"]

    def test_a_damaged_extension_of_ours_is_passed_over(self) -> None:
        ours = {"url": STRUCTURE, "extension": [{"url": "phases", "extension": [{"url": "title", "valueString": ""}]}]}
        step = {**STEP, "extension": [{"url": ACTIVITY, "extension": [{"url": "kind", "valueString": "dance"}]}]}

        protocol = read(plan(self.group(step), extension=[ours]))

        assert activities(protocol.content)[0].kind == "task"
        assert [each.code for each in protocol.report].count("extension") == 2

    def test_steps_that_no_phase_of_ours_names_stand_at_the_end(self) -> None:
        protocol = read(plan(self.group(STEP, {**STEP, "id": "sit"})))
        phases = (Phase(title="Only", start_day=1, length_days=9, activities=tuple(activities(protocol.content))),)
        (after,) = written(protocol, msgspec.structs.replace(protocol.content, phases=phases))
        extension = find_extension(after, STRUCTURE) or find_extension(after["action"][0], STRUCTURE)
        after["action"].append({**STEP, "id": "lie"})

        again = read(after).content

        assert [each.key for each in activities(again)] == ["walk", "sit", "lie"]
        assert extension is None


class TestDamagedExtensions:
    """Our own extensions in other people's hands: what is damaged is passed over, and said."""

    def extension(self, url: str, *inner: Any) -> dict[str, Any]:
        return {"url": url, "extension": list(inner)}

    def codes(self, value: Any) -> list[str]:
        return [each.code for each in read(value).report if each.outcome == "adjusted"]

    def test_of_a_phase(self) -> None:
        ours = self.extension(PHASE, {"url": "startDay", "valueInteger": 0})

        assert "extension" in self.codes(plan({"title": "First", "action": [STEP], "extension": [ours]}))

    def test_of_a_protocol(self) -> None:
        ours = self.extension(
            PROTOCOL, {"url": "title", "valueString": "x"}, {"url": "durationDays", "valueInteger": 9}
        )

        assert "extension" in self.codes(plan(STEP, extension=[ours]))

    def test_of_an_activity(self) -> None:
        damaged: list[Any] = [{"url": "instructions", "valueBase64Binary": "not 64!"}, {"url": "title", "valueCode": 7}]
        strange: list[Any] = [7, {"url": 7}]
        for inner in damaged:
            assert "extension" in self.codes(plan({**STEP, "extension": [self.extension(ACTIVITY, inner)]}))
        for inner in strange:
            assert "extension" not in self.codes(plan({**STEP, "extension": [self.extension(ACTIVITY, inner)]}))

    def test_that_break_a_rule_refuse_with_their_place(self) -> None:
        beyond = self.extension(PHASE, {"url": "startDay", "valueInteger": 300})
        ends = self.extension(PROTOCOL, {"url": "durationDays", "valueInteger": 9})
        unit = [{"url": "code", "valueString": "8867-4"}, {"url": "unit", "valueString": "heartbeats!"}]
        measured = self.extension(ACTIVITY, self.extension("measurement", *unit))

        assert refused(plan({"title": "Late", "extension": [beyond]}, extension=[ends])) == {"": "out_of_range"}
        assert refused(plan(STEP, {**STEP, "extension": [measured]})) == {"/action/1": "unknown_unit"}

    def test_written_alone_instead_of_in_a_list_are_read(self) -> None:
        ours = self.extension(ACTIVITY, {"url": "title", "valueString": "Stroll"})

        protocol = read(plan({**STEP, "extension": ours}))

        assert activities(protocol.content)[0].title == "Stroll"
        written(protocol, edited(protocol, title="Walk again", clinician_instructions="Look"))


class TestFiles:
    def test_come_back_under_their_names(self) -> None:
        protocol = read(plan({"title": "Walk", "definitionCanonical": "ActivityDefinition/walk"}), definition())

        result = write_source(protocol.content, format="fhir", source=protocol.source)

        assert [each.name for each in result.files] == ["file-0.json", "file-1.json"]
        one: Any = parse_json(as_one_file(result).body)
        assert one["resourceType"] == "Bundle"

    def test_of_a_bundle_is_the_bundle(self) -> None:
        original: Any = {**bundle(plan(STEP), definition(), kind="transaction"), "id": "b", "total": 2}
        protocol = read(original)

        (after,) = written(protocol, edited(protocol, title="Stroll"))

        assert without(after, "entry") == without(original, "entry")
        assert after["entry"][1] == original["entry"][1]

    def test_of_another_format_are_written_anew(self) -> None:
        protocol = read(plan(STEP))

        (native,) = write_source(protocol.content, format="native-json", source=protocol.source).files

        assert json.loads(native.body)["healthprotocol"] == 1
        assert native.name == "protocol.json"
