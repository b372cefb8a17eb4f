"""Persons and their care plans, as Synthea writes them."""

import json
from datetime import date
from typing import Any

import pytest

from healthprotocol.care.assignments.fhir.care_plan import DAILY, WEEKLY, kind_of
from healthprotocol.care.assignments.fhir.synthea import PeopleReading, Person, read_synthea
from healthprotocol.care.patients.model import Address, Identifier
from healthprotocol.care.patients.rules import settle
from healthprotocol.care.protocols.rules.content_check import check_content, check_publishable
from tests.support.shared_data import shared

FULL_URL = "urn:uuid:1"


def patient(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": "1",
        "name": [{"use": "maiden", "family": "Rhine"}, {"use": "official", "family": "Elbe", "given": ["Una", "Ada"]}],
        "gender": "female",
        "birthDate": "1970-03-01",
        **changes,
    }


def care_plan(*activities: Any, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "CarePlan",
        "id": "plan",
        "status": "active",
        "category": [{"text": "Wound care"}],
        "subject": {"reference": FULL_URL},
        "period": {"start": "2026-03-01T08:00:00Z", "end": "2026-03-14T08:00:00Z"},
        "activity": [{"detail": each} for each in activities],
        **changes,
    }


def read(*resources: Any) -> PeopleReading:
    entries = [{"fullUrl": f"urn:uuid:{each.get('id')}", "resource": each} for each in resources]
    return read_synthea(json.dumps({"resourceType": "Bundle", "entry": entries}).encode(), file="una.json")


def only(*resources: Any) -> Person:
    (person,) = read(*resources).people
    return person


def coded(text: str, **changes: Any) -> dict[str, Any]:
    return {"code": {"coding": [{"display": text}]}, "status": "in-progress", **changes}


class TestPerson:
    def test_has_her_official_name(self) -> None:
        demographics = only(patient()).demographics

        assert (demographics.given_name, demographics.family_name) == ("Una", "Elbe")
        assert (demographics.birth_date, demographics.sex) == (date(1970, 3, 1), "female")

    def test_without_an_official_name_has_the_one_she_has(self) -> None:
        names = [{"family": "Elbe", "given": ["Una"]}]

        assert only(patient(name=names)).demographics.family_name == "Elbe"

    @pytest.mark.parametrize(
        "missing", [{"name": None}, {"name": [{"family": "Elbe"}]}, {"birthDate": "1970"}, {"birthDate": None}]
    )
    def test_without_name_or_birth_date_is_left_out_and_told(self, missing: Any) -> None:
        reading = read(patient(**missing))

        assert reading.people == ()
        assert [(each.outcome, each.pointer) for each in reading.report] == [("refused", "/entry/0/resource")]

    def test_is_reached_as_her_country_dials(self) -> None:
        telecom = [{"system": "phone", "value": "030 123456"}, {"system": "email", "value": "una@elbe.example"}]

        demographics = only(patient(telecom=telecom, address=[{"country": "DE"}])).demographics

        assert (demographics.phone, demographics.email) == ("+4930123456", "una@elbe.example")

    def test_with_a_number_of_no_country_is_reached_otherwise(self) -> None:
        reading = read(patient(telecom=[{"system": "phone", "value": "123"}]))

        assert reading.people[0].demographics.phone is None
        assert [each.code for each in reading.report] == ["phone"]

    def test_has_address_language_and_identifiers(self) -> None:
        address = {"line": ["Quay 1", " "], "city": "Hamburg", "postalCode": "20095", "country": "DE"}
        language = {"language": {"coding": [{"code": "de"}]}}
        identifiers = [{"system": "http://x", "value": "a1"}, {"system": "http://x", "value": "A1"}, {"value": "b"}]

        demographics = only(
            patient(address=[address], communication=[language], identifier=identifiers, gender="?")
        ).demographics

        assert demographics.address == Address(lines=("Quay 1",), city="Hamburg", postal_code="20095", country="DE")
        assert (demographics.language, demographics.sex) == ("de", "unknown")
        assert demographics.identifiers == (Identifier(system="http://x", value="A1"),)

    @pytest.mark.parametrize("died", [{"deceasedDateTime": "2020-01-01"}, {"deceasedBoolean": True}])
    def test_who_died_is_said_to(self, died: Any) -> None:
        assert only(patient(**died)).is_deceased
        assert not only(patient(deceasedBoolean=False)).is_deceased


