"""What ActivityDefinitions say about what is done."""

from typing import Any

import pytest

from healthprotocol.care.protocols.fhir.activity_definition import COLLECT_WITH, EXERCISE, LOINC, SNOMED
from healthprotocol.care.protocols.model import Measurement, Medication
from tests.care.protocols.fhir.resources import DAILY, adjusted, definition, kept, only, plan, questionnaire, read

ACTION = {"title": "Walk", "definitionCanonical": "ActivityDefinition/walk"}
QUESTION = {"linkId": "1", "text": "How are you?", "type": "text"}


def activity_of(**changes: Any) -> Any:
    return only(plan(ACTION), definition(**changes))


def why_kept(**changes: Any) -> str:
    protocol = read(plan(ACTION), definition(**changes))
    assert protocol.content.phases == ()
    return kept(protocol)["/action/0"]


class TestKind:
    @pytest.mark.parametrize(
        ("declared", "kind"),
        [("Task", "task"), ("ServiceRequest", "task"), ("CommunicationRequest", "education"),
         ("Appointment", "appointment"), ("MedicationRequest", "medication"), (None, "task")],
    )  # fmt: skip
    def test_follows_the_kind_of_request(self, declared: str | None, kind: str) -> None:
        assert activity_of(kind=declared).kind == kind

    def test_follows_the_code_of_exercise(self) -> None:
        code = {"coding": [{"system": SNOMED, "code": EXERCISE}]}

        assert activity_of(kind="ServiceRequest", code=code).kind == "exercise"

    @pytest.mark.parametrize("declared", ["CarePlan", "Claim", "Contract"])
    def test_of_what_no_patient_does_is_kept(self, declared: str) -> None:
        assert "no patient does" in why_kept(kind=declared)

    def test_of_what_must_not_be_done_is_kept(self) -> None:
        assert why_kept(doNotPerform=True) == "something that must not be done"

    def test_with_an_extension_that_changes_meaning_is_kept(self) -> None:
        assert "changes its meaning" in why_kept(modifierExtension=[{"url": "http://x/not"}])

    def test_of_another_resource_is_kept(self) -> None:
        nested = {"resourceType": "PlanDefinition", "id": "other", "url": "http://x/other", "status": "draft"}
        contained = plan({"title": "Other", "definitionCanonical": "#other"}, contained=[nested])

        assert "PlanDefinition" in kept(read(contained))["/action/0"]


class TestMeasurement:
    def test_has_the_usual_unit_of_its_code(self) -> None:
        code = {"coding": [{"system": LOINC, "code": "8867-4", "display": "Heart rate"}]}

        activity = activity_of(kind="ServiceRequest", code=code)

        assert activity.kind == "measurement"
        assert activity.measurement == Measurement(code="8867-4", display="Heart rate", unit="/min")

    def test_of_a_code_without_a_usual_unit_is_a_task(self) -> None:
        code = {"coding": [{"system": LOINC, "code": "1234-4"}]}

        assert activity_of(kind="ServiceRequest", code=code).measurement is None


