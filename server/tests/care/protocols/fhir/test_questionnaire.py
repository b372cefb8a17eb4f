"""FHIR Questionnaires as questions to a patient."""

from typing import Any

import pytest

from healthprotocol.care.protocols.fhir.definitions import Definitions
from healthprotocol.care.protocols.fhir.questionnaire import read_questionnaire
from healthprotocol.care.protocols.model import AnswerOption, Questionnaire, ValueRange
from healthprotocol.care.protocols.rules.exchange.report import Report
from tests.care.protocols.fhir.resources import node, questionnaire

CORE = "http://hl7.org/fhir/StructureDefinition"


def read(*items: Any, **changes: Any) -> tuple[Questionnaire, Report]:
    resource = node(questionnaire(*items, **changes))
    return read_questionnaire(resource, Definitions([])), resource.report


def item(**changes: Any) -> dict[str, Any]:
    return {"linkId": "1", "text": "How are you?", "type": "text", **changes}


def what_is_kept(report: Report) -> set[str]:
    return {each.what for each in report.kept_parts()}


class TestItems:
    @pytest.mark.parametrize(
        ("declared", "kind"),
        [
            ("boolean", "boolean"), ("integer", "integer"), ("decimal", "decimal"), ("text", "text"), ("date", "date"),
            ("string", "text"), ("display", "display"), ("dateTime", "date"), ("quantity", "decimal"), ("url", "text"),
        ],
    )  # fmt: skip
    def test_are_asked_as_their_type(self, declared: str, kind: str) -> None:
        found, _ = read(item(type=declared))

        assert found.items[0].type == kind

    def test_without_a_type_take_any_text(self) -> None:
        bare = item()
        del bare["type"]

        found, report = read(bare)

        assert found.items[0].type == "text"
        assert "type" in {finding.code for finding in report.findings()}

    @pytest.mark.parametrize("kind", ["attachment", "reference"])
    def test_that_cannot_be_answered_are_kept(self, kind: str) -> None:
        found, report = read(item(type=kind))

        assert found.items == ()
        assert what_is_kept(report) == {"a question that is not asked here"}

    def test_that_are_hidden_are_kept(self) -> None:
        hidden = {"url": f"{CORE}/questionnaire-hidden", "valueBoolean": True}

        found, report = read(item(extension=[hidden]))

        assert found.items == ()
        assert what_is_kept(report) == {"a question that is not asked here"}

    def test_in_groups_are_asked_one_after_another(self) -> None:
        inner = {"linkId": "g2", "type": "group", "item": [item(linkId="2")]}
        group = {"linkId": "g", "type": "group", "text": "Sleep", "item": [item(), inner]}

        found, report = read(group)

        assert [(each.link_id, each.type) for each in found.items] == [("g", "display"), ("1", "text"), ("2", "text")]
        assert what_is_kept(report) == {"a group of questions, asked here one after another"}

    def test_below_other_items_are_asked_after_them(self) -> None:
        found, _ = read(item(item=[item(linkId="1.1")]), {"item": [item(linkId="2")]})

        assert [each.link_id for each in found.items] == ["1", "1.1", "2"]

    def test_keep_what_is_not_evaluated(self) -> None:
        when = {"question": "0", "operator": "=", "answerCoding": {"display": "Yes"}}
        computed = {"url": "http://x/sdc-questionnaire-enableWhenExpression", "valueExpression": {"expression": "true"}}

        _, report = read(item(enableWhen=[when], repeats=True, initial=[{"valueString": "x"}], extension=[computed]))

        assert what_is_kept(report) == {
            "a condition on earlier answers", "repeats", "initial", "an expression that is not evaluated",
        }  # fmt: skip
        assert "0 = Yes" in {each.text for each in report.kept_parts()}

    def test_have_link_ids_of_their_own(self) -> None:
        found, report = read(item(), item(), item(linkId=None))

        assert [each.link_id for each in found.items] == ["1", "1-2", "item"]
        assert [finding.code for finding in report.findings() if finding.outcome == "adjusted"] == ["link_id"] * 2

    def test_without_words_are_called_by_their_link_id(self) -> None:
        found, _ = read({"linkId": "mood", "type": "text", "required": True})

        assert (found.items[0].text, found.items[0].required) == ("mood", True)

    def test_have_the_range_of_their_numbers(self) -> None:
        ends = [{"url": f"{CORE}/minValue", "valueInteger": 0}, {"url": f"{CORE}/maxValue", "valueDecimal": 10.5}]

        found, _ = read(item(type="decimal", extension=ends), item(linkId="2", type="date", extension=ends))

        assert found.items[0].range == ValueRange(low=0, high=10.5)
        assert found.items[1].range is None

    def test_too_many_are_refused(self) -> None:
        _, report = read(*[item(linkId=str(number)) for number in range(501)])

        assert [finding.code for finding in report.findings() if finding.outcome == "refused"] == ["too_many"]

    def test_too_deep_are_refused(self) -> None:
        nested = item()
        for _ in range(25):
            nested = item(item=[nested])

        _, report = read(nested)

        assert report.is_refused


