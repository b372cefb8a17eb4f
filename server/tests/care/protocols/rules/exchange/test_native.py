"""The project's own file format."""

import msgspec

from healthprotocol.care.protocols.model import ProtocolContent
from healthprotocol.care.protocols.rules.exchange.documents import Json, canonical
from healthprotocol.care.protocols.rules.exchange.native import is_native, read_native, write_native
from healthprotocol.care.protocols.rules.exchange.report import Report
from healthprotocol.care.protocols.rules.exchange.yaml_documents import parse_yaml

WALKS = b"""
healthprotocol: 1.0
title: Daily walks
duration_days: 30
description: ''
phases:
  - title: Walking
    start_day: 1
    length_days: 30.0
    activities:
      - key: walk
        kind: exercise
        title: Walk
        schedule: {period: 1.0, periodUnit: d, timeOfDay: [08:00]}
"""


def walks() -> dict[str, Json]:
    value = parse_yaml(WALKS)
    assert isinstance(value, dict)
    return value


def read(value: Json) -> ProtocolContent:
    content = read_native(value, Report("walks.yaml"))
    assert content is not None
    return content


def faults(value: Json) -> dict[str, str]:
    report = Report("walks.yaml")
    assert read_native(value, report) is None
    return {finding.pointer: finding.code for finding in report.findings() if finding.outcome == "refused"}


class TestReading:
    def test_needs_the_header(self) -> None:
        assert is_native({"healthprotocol": 7})
        assert not is_native({"title": "Walks"})
        assert not is_native([])

    def test_of_another_version_is_refused(self) -> None:
        for header in (2, "1", True, None):
            assert faults({**walks(), "healthprotocol": header}) == {"/healthprotocol": "version_unknown"}
        assert faults([]) == {"/healthprotocol": "version_unknown"}

    def test_of_something_unknown_is_refused_with_its_place(self) -> None:
        value = {**walks(), "colour": "blue", "duration_days": 0}

        assert faults(value) == {"/colour": "unknown_field", "/duration_days": "too_small"}

    def test_of_a_schedule_nobody_can_follow_is_refused_with_its_place(self) -> None:
        value = walks()
        schedule: Json = {"period": 1}
        value["phases"] = [
            {"title": "A", "start_day": 1, "length_days": 3, "activities": [
                {"key": "walk", "kind": "task", "title": "Walk", "schedule": schedule},
                {"key": "walk", "kind": "task", "title": "Walk"},
            ]},
        ]  # fmt: skip

        assert faults(value) == {
            "/phases/0/activities/0/schedule/period": "tim-2",
            "/phases/0/activities/1/key": "repeated",
        }

    def test_takes_markup_that_could_act_away_and_says_so(self) -> None:
        report = Report("walks.yaml")

        content = read_native(
            {**walks(), "content": "<p>Go</p><script>x</script>", "patient_content": "<p>Go</p>"}, report
        )

        assert content is not None
        assert content.content == "<p>Go</p>"
        assert "html" in {finding.code for finding in report.findings()}

    def test_says_that_everything_was_understood(self) -> None:
        report = Report("walks.yaml")

        read_native(walks(), report)

        assert [finding.detail for finding in report.findings()] == ["Everything: 1 phases, 1 activities."]


class TestWriting:
    def test_over_its_source_changes_nothing(self) -> None:
        assert canonical(write_native(read(walks()), source=walks())) == canonical(walks())

    def test_over_its_source_changes_what_was_edited_only(self) -> None:
        edited = msgspec.structs.replace(read(walks()), title="Daily strolls", tags=("feet",))

        written = write_native(edited, source=walks())

        assert canonical(written) == canonical({**walks(), "title": "Daily strolls", "tags": ["feet"]})

    def test_over_a_source_that_is_damaged_begins_anew(self) -> None:
        content = read(walks())

        written = write_native(content, source={"healthprotocol": 1, "title": 7})

        assert written == write_native(content)
        assert read(written) == content