class TestMedication:
    def test_has_name_dose_and_code(self) -> None:
        product = {"text": "Iron", "coding": [{"system": "http://rxnorm", "code": "90176"}]}

        activity = activity_of(
            kind="MedicationRequest", productCodeableConcept=product, dosage=[{"text": "60 mg", "timing": DAILY}]
        )

        assert activity.medication == Medication(name="Iron", dose="60 mg", code="90176", system="http://rxnorm")
        assert (activity.schedule.frequency, activity.schedule.period_unit) == (1, "d")

    def test_takes_the_dose_from_its_quantity(self) -> None:
        dosage = {"doseAndRate": [{"doseQuantity": {"value": 120.0, "unit": "mg"}}]}

        activity = activity_of(productCodeableConcept={"text": "Iron"}, dosage=[dosage])

        assert activity.medication == Medication(name="Iron", dose="120.0 mg")

    def test_may_be_a_contained_resource(self) -> None:
        drug = {"resourceType": "Medication", "id": "drug", "code": {"coding": [{"code": "90176", "display": "Iron"}]}}
        inner = definition(productReference={"reference": "#drug"}, kind="MedicationRequest")
        action = {"title": "Iron", "definitionCanonical": "#walk"}

        assert only(plan(action, contained=[inner, drug])).medication == Medication(name="Iron", code="90176")

    def test_elsewhere_has_the_name_of_the_reference(self) -> None:
        product = {"reference": "Medication/1", "display": "Iron"}

        assert activity_of(productReference=product).medication == Medication(name="Iron")
        assert activity_of(productReference={"reference": "#nothing"}).medication is None

    def test_with_a_code_that_is_too_long_has_none(self) -> None:
        product = {"text": "Iron", "coding": [{"code": "9" * 65}]}

        assert activity_of(productCodeableConcept=product).medication == Medication(name="Iron")

    @pytest.mark.parametrize("needed", [{"asNeededBoolean": True}, {"asNeededCodeableConcept": {"text": "pain"}}])
    def test_as_needed_is_kept(self, needed: Any) -> None:
        assert "as needed" in why_kept(dosage=[needed])

    def test_of_several_dosages_plans_the_first(self) -> None:
        second = {"text": "at night", "timing": DAILY}

        protocol = read(plan(ACTION), definition(dosage=[{"text": "at noon", "timing": DAILY}, second]))

        assert kept(protocol)["file-1.json#/dosage/1"] == "another dosage that is not planned"


class TestQuestionnaire:
    def test_is_what_the_definition_collects_with(self) -> None:
        extension = [{"url": COLLECT_WITH, "valueCanonical": "http://x/mood"}]

        activity = only(plan(ACTION), definition(extension=extension), questionnaire(QUESTION, url="http://x/mood"))

        assert activity.kind == "questionnaire"
        assert [item.link_id for item in activity.questionnaire.items] == ["1"]  # pyright: ignore[reportOptionalMemberAccess]

    def test_elsewhere_is_kept(self) -> None:
        extension = [{"url": COLLECT_WITH, "valueCanonical": "http://x/mood"}]

        protocol = read(plan(ACTION), definition(extension=extension))

        assert kept(protocol)["file-1.json#/extension/0"] == "a questionnaire that is not in these files"

    def test_may_be_the_definition_itself(self) -> None:
        action = {"title": "Mood", "definitionUri": "https://x/fhir/Questionnaire/mood"}

        assert only(plan(action), questionnaire(QUESTION)).kind == "questionnaire"

    def test_without_questions_is_a_task(self) -> None:
        action = {"title": "Mood", "definitionCanonical": "Questionnaire/mood"}

        protocol = read(plan(action), questionnaire({"linkId": "1", "type": "display", "text": "Hello"}))

        assert protocol.content.phases[0].activities[0].kind == "task"
        assert adjusted(protocol)["/action/0"] == "no_questions"


class TestRest:
    def test_is_kept_once_for_all_who_use_it(self) -> None:
        value = {"path": "status", "expression": {"language": "text/cql", "expression": "'draft'"}}

        protocol = read(
            plan(ACTION, {**ACTION, "title": "Again"}), definition(dynamicValue=[value], quantity={"value": 1})
        )

        assert [each.text for each in protocol.content.kept if "dynamicValue" in each.pointer] == [
            "status = text/cql: 'draft'"
        ]
        assert kept(protocol)["file-1.json#/quantity"] == "quantity"

    def test_gives_title_and_words_where_the_action_has_none(self) -> None:
        action = {"definitionCanonical": "ActivityDefinition/walk", "timingTiming": DAILY}

        activity = only(plan(action), definition(title="A walk", description="Along the river"))

        assert (activity.title, activity.instructions, activity.key) == ("A walk", "Along the river", "a-walk")
