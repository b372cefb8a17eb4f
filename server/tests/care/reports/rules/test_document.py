"""A version of a protocol in words."""

from datetime import UTC, datetime
from uuid import UUID

from healthprotocol.care.protocols.model import (
    Activity,
    AnswerOption,
    Measurement,
    Medication,
    Phase,
    ProtocolContent,
    ProtocolId,
    ProtocolVersion,
    Quantity,
    Questionnaire,
    QuestionnaireItem,
    ValueRange,
)
from healthprotocol.care.reports.rules.document import protocol_document
from healthprotocol.foundation.ids import AccountId

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def version(content: ProtocolContent, *, published_at: datetime | None = NOW) -> ProtocolVersion:
    return ProtocolVersion(
        protocol_id=ProtocolId(UUID(int=1)),
        version=2,
        status="draft" if published_at is None else "active",
        content=content,
        revision=1,
        created_at=NOW,
        updated_at=NOW,
        created_by=AccountId(UUID(int=2)),
        published_at=published_at,
    )


ACTIVITIES = (
    Activity(
        key="bp",
        kind="measurement",
        title="Pressure",
        instructions="<p>Sit.</p><p>Measure.</p>",
        clinician_instructions="<p>Call above 180.</p>",
        measurement=Measurement(
            code="85354-9",
            unit="mm[Hg]",
            components=(
                Quantity(
                    code="8480-6",
                    display="Systolic",
                    unit="mm[Hg]",
                    target_range=ValueRange(high=135),
                    alert_thresholds=ValueRange(high=180),
                ),
                Quantity(code="8462-4", unit="mm[Hg]"),
            ),
        ),
    ),
    Activity(key="scale", kind="measurement", title="Scale", measurement=Measurement(code="29463-7", unit="kg")),
    Activity(
        key="mood",
        kind="questionnaire",
        title="Mood",
        questionnaire=Questionnaire(
            items=(
                QuestionnaireItem(link_id="0", text="About you", type="display"),
                QuestionnaireItem(
                    link_id="1",
                    text="Sleep?",
                    type="choice",
                    options=(AnswerOption(value="0", label="Well"), AnswerOption(value="bad")),
                ),
                QuestionnaireItem(link_id="2", text="Else?", type="text"),
            )
        ),
    ),
    Activity(key="pill", kind="medication", title="Pill", medication=Medication(name="Ramipril", dose="5 mg")),
    Activity(key="tea", kind="medication", title="Tea", medication=Medication(name="Camomile")),
)


class TestProtocolDocument:
    def test_says_what_it_is(self) -> None:
        content = ProtocolContent(
            title="Heart", duration_days=28, category="cardiology", tags=("home", "scale"), languages=("de-AT",)
        )

        document = protocol_document(version(content))

        assert (document.title, document.language, document.edition) == ("Heart", "de-AT", "Version 2")
        assert document.facts == (
            ("Lasts", "28 days"),
            ("Category", "cardiology"),
            ("Tags", "home, scale"),
            ("Status", "Published on 2026-03-02"),
        )

    def test_leaves_out_what_is_not_said(self) -> None:
        document = protocol_document(version(ProtocolContent(title="One", duration_days=1), published_at=None))

        assert document.facts == (("Lasts", "1 day"), ("Status", "Draft, not published"))
        assert (document.language, document.content, document.phases) == ("en", (), ())

    def test_says_what_each_activity_asks(self) -> None:
        phase = Phase(title="Start", start_day=1, length_days=7, description="Slowly", activities=ACTIVITIES)
        short = Phase(title="End", start_day=8, length_days=1)
        content = ProtocolContent(title="Heart", duration_days=8, phases=(phase, short))

        first, last = protocol_document(version(content)).phases

        assert (first.days, first.description, last.days) == ("Days 1 to 7", "Slowly", "Day 8")
        pressure, scale, mood, pill, tea = first.activities
        assert (pressure.kind, pressure.instructions) == ("Measurement", "Sit.\nMeasure.")
        assert pressure.lines == (
            ("Systolic", "in mm[Hg]; target up to 135 mm[Hg]; alert above 180 mm[Hg]"),
            ("8462-4", "in mm[Hg]"),
            ("For the care team", "Call above 180."),
        )
        assert scale.lines == (("29463-7", "in kg"),)
        assert mood.lines == (("Question 1", "Sleep?\nWell / bad"), ("Question 2", "Else?"))
        assert (pill.lines, tea.lines) == ((("Medicine", "Ramipril 5 mg"),), (("Medicine", "Camomile"),))
