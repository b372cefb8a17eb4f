"""Real files of other people: every one imports, and exports back as it was."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from healthprotocol.care.protocols.fhir.exchange import read_source, write_source
from healthprotocol.care.protocols.fhir.timing import read_timing
from healthprotocol.care.protocols.rules.content_check import check_content
from healthprotocol.care.protocols.rules.exchange.documents import SourceFile, canonical, parse_json
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.report import ReadProtocol, Report
from tests.support.shared_data import shared

PLAN_FOLDERS = ("hl7-r4-examples", "opioid-cds-r4", "who-smart-anc", "opensrp-fhircore")


def read(path: Path) -> ReadProtocol:
    reading = read_source([SourceFile(path.name, path.read_bytes())])
    assert reading.refused == (), path.name
    (protocol,) = reading.protocols
    return protocol


def assert_comes_back_equal(paths: list[Path]) -> None:
    for path in paths:
        protocol = read(path)

        (written,) = write_source(protocol.content, format=protocol.source.format, source=protocol.source).files

        assert canonical(parse_json(written.body)) == canonical(parse_json(path.read_bytes())), path.name
        assert check_content(protocol.content) == [], path.name


def plans() -> list[Path]:
    folders = [shared(name) for name in PLAN_FOLDERS]
    bundle = shared("apply-vectors/child-routine-visit/child_routine_visit_plan_definition.json")
    return [*(path for folder in folders for path in sorted(folder.glob("PlanDefinition-*.json"))), bundle]


class TestEveryFile:
    def test_radar_schedules_come_back_equal(self, capsys: pytest.CaptureFixture[str]) -> None:
        paths = [
            path for path in sorted(shared("radar-armt-protocols").glob("*.json")) if "protocol-schema" not in path.name
        ]

        assert_comes_back_equal(paths)

        with capsys.disabled():
            sys.stdout.write(f"\n{len(paths)} RADAR schedules import, and export back equal\n")
        assert len(paths) >= 24

    def test_plan_definitions_come_back_equal(self, capsys: pytest.CaptureFixture[str]) -> None:
        paths = plans()

        assert_comes_back_equal(paths)

        with capsys.disabled():
            sys.stdout.write(f"\n{len(paths)} PlanDefinitions import, and export back equal\n")
        assert len(paths) >= 39

    def test_the_schema_of_schedules_is_no_protocol(self) -> None:
        path = shared("radar-armt-protocols") / "docs__protocol-schema-0.1.5.json"

        reading = read_source([SourceFile(path.name, path.read_bytes())])

        assert reading.protocols == ()
        assert [finding.outcome for finding in reading.report] == ["ignored"]

    @pytest.mark.parametrize("kind", ["Questionnaire", "ActivityDefinition"])
    def test_definitions_are_read_through_a_plan(self, kind: str) -> None:
        paths = [path for name in PLAN_FOLDERS for path in sorted(shared(name).glob(f"{kind}-*.json"))]

        for path in paths:
            identifier = json.loads(path.read_bytes())["id"]
            action = {"title": "The one step", "definitionCanonical": f"{kind}/{identifier}"}
            plan = {"resourceType": "PlanDefinition", "status": "draft", "title": "A plan", "action": [action]}
            files = [SourceFile("plan.json", json.dumps(plan).encode()), SourceFile(path.name, path.read_bytes())]
            reading = read_source(files)
            assert reading.refused == (), path.name
            assert not any(
                each.what == "a definition that is not in these files" for each in reading.protocols[0].content.kept
            )

        assert len(paths) >= 10

    def test_timings_of_prescriptions_are_understood(self) -> None:
        timings: list[Any] = []
        for path in sorted(shared("hl7-r4-examples").glob("MedicationRequest-*.json")):
            for dosage in json.loads(path.read_bytes()).get("dosageInstruction", []):
                timings += [dosage["timing"]] if "timing" in dosage else []

        for timing in timings:
            report = Report("timing")
            read_timing(Node(parse_json(json.dumps(timing).encode()), report, file="timing"))
            assert not report.is_refused, timing

        assert len(timings) >= 20


class TestDirtyFiles:
    """OpenSRP's PlanDefinitions and the vector of $apply: not valid R4, clear all the same."""

    def adjusted(self, name: str) -> set[str]:
        path = next(path for path in plans() if path.name.startswith(name))
        return {finding.code for finding in read(path).report if finding.outcome == "adjusted"}

    def test_numbers_in_quotes_and_a_lone_count_max_are_mended(self) -> None:
        assert self.adjusted("child_routine_visit_plan_definition") >= {"number_expected", "tim-8", "duration"}

    def test_conditions_are_said_to_be_left_to_people(self) -> None:
        for name in ("PlanDefinition-4ac4f9d6", "PlanDefinition-d959dc24", "PlanDefinition-e994ab6f"):
            assert "condition" in self.adjusted(name)

    def test_a_period_that_was_meant_as_a_delay_is_pointed_out(self) -> None:
        assert "period" in self.adjusted("PlanDefinition-d959dc24")

    def test_a_plan_with_nothing_to_do_is_imported_as_such(self) -> None:
        path = next(path for path in plans() if path.name == "PlanDefinition-anc-plan-definition.json")

        assert read(path).content.phases == ()


class TestKnownPlans:
    def test_days_of_a_cycle_are_planned(self) -> None:
        (path,) = [path for path in plans() if path.name == "PlanDefinition-KDN5.json"]

        content = read(path).content

        first, second = content.phases[0].activities
        assert (content.duration_days, first.kind, first.schedule.period) == (126, "medication", 21)
        assert (first.schedule.offsets_minutes, second.schedule.offsets_minutes) == ((0, 7 * 1440), (0,))

    def test_one_of_several_drugs_is_left_to_a_clinician(self) -> None:
        (path,) = [path for path in plans() if path.name == "PlanDefinition-example-cardiology-os.json"]

        content = read(path).content

        assert not any(each.kind == "medication" for phase in content.phases for each in phase.activities)
        assert sum(each.what.startswith("one of several alternatives") for each in content.kept) == 3

    def test_a_decision_rule_plans_nothing_and_is_kept(self) -> None:
        for name in ("opioid-cds-r4", "who-smart-anc"):
            for path in plans():
                if path.parent.name != name:
                    continue
                content = read(path).content
                assert content.phases == ()
                assert any(each.what == "a condition that is not evaluated" for each in content.kept)
