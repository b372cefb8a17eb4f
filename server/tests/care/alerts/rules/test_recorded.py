"""A value outside its thresholds, a score in a band of high severity."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from healthprotocol.care.alerts.model import OutOfRange
from healthprotocol.care.alerts.rules.recorded import definition_of, out_of_range, recorded_findings
from healthprotocol.care.assignments.model import (
    ActivityAdjustment,
    Adjustments,
    Assignment,
    AssignmentId,
    Segment,
    TargetRange,
)
from healthprotocol.care.entries.model import Entry, EntryId, GivenScore, RecordedValue
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.model import (
    Activity,
    Measurement,
    Phase,
    ProtocolContent,
    ProtocolId,
    Quantity,
    ValueRange,
)
from healthprotocol.foundation.ids import AccountId, OrganisationId

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOBODY = UUID(int=0)
WEIGHT = Measurement(code="29463-7", display="Weight", unit="kg", alert_thresholds=ValueRange(low=50, high=120))
PRESSURE = Measurement(
    code="85354-9",
    unit="mm[Hg]",
    components=(
        Quantity(code="8480-6", unit="mm[Hg]", alert_thresholds=ValueRange(high=180)),
        Quantity(code="8462-4", unit="mm[Hg]"),
    ),
)
SCALE = Activity(key="scale", kind="measurement", title="Scale", measurement=WEIGHT)
MOOD = Activity(key="mood", kind="questionnaire", title="Mood")


def entry(number: int, *, code: str = "29463-7", value: float | None = None, severity: str | None = None) -> Entry:
    values = (RecordedValue(code=code, value=1, unit="x", converted_value=value or 0, converted_unit="kg"),)
    return Entry(
        id=EntryId(UUID(int=number)),
        client_id=UUID(int=number),
        patient_id=PatientId(NOBODY),
        assignment_id=AssignmentId(NOBODY),
        activity_key="scale",
        outcome="completed",
        effective_at=NOON + timedelta(hours=number),
        recorded_at=NOON,
        recorded_by=AccountId(NOBODY),
        values=() if value is None else values,
        score=None if severity is None else GivenScore(value=21, label="Bad", severity=severity),
    )


def new(*entries: Entry) -> set[EntryId]:
    return {one.id for one in entries}


class TestOutOfRange:
    @pytest.mark.parametrize(("value", "is_outside"), [(49.9, True), (50, False), (120, False), (120.1, True)])
    def test_takes_the_ends_as_inside(self, value: float, is_outside: bool) -> None:
        assert bool(out_of_range(entry(1, value=value), WEIGHT)) == is_outside

    def test_compares_the_converted_value_and_names_the_limits(self) -> None:
        assert out_of_range(entry(1, value=130), WEIGHT) == (
            OutOfRange(code="29463-7", value=130, unit="kg", display="Weight", low=50, high=120),
        )

    def test_leaves_an_open_end_open(self) -> None:
        assert out_of_range(entry(1, code="8480-6", value=1), PRESSURE) == ()
        assert out_of_range(entry(1, code="8480-6", value=181), PRESSURE) != ()
        assert out_of_range(entry(1, value=1), msgspec.structs.replace(WEIGHT, alert_thresholds=ValueRange())) == ()

    def test_knows_no_limits_for_a_quantity_without_them_or_that_is_gone(self) -> None:
        assert out_of_range(entry(1, code="8462-4", value=999), PRESSURE) == ()
        assert out_of_range(entry(1, code="gone", value=999), PRESSURE) == ()


class TestRecordedFindings:
    def test_the_newest_decides_whether_it_holds_and_any_new_one_fires(self) -> None:
        high, normal = entry(1, value=130), entry(2, value=80)

        [found] = recorded_findings([high, normal], SCALE, new_ids=new(high, normal))

        assert (found.rule, found.activity_key, found.holds, found.fires) == (
            "value_out_of_range",
            "scale",
            False,
            True,
        )
        assert found.entry_id == high.id
        assert found.detail.title == "Scale"
        assert found.detail.effective_at == high.effective_at
        assert found.detail.values[0].value == 130

    def test_what_was_recorded_before_fires_no_more(self) -> None:
        normal, high = entry(1, value=80), entry(2, value=130)

        [found] = recorded_findings([normal, high], SCALE, new_ids=new(normal))

        assert (found.holds, found.fires, found.entry_id) == (True, False, None)

    def test_a_score_of_high_severity_fires(self) -> None:
        bad = entry(1, severity="high")

        [found] = recorded_findings([bad], MOOD, new_ids=new(bad))

        assert (found.rule, found.holds, found.fires) == ("score_high", True, True)
        assert (found.detail.score, found.detail.label) == (21, "Bad")

    def test_a_score_of_another_severity_does_not(self) -> None:
        fair = entry(1, severity="moderate")

        [found] = recorded_findings([fair], MOOD, new_ids=new(fair))

        assert (found.holds, found.fires, found.detail.score) == (False, False, None)

    def test_says_nothing_of_entries_without_either_or_of_values_of_no_measurement(self) -> None:
        assert recorded_findings([entry(1)], SCALE, new_ids=set()) == []
        assert recorded_findings([entry(1, value=999)], MOOD, new_ids=set()) == []


class TestDefinitionOf:
    def assignment(self, adjustments: Adjustments = Adjustments()) -> Assignment:  # noqa: B008 - a frozen value
        day = date(2026, 3, 2)
        return Assignment(
            id=AssignmentId(NOBODY),
            organisation_id=OrganisationId(NOBODY),
            protocol_id=ProtocolId(NOBODY),
            patient_id=PatientId(NOBODY),
            status="active",
            assigned_at=NOON,
            assigned_by=AccountId(NOBODY),
            starts_on=day,
            ends_on=day + timedelta(days=27),
            time_zone="UTC",
            segments=(
                Segment(version=1, from_on=day, plan_starts_on=day, adjustments=adjustments),
                Segment(version=2, from_on=day + timedelta(days=7), plan_starts_on=day),
            ),
        )

    def contents(self) -> dict[int, ProtocolContent]:
        def content(*activities: Activity) -> ProtocolContent:
            phase = Phase(title="All", start_day=1, length_days=28, activities=activities)
            return ProtocolContent(title="Heart", duration_days=28, phases=(phase,))

        return {1: content(SCALE, MOOD), 2: content(msgspec.structs.replace(SCALE, title="Better scale"))}

    def test_is_that_of_the_version_in_force(self) -> None:
        for day, title in ((2, "Scale"), (9, "Better scale")):
            found = definition_of(self.assignment(), self.contents(), "scale", on=date(2026, 3, day))
            assert found is not None
            assert found.title == title

    def test_is_adjusted_to_the_patient(self) -> None:
        target = TargetRange(code="29463-7", range=ValueRange(high=99))
        adjustments = Adjustments(activities=(ActivityAdjustment(activity_key="scale", target_ranges=(target,)),))

        found = definition_of(self.assignment(adjustments), self.contents(), "scale", on=date(2026, 3, 2))

        assert found is not None
        assert found.measurement is not None
        assert found.measurement.target_range == ValueRange(high=99)

    def test_falls_back_to_the_newest_version_that_has_it_and_else_to_none(self) -> None:
        assert definition_of(self.assignment(), self.contents(), "mood", on=date(2026, 3, 20)) == MOOD
        assert definition_of(self.assignment(), self.contents(), "gone", on=date(2026, 3, 2)) is None
