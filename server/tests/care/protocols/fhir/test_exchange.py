"""The door: what is recognised, what belongs together, and what hostile files come to."""

import json
from typing import Any, ClassVar

import pytest

from healthprotocol.care.protocols.fhir.exchange import MAX_FILES, WrittenSource, as_one_file, read_source, write_source
from healthprotocol.care.protocols.fhir.skeleton import Identity
from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent, Schedule
from healthprotocol.care.protocols.rules.exchange.documents import MAX_BYTES, SourceFile, canonical, parse_json
from healthprotocol.care.protocols.rules.exchange.report import ImportReading
from healthprotocol.foundation.errors import Violation
from tests.care.protocols.fhir.resources import DAILY, activities, bundle, definition, file, plan, read, read_files
from tests.support.stopwatch import processor_seconds

STEP = {"title": "Walk", "timingTiming": DAILY}
STUDY = {"version": "1.0.0", "schemaVersion": "0.1.5", "name": "Sleep study", "protocols": []}


def outcomes(*files: SourceFile) -> list[tuple[str, str]]:
    reading = read_source(files)
    assert reading.protocols == ()
    return [(each.outcome, each.code) for each in reading.report]


class TestFormats:
    @pytest.mark.parametrize(
        ("body", "form"),
        [
            (json.dumps(plan(STEP)), "fhir"),
            (json.dumps(bundle(plan(STEP))), "fhir"),
            (json.dumps(STUDY), "radar"),
            ('{"healthprotocol": 1, "title": "Walks", "duration_days": 1}', "native-json"),
            ("healthprotocol: 1\ntitle: Walks\nduration_days: 1\n", "native-yaml"),
            ("\ufeff \n" + json.dumps(plan(STEP)), "fhir"),
        ],
    )
    def test_are_recognised_by_what_is_in_the_file(self, body: str, form: str) -> None:
        (protocol,) = read_source([SourceFile("upload", body.encode())]).protocols

        assert protocol.source.format == form

    def test_json_in_a_yaml_file_is_yaml(self) -> None:
        body = b'{"healthprotocol": 1, "title": "Walks", "duration_days": 1}'

        (protocol,) = read_source([SourceFile("walks.yml", body)]).protocols

        assert protocol.source.format == "native-yaml"

    @pytest.mark.parametrize(
        ("body", "outcome"),
        [
            (b"<PlanDefinition/>", ("refused", "xml")),
            (b"{", ("refused", "json_invalid")),
            (b"", ("ignored", "unknown_format")),
            (b"just words", ("ignored", "unknown_format")),
            (b"[]", ("ignored", "unknown_format")),
            (b"\xff\xfe", ("refused", "encoding")),
            (b'{"resourceType": "Patient"}', ("ignored", "no_protocol")),
            (b'{"resourceType": 7}', ("ignored", "unknown_format")),
            (b'{"healthprotocol": 2}', ("refused", "version_unknown")),
        ],
    )
    def test_that_are_none_are_told(self, body: bytes, outcome: tuple[str, str]) -> None:
        assert outcomes(SourceFile("upload", body)) == [outcome]