class TestCarePlan:
    def test_becomes_a_protocol_with_usual_rhythms(self) -> None:
        (plan,) = only(patient(), care_plan(coded("Change dressing"), coded("Wound education"))).care_plans

        (phase,) = plan.content.phases
        assert [(each.key, each.kind, each.schedule) for each in phase.activities] == [
            ("change-dressing", "task", DAILY),
            ("wound-education", "education", WEEKLY),
        ]
        assert [kept.what for kept in plan.content.kept] == ["no times given"]
        assert check_content(plan.content) == []

    def test_has_its_dates_and_state(self) -> None:
        (plan,) = only(patient(), care_plan(coded("Rest"), status="revoked")).care_plans

        assert (plan.status, plan.starts_on, plan.ends_on) == ("stopped", date(2026, 3, 1), date(2026, 3, 14))
        assert (plan.content.title, plan.content.duration_days) == ("Wound care", 14)

    @pytest.mark.parametrize(
        "period",
        [None, {}, {"start": "1994-01-19"}, {"start": "x", "end": "y"}, {"start": "2026-03-02", "end": "2026-03-01"}],
    )
    def test_without_an_end_lasts_a_year(self, period: Any) -> None:
        (plan,) = only(patient(), care_plan(coded("Rest"), period=period)).care_plans

        assert plan.content.duration_days == 365

    def test_takes_times_that_are_given_without_their_dates(self) -> None:
        repeat = {"frequency": 2, "period": 1, "periodUnit": "wk", "boundsPeriod": {"start": "2026-03-01"}}

        (plan,) = only(patient(), care_plan(coded("Rest", scheduledTiming={"repeat": repeat}))).care_plans

        schedule = plan.content.phases[0].activities[0].schedule
        assert (schedule.frequency, schedule.period_unit, schedule.bounds_period) == (2, "wk", None)

    def test_leaves_out_what_is_not_done_and_what_is_said_twice(self) -> None:
        details = [
            coded("Rest"), coded("Rest"), coded("Run", doNotPerform=True), coded("Swim", status="cancelled"), {},
            {"description": "Sleep"},
        ]  # fmt: skip

        (plan,) = only(patient(), care_plan(*details)).care_plans

        assert [each.title for each in plan.content.phases[0].activities] == ["Rest", "Sleep"]

    def test_with_nothing_to_do_has_no_phase(self) -> None:
        (plan,) = only(
            patient(), care_plan(category=None, activity=[{"reference": {"reference": "Task/1"}}])
        ).care_plans

        assert plan.content.phases == ()
        assert plan.content.title == "Care plan"

    def test_says_nothing_of_the_person_in_the_definition(self) -> None:
        plan = care_plan(
            coded("Rest", location={"display": "Una's home"}, scheduledTiming={"event": ["2026-03-05"]}),
            addresses=[{"display": "Cut of Una's arm"}], note=[{"text": "Una is tired"}], description="For Una",
        )  # fmt: skip

        (read_plan,) = only(patient(), plan).care_plans

        assert "Una" not in repr(read_plan.content)
        assert "2026-03-05" not in repr(read_plan.content)

    def test_that_cannot_be_followed_is_left_out_and_told(self) -> None:
        repeat = {"period": 1, "frequency": 2}

        reading = read(patient(), care_plan(coded("Rest", scheduledTiming={"repeat": repeat})))

        assert reading.people[0].care_plans == ()
        assert "tim-2" in {each.code for each in reading.report}

    def test_belongs_to_its_subject(self) -> None:
        other = care_plan(coded("Rest"), subject={"reference": "Patient/2"})
        mine = care_plan(coded("Rest"), subject={"reference": "Patient/1"})

        assert len(only(patient(), other, mine, care_plan(coded("Rest"), subject=None)).care_plans) == 1


class TestKind:
    @pytest.mark.parametrize(
        ("text", "kind"),
        [("Stretching exercises", "exercise"), ("Recommendation to rest", "education"),
         ("Follow-up visit", "appointment"), ("Inhaler technique", "medication"), ("Dressing change", "task")],
    )  # fmt: skip
    def test_is_told_by_the_words(self, text: str, kind: str) -> None:
        assert kind_of(text) == kind


class TestFiles:
    def test_that_cannot_be_read_are_told(self) -> None:
        reading = read_synthea(b"<xml/>", file="una.xml")

        assert reading.people == ()
        assert [each.code for each in reading.report] == ["json_invalid"]

    def test_of_real_synthetic_persons_are_read_whole(self) -> None:
        people = plans = 0
        for path in sorted(shared("synthea-r4").glob("*.json")):
            reading = read_synthea(path.read_bytes(), file=path.name)
            assert [each for each in reading.report if each.outcome == "refused"] == []
            for person in reading.people:
                assert settle(person.demographics, today=date(2026, 3, 1))[1] == []
                for plan in person.care_plans:
                    assert check_content(plan.content) == check_publishable(plan.content) == []
                    plans += 1
                people += 1

        assert people >= 12
        assert plans >= 16