class TestChoices:
    def test_have_values_labels_and_scores(self) -> None:
        scored = {"extension": [{"url": f"{CORE}/ordinalValue", "valueDecimal": 2}]}
        options = [
            {"valueCoding": {"code": "a", "display": "Never"}, **scored},
            {"valueCoding": {"code": "b", **scored}},
            {"valueString": "Sometimes"},
            {"valueInteger": 3},
            {"valueCoding": {"display": "Often"}},
            {"valueReference": {"reference": "Patient/1"}},
            {"valueCoding": {"system": "x", "extension": [{"url": "http://x"}]}},
        ]

        found, report = read(item(type="choice", answerOption=options))

        assert found.items[0].options == (
            AnswerOption(value="a", label="Never", score=2),
            AnswerOption(value="b", score=2),
            AnswerOption(value="Sometimes"),
            AnswerOption(value="3"),
            AnswerOption(value="Often", label="Often"),
        )
        assert what_is_kept(report) == {"an answer that cannot be chosen here"}

    def test_with_the_same_value_are_told_apart(self) -> None:
        options = [{"valueCoding": {"system": "x", "code": "a"}}, {"valueCoding": {"system": "y", "code": "a"}}]

        found, _ = read(item(type="choice", answerOption=options))

        assert [option.value for option in found.items[0].options] == ["a", "a-2"]

    @pytest.mark.parametrize(
        "value_set",
        [
            {"compose": {"include": [{"concept": [{"code": "a", "display": "A"}]}, {"system": "all of it"}]}},
            {"expansion": {"contains": [{"code": "a", "display": "A"}]}, "compose": {"include": []}},
            {"expansion": {}, "compose": {"include": [{"concept": [{"code": "a", "display": "A"}]}]}},
        ],
    )
    def test_may_be_in_a_contained_value_set(self, value_set: Any) -> None:
        contained = [{"resourceType": "ValueSet", "id": "vs", **value_set}]

        found, _ = read(item(type="choice", answerValueSet="#vs"), contained=contained)

        assert found.items[0].options == (AnswerOption(value="a", label="A"),)

    def test_that_are_elsewhere_take_any_text(self) -> None:
        found, report = read(item(type="choice", answerValueSet="http://x/vs"))

        assert found.items[0].type == "text"
        assert what_is_kept(report) == {"a list of answers that is defined elsewhere"}

    def test_too_many_are_refused(self) -> None:
        options = [{"valueString": str(number)} for number in range(201)]

        _, report = read(item(type="choice", answerOption=options))

        assert report.is_refused


class TestWhole:
    def test_has_title_and_code(self) -> None:
        found, _ = read(item(), title="Mood", code=[{"code": "44249-1"}])

        assert (found.title, found.code) == ("Mood", "44249-1")

    def test_without_is_only_its_items(self) -> None:
        found, _ = read(item(), code=[{"code": "x" * 65}])

        assert (found.title, found.code) == (None, None)