class TestBelonging:
    ACTION: ClassVar[Any] = {"title": "Walk", "definitionCanonical": "http://x/walk|2"}

    def test_definitions_are_found_in_other_files(self) -> None:
        content = read(plan(self.ACTION), definition(url="http://x/walk", version="2", kind="Appointment")).content

        assert activities(content)[0].kind == "appointment"

    def test_the_version_that_is_asked_for_is_taken(self) -> None:
        one = definition("one", url="http://x/walk", version="1", kind="Task")
        two = definition("two", url="http://x/walk", version="2", kind="Appointment")

        for resources in ((one, two), (two, one)):
            assert activities(read(plan(self.ACTION), *resources).content)[0].kind == "appointment"

    def test_another_version_is_not_what_was_asked_for(self) -> None:
        protocol = read(plan(self.ACTION), definition(url="http://x/walk", version="3"))

        assert "a definition that is not in these files" in {each.what for each in protocol.content.kept}

    def test_without_a_version_the_newest_is_taken(self) -> None:
        action = {**self.ACTION, "definitionCanonical": "http://x/walk"}
        old = definition("one", url="http://x/walk", version="1.9", kind="Task")
        new = definition("two", url="http://x/walk", version="1.10", kind="Appointment")

        assert activities(read(plan(action), new, old).content)[0].kind == "appointment"

    @pytest.mark.parametrize(
        "reference",
        [{"definitionUri": "urn:uuid:1"}, {"definition": {"reference": "ActivityDefinition/walk"}},
         {"definition": "https://x/fhir/ActivityDefinition/walk"}],
    )  # fmt: skip
    def test_other_ways_to_refer_are_followed(self, reference: Any) -> None:
        whole = bundle(plan({"title": "Walk", **reference}), definition(kind="Appointment"))
        whole["entry"][1]["fullUrl"] = "urn:uuid:1"

        assert activities(read(whole).content)[0].kind == "appointment"

    def test_several_plans_are_several_protocols_and_nothing_is_lost(self) -> None:
        whole = bundle(definition(), plan(STEP), plan(STEP, id="rhine", title="Rhine"), {"resourceType": "Library"})

        one, two = read_files(whole).protocols

        entries = [whole["entry"][0], whole["entry"][1], whole["entry"][3]]
        assert one.source.documents[0].value == {**whole, "entry": entries}
        assert (one.content.title, two.content.title) == ("Walks along the Elbe", "Rhine")
        for protocol in (one, two):
            (after,) = write_source(protocol.content, format="fhir", source=protocol.source).files
            assert canonical(parse_json(after.body)) == canonical(protocol.source.documents[0].value)

    def test_several_plans_in_several_files_share_what_is_no_plan(self) -> None:
        one, two = read_files(plan(STEP), plan(STEP, id="rhine"), definition()).protocols

        assert [each.name for each in one.source.documents] == ["file-0.json", "file-2.json"]
        assert [each.name for each in two.source.documents] == ["file-1.json", "file-2.json"]

    def test_more_plans_than_anybody_has_are_refused(self) -> None:
        reading = read_files(bundle(*[plan(id=str(number)) for number in range(201)]))

        assert [finding.code for finding in reading.refused] == ["too_many"]

    def test_resources_beside_the_plans_are_named_in_the_report(self) -> None:
        reading = read_files(plan(STEP), {"resourceType": "Patient"})

        assert [(each.outcome, each.file) for each in reading.report] == [("ignored", "file-1.json")]

    def test_entries_without_a_resource_are_passed_over(self) -> None:
        whole = bundle(plan(STEP))
        whole["entry"] += [{"fullUrl": "x"}, {"resource": 7}]

        assert len(read_files(whole).protocols) == 1


class TestHostile:
    def test_too_many_files_are_refused(self) -> None:
        assert outcomes(*[file({})] * (MAX_FILES + 1)) == [("refused", "too_large")]

    def test_a_file_that_is_too_large_is_refused(self) -> None:
        assert outcomes(SourceFile("big.json", b"[" + b" " * MAX_BYTES)) == [("refused", "too_large")]

    @pytest.mark.parametrize(
        "value",
        [
            plan({"title": "Walk", "action": 7}),
            plan({"title": "Walk", "timingTiming": 7}),
            plan({"title": "Walk", "timingTiming": {"repeat": []}}),
            plan({"title": {"a": 1}, "condition": "x", "extension": 7}),
            plan(*[[], {}, "x"]),
            plan(action={"title": "Lone"}),
            plan(contained=7, topic="x", type="y", extension=[7]),
            bundle(plan(STEP), {"resourceType": ["x"]}),
            {"resourceType": "PlanDefinition"},
            {"resourceType": "Bundle", "entry": 7},
            {**STUDY, "protocols": 7},
            {**STUDY, "protocols": [{"protocol": {"repeatProtocol": 7, "repeatQuestionnaire": []}}]},
            {**STUDY, "healthIssues": {"a": 1}, "protocols": [{"name": [], "protocol": []}]},
        ],
    )
    def test_wrong_shapes_are_read_or_refused_but_never_raise(self, value: Any) -> None:
        reading = read_files(value)

        assert reading.protocols or reading.report

    def test_a_reference_to_itself_ends(self) -> None:
        inner = definition("walk", relatedArtifact=[{"type": "depends-on", "resource": "#walk"}])

        assert read(plan({"title": "Walk", "definitionCanonical": "#walk"}, contained=[inner])).content.phases

    @pytest.mark.parametrize(
        "actions",
        [
            [{"title": "x", "action": [STEP] * 10}] * 1000,
            [STEP] * 50_000,
            [{"title": "x", "action": [STEP] * 50_000}],
            [{"title": "x", "dynamicValue": [{}] * 50_000, "condition": [{}] * 50_000}],
        ],
    )
    def test_files_of_many_parts_are_judged_within_seconds(self, actions: list[Any]) -> None:
        readings: list[ImportReading] = []

        took = processor_seconds(lambda: readings.append(read_files(plan(*actions))), enough=10)

        assert len(readings[0].protocols) == (1 if len(actions[0]) == 3 else 0)
        assert took < 10

    def test_questions_without_end_are_judged_within_seconds(self) -> None:
        question = {"linkId": "1", "text": "How are you?", "type": "text"}
        endless = {"resourceType": "Questionnaire", "id": "q", "item": [question] * 100_000}
        files = (plan({"title": "Ask", "definitionCanonical": "Questionnaire/q"}), endless)
        readings: list[ImportReading] = []

        took = processor_seconds(lambda: readings.append(read_files(*files)), enough=10)

        assert [finding.code for finding in readings[0].refused] == ["too_many"]
        assert took < 10

    def test_no_value_is_told(self) -> None:
        secret = "S3cret Danube"
        repeat = {"period": secret, "periodUnit": secret, "dayOfWeek": [secret], "when": [secret]}

        reading = read_files(plan({"title": secret, "timingTiming": {"repeat": repeat}}, title=None, status=secret))

        assert reading.refused
        assert not any(secret in each.detail + each.pointer for each in reading.report)


