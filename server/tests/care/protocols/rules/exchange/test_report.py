"""What an import tells, and that it never tells without end."""

from healthprotocol.care.protocols.model import Kept, Phase, ProtocolContent
from healthprotocol.care.protocols.rules.exchange.finish import Place, finish
from healthprotocol.care.protocols.rules.exchange.report import (
    MAX_FINDINGS,
    MAX_KEPT,
    Finding,
    ImportReading,
    Report,
    refusals,
)
from healthprotocol.care.protocols.rules.exchange.texts import Keys, as_html, cut, is_key, key_of


class TestReport:
    def test_names_the_place_in_another_file(self) -> None:
        report = Report("plan.json")

        report.kept("plan.json", "/a", "a goal", "Walk")
        report.kept("walk.json", "/b", "a goal", "x" * 5000)

        first, second = report.kept_parts()
        assert first == Kept(pointer="/a", what="a goal", text="Walk")
        assert (second.pointer, len(second.text)) == ("walk.json#/b", 4000)

    def test_counts_what_is_too_much(self) -> None:
        report = Report("plan.json")

        for number in range(MAX_FINDINGS + 10):
            report.kept("plan.json", f"/{number}", "a goal", "")
            report.understood("plan.json", f"/{number}", "")

        assert len(report.kept_parts()) == MAX_KEPT
        assert report.kept_parts()[-1].text == "3011 more parts are kept in the imported file."
        assert len(report.findings()) == MAX_FINDINGS + 1
        assert report.findings()[-1].code == "more"

    def test_lists_refusals_after_all_else_but_not_without_end(self) -> None:
        report = Report("plan.json")
        for _ in range(MAX_FINDINGS):
            report.understood("plan.json", "", "")

        for _ in range(2 * MAX_FINDINGS):
            report.refused("plan.json", "", "x", "")

        assert report.is_refused
        assert len(refusals(report.findings())) == MAX_FINDINGS

    def test_of_a_reading_names_its_refusals(self) -> None:
        findings = tuple(
            Finding(outcome=outcome, file="f", pointer="", code="x", detail="") for outcome in ("ignored", "refused")
        )

        assert ImportReading(protocols=(), report=findings).refused == findings[1:]


class TestFinish:
    def test_holds_a_content_against_the_models_limits(self) -> None:
        content = ProtocolContent(title="Walks", duration_days=5, tags=("x" * 41,))
        report = Report("plan.json")

        assert finish(content, report, place_at=lambda pointer: Place("plan.json", pointer)) is None
        assert [finding.code for finding in report.findings()] == ["limits"]

    def test_holds_a_content_against_the_rules(self) -> None:
        phase = Phase(title="Late", start_day=7, length_days=1)
        report = Report("plan.json")

        content = ProtocolContent(title="Walks", duration_days=5, phases=(phase,))

        assert finish(content, report, place_at=lambda pointer: Place("other.json", f"/there{pointer}")) is None
        assert [(finding.file, finding.pointer) for finding in report.findings()] == [
            ("other.json", "/there/phases/0/start_day")
        ]


class TestTexts:
    def test_make_keys(self) -> None:
        assert key_of("Örtliche Übung: 3x täglich!", otherwise="x") == "ortliche-ubung-3x-taglich"
        assert key_of("長江", otherwise="activity") == "activity"
        assert len(key_of("x" * 100, otherwise="x")) == 64

    def test_tell_keys(self) -> None:
        assert is_key("walk_2.b-c")
        assert not is_key("_walk")
        assert not is_key("x" * 65)

    def test_number_keys_that_are_taken(self) -> None:
        keys = Keys()

        taken = [keys.take(wanted) for wanted in ("walk", "walk", "walk-2", "walk", "x" * 64, "x" * 64)]

        assert taken[:4] == ["walk", "walk-2", "walk-2-2", "walk-3"]
        assert taken[5] == "x" * 62 + "-2"

    def test_are_cut_with_an_ellipsis(self) -> None:
        assert cut("one two", 5) == "one…"
        assert cut("one", 3) == "one"

    def test_become_paragraphs(self) -> None:
        assert as_html("a < b\n\n\n\nc & d") == "<p>a &lt; b</p><p>c &amp; d</p>"