class TestWriting:
    CONTENT = ProtocolContent(
        title="Walks: far & wide",
        duration_days=7,
        phases=(
            Phase(title="One", start_day=1, length_days=7, activities=(Activity(key="a", kind="task", title="A"),)),
        ),
    )

    def entries(self, identity: Identity | None = None) -> list[Any]:
        (written,) = write_source(self.CONTENT, format="fhir", identity=identity).files
        whole: Any = parse_json(written.body)
        return whole["entry"]

    def test_makes_an_identity_from_the_title(self) -> None:
        made, inner = [entry["resource"] for entry in self.entries()]

        assert (made["id"], made["name"], made["status"]) == ("walks-far-wide", "WalksFarWide", "draft")
        assert made["action"][0]["action"][0]["definitionCanonical"] == f"{inner['url']}|1"

    def test_takes_the_identity_it_is_given(self) -> None:
        identity = Identity(
            url="https://clinic.example/fhir/PlanDefinition/walks", version="7", status="active", date="2026-03-01",
            publisher="Elbe Clinic",
        )  # fmt: skip

        made, inner = [entry["resource"] for entry in self.entries(identity)]

        assert (made["url"], made["version"], made["status"]) == (identity.url, "7", "active")
        assert (made["date"], made["publisher"]) == ("2026-03-01", "Elbe Clinic")
        assert inner["url"] == "https://clinic.example/fhir/ActivityDefinition/walks-activity-1"

    def test_names_what_has_no_latin_letters(self) -> None:
        content = ProtocolContent(title="1 長江", duration_days=1)

        (written,) = write_source(content, format="fhir").files

        made: Any = parse_json(written.body)
        assert made["entry"][0]["resource"]["name"] == "Protocol1"

    def test_of_what_cannot_be_said_gives_no_file(self) -> None:
        written = write_source(self.CONTENT, format="radar")

        assert written.files == ()
        assert "/duration_days" in {violation.pointer for violation in written.refused}
        with pytest.raises(ValueError, match="nothing"):
            as_one_file(written)

    def test_of_one_file_is_that_file(self) -> None:
        written = WrittenSource(files=(SourceFile("a", b"{}"),), refused=(Violation("", "x", "y"),))

        assert as_one_file(written) is written.files[0]

    def test_over_a_yaml_file_may_be_json(self) -> None:
        (native,) = write_source(self.CONTENT, format="native-yaml").files
        (protocol,) = read_source([native]).protocols

        (as_json,) = write_source(protocol.content, format="native-json", source=protocol.source).files

        assert native.name == "protocol.yaml"
        assert read_source([as_json]).protocols[0].content == self.CONTENT

    def test_over_a_radar_schedule_keeps_its_name(self) -> None:
        (protocol,) = read_source([file(STUDY, "study.json")]).protocols

        (written,) = write_source(protocol.content, format="radar", source=protocol.source).files

        assert written.name == "study.json"
        assert canonical(parse_json(written.body)) == canonical(protocol.source.documents[0].value)

    def test_of_a_schedule_of_nothing_is_once(self) -> None:
        assert self.CONTENT.phases[0].activities[0].schedule == Schedule()
        assert "timingTiming" not in self.entries()[0]["resource"]["action"][0]["action"][0]
