"""RADAR schedules to and from care protocols."""

import json
from datetime import time
from typing import Any

import msgspec
import pytest

from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent, Reminder, Schedule
from healthprotocol.care.protocols.rules.exchange.documents import Json, canonical, parse_json
from healthprotocol.care.protocols.rules.exchange.radar import is_radar, read_radar
from healthprotocol.care.protocols.rules.exchange.radar_write import write_radar
from healthprotocol.care.protocols.rules.exchange.report import Report

DAILY = {"unit": "day", "amount": 1}


def minutes(*times: Any) -> dict[str, Any]:
    return {"unit": "min", "unitsFromZero": times}


def item(**changes: Any) -> dict[str, Any]:
    protocol = {
        "repeatProtocol": DAILY,
        "repeatQuestionnaire": {"unit": "min", "unitsFromZero": [480]},
        "reminders": {"unit": "day", "amount": 0, "repeat": 0},
    }
    whole: dict[str, Any] = {
        "name": "SLEEP_DIARY",
        "questionnaire": {"repository": "https://study.example/", "name": "sleep_diary", "avsc": "questionnaire"},
        "startText": {"en": "", "nl": ""},
        "endText": {"en": "", "nl": ""},
        "warn": {"en": "", "nl": ""},
        "estimatedCompletionTime": 3,
        "protocol": {**protocol, **changes.pop("protocol", {})},
    }
    return {**whole, **changes}


def study(*items: Any, **changes: Any) -> Json:
    whole: Any = {"version": "1.0.0", "schemaVersion": "0.1.5", "name": "Sleep study", "protocols": list(items)}
    return parse_json(json.dumps({**whole, **changes}).encode())


def read(value: Json) -> tuple[ProtocolContent, Report]:
    report = Report("study.json")
    reading = read_radar(value, report)
    assert reading is not None, report.findings()
    return reading.content, report


def only(value: Json) -> Activity:
    (phase,) = read(value)[0].phases
    (activity,) = phase.activities
    return activity


def refused(value: Json) -> dict[str, str]:
    report = Report("study.json")
    assert read_radar(value, report) is None
    return {finding.pointer: finding.code for finding in report.findings() if finding.outcome == "refused"}


def kept(value: Json) -> dict[str, str]:
    return {each.pointer: each.what for each in read(value)[0].kept}


class TestDetection:
    def test_takes_schedules_only(self) -> None:
        assert is_radar(study())
        assert not is_radar({"$schema": "", "protocols": []})
        assert not is_radar({"resourceType": "Bundle", "protocols": []})
        assert not is_radar([])


class TestSchedule:
    @pytest.mark.parametrize(
        ("repeat", "period"),
        [
            (DAILY, (1.0, "d")),
            ({"unit": "week", "amount": 4}, (4.0, "wk")),
            ({"unit": "month", "amount": 6}, (6.0, "mo")),
            ({"unit": "days", "amount": 2}, (2.0, "d")),
            ({"unit": "day", "amount": 9999}, (None, None)),
            ({"unit": "year", "amount": 1}, (None, None)),
        ],
    )
    def test_repeats_as_the_study_does(self, repeat: Json, period: tuple[float | None, str | None]) -> None:
        schedule = only(study(item(protocol={"repeatProtocol": repeat}))).schedule

        assert (schedule.period, schedule.period_unit) == period

    @pytest.mark.parametrize(
        ("times", "offsets"),
        [
            ({"unit": "min", "unitsFromZero": [480, 1200]}, (480, 1200)),
            ({"unit": "hour", "unitsFromZero": [9, 33]}, (540, 1980)),
            ({"unit": "day", "unitsFromZero": [0, 2]}, (0, 2880)),
            ({"unit": "min", "unitsFromZero": [480, 480]}, (480,)),
            ({"unit": "min", "unitsFromZero": 480}, (480,)),
        ],
    )
    def test_asks_at_minutes_from_midnight(self, times: Json, offsets: tuple[int, ...]) -> None:
        assert only(study(item(protocol={"repeatQuestionnaire": times}))).schedule.offsets_minutes == offsets

    @pytest.mark.parametrize(
        ("window", "minutes"),
        [
            (None, None),
            ({"unit": "min", "amount": 15}, 15),
            ({"unit": "hour", "amount": 16}, 960),
            ({"unit": "day", "amount": 3}, 4320),
            ({"unit": "month", "amount": 1}, 43_200),
            ({"unit": "year", "amount": 10}, 527_040),
            ({"unit": "day", "amount": 0}, None),
        ],
    )
    def test_stays_open_as_long(self, window: Json, minutes: int | None) -> None:
        assert only(study(item(protocol={"completionWindow": window}))).schedule.window_minutes == minutes

    @pytest.mark.parametrize(
        ("reminders", "after"),
        [
            (None, []),
            ({"unit": "hour", "amount": 24, "repeat": 2}, [1440, 2880]),
            ({"unit": "hour", "amount": 9, "repeat": 0}, []),
            ({"unit": "day", "amount": 5, "repeat": 4}, [7200, 14_400]),
            ({"unit": "min", "amount": 1, "repeat": 99}, list(range(1, 11))),
            ([{"offset": {"unit": "min", "amount": 5}}, {"notification": {"title": {"en": "Now"}}}], [5]),
        ],
    )
    def test_reminds_as_often(self, reminders: Json, after: list[int]) -> None:
        schedule = only(study(item(protocol={"reminders": reminders}))).schedule

        assert [reminder.after_minutes for reminder in schedule.reminders] == after

    @pytest.mark.parametrize(
        ("protocol", "pointer", "code"),
        [
            ({"repeatProtocol": None}, "/repeatProtocol", "required"),
            ({"repeatProtocol": {"unit": "day"}}, "/repeatProtocol/amount", "required"),
            ({"repeatProtocol": {"unit": "day", "amount": 0}}, "/repeatProtocol/amount", "out_of_range"),
            ({"repeatProtocol": {"unit": "day", "amount": 1.5}}, "/repeatProtocol/amount", "whole_number_expected"),
            ({"repeatProtocol": {"unit": "moon", "amount": 1}}, "/repeatProtocol/unit", "unit"),
            ({"repeatQuestionnaire": None}, "/repeatQuestionnaire", "required"),
            ({"repeatQuestionnaire": {"unit": 7}}, "/repeatQuestionnaire/unit", "unit"),
            ({"repeatQuestionnaire": {"unit": "month", "unitsFromZero": [1]}}, "/repeatQuestionnaire/unit", "unit"),
            ({"repeatQuestionnaire": minutes(-1)}, "/repeatQuestionnaire/unitsFromZero/0", "out_of_range"),
            ({"repeatQuestionnaire": minutes("x")}, "/repeatQuestionnaire/unitsFromZero/0", "out_of_range"),
            ({"repeatQuestionnaire": minutes(*range(101))}, "/repeatQuestionnaire/unitsFromZero", "too_many"),
            ({"completionWindow": {"unit": "moon", "amount": 1}}, "/completionWindow/unit", "unit"),
            ({"reminders": {"unit": "moon", "amount": 1, "repeat": 1}}, "/reminders/unit", "unit"),
            ({"reminders": [{"offset": {"unit": "moon", "amount": 1}}]}, "/reminders/0/offset/unit", "unit"),
        ],
    )  # fmt: skip
    def test_that_is_unclear_is_refused_with_its_place(self, protocol: Any, pointer: str, code: str) -> None:
        found = refused(study(item(), item(protocol=protocol)))

        assert found[f"/protocols/1/protocol{pointer}"] == code

    def test_that_is_missing_is_refused(self) -> None:
        broken = item()
        broken["protocol"] = None

        assert refused(study(broken)) == {"/protocols/0/protocol": "required"}

    def test_that_breaks_a_rule_is_refused_at_its_item(self) -> None:
        changes: Any = {"repeatProtocol": {"unit": "hour", "amount": 36}}

        assert refused(study(item(protocol=changes))) == {"/protocols/0/protocol": "contradiction"}

    def test_past_the_end_is_kept(self) -> None:
        times = {"unit": "day", "unitsFromZero": [1, 400]}

        value = study(item(protocol={"repeatQuestionnaire": times}))

        assert only(value).schedule.offsets_minutes == (1440,)
        assert kept(value)["/protocols/0/protocol/repeatQuestionnaire/unitsFromZero/1"].startswith(
            "a time past the end"
        )

    def test_that_never_comes_keeps_the_item(self) -> None:
        times = {"unit": "day", "unitsFromZero": [400]}

        value = study(item(protocol={"repeatQuestionnaire": times}))

        assert read(value)[0].phases == ()
        assert kept(value)["/protocols/0"] == "an item that is never due within a year"

    def test_anchored_to_a_date_is_counted_from_the_first_day(self) -> None:
        stamp = {"timestamp": "2016-07-01", "format": "date"}

        _, report = read(study(item(protocol={"referenceTimestamp": stamp, "odd one": 1})))

        assert "anchor" in {finding.code for finding in report.findings()}


class TestItems:
    @pytest.mark.parametrize("kind", ["on_demand", "triggered", "clinical"])
    def test_not_planned_by_the_calendar_are_kept(self, kind: str) -> None:
        value = study(item(type=kind), item())

        assert len(read(value)[0].phases[0].activities) == 1
        assert kept(value)["/protocols/0"].startswith("an item that is not planned by the calendar")

    def test_after_a_visit_are_kept(self) -> None:
        visit = item()
        visit["protocol"] = {"clinicalProtocol": {"repeatAfterClinicVisit": {}}, "repeatProtocol": DAILY}

        assert kept(study(visit))["/protocols/0"] == "an item that follows a visit to the clinic"

    def test_have_keys_of_their_own(self) -> None:
        nameless = item(questionnaire=None, name="8PM Survey - OD")

        (phase,) = read(study(item(), item(), nameless))[0].phases

        assert [each.key for each in phase.activities] == ["sleep_diary", "sleep_diary-2", "8pm-survey---od"]

    def test_are_tasks_because_the_questions_are_elsewhere(self) -> None:
        value = study(item())

        assert (only(value).kind, only(value).title) == ("task", "SLEEP DIARY")
        assert kept(value)["/protocols/0/questionnaire"] == "where the questions are defined"

    def test_without_a_name_are_questionnaires(self) -> None:
        assert only(study(item(name=" ", questionnaire={}))).title == "Questionnaire"

    def test_speak_english_else_the_first_language(self) -> None:
        assert only(study(item(startText={"nl": "Hallo", "en": "Hello"}))).instructions == "Hello"
        assert only(study(item(startText={"nl": "Hallo", "en": " "}))).instructions == "Hallo"
        assert only(study(item(startText="Hello"))).instructions is None

    def test_keep_the_other_languages(self) -> None:
        value = study(item(startText={"nl": "Hallo", "en": "Hello"}, endText={"da": "Tak"}, mood=1, **{"odd one": 2}))

        assert kept(value) == {
            "/protocols/0/questionnaire": "where the questions are defined",
            "/protocols/0/startText/nl": "startText in nl",
            "/protocols/0/endText/da": "endText in da",
            "/protocols/0/mood": "mood",
            "/protocols/0/odd one": "an unknown member",
        }
        assert read(value)[0].languages == ("nl", "en", "da")

    def test_that_are_no_objects_are_refused(self) -> None:
        assert refused(study(7)) == {"/protocols/0": "object_expected"}

    def test_too_many_are_refused(self) -> None:
        assert refused(study(*[item()] * 201)) == {"/protocols": "too_many"}


class TestStudy:
    def test_gives_title_and_tags(self) -> None:
        issues = ["depression", "", *map(str, range(30))]

        content, _ = read(study(item(), healthIssues=issues, sponsor="Rhine"))

        assert content.title == "Sleep study"
        assert (content.tags[0], len(content.tags)) == ("depression", 20)
        assert ("/sponsor", "sponsor") in {(each.pointer, each.what) for each in content.kept}

    @pytest.mark.parametrize(("name", "title"), [("A", "Study A"), (None, "Study"), ("x" * 120, "x" * 99 + "…")])
    def test_with_a_name_that_does_not_fit_is_mended(self, name: str | None, title: str) -> None:
        content, report = read(study(item(), name=name))

        assert content.title == title
        assert {"title", "too_long"} & {finding.code for finding in report.findings()}


class TestWritingOverASource:
    def test_changes_nothing_without_an_edit(self) -> None:
        value = study(item(), item(type="on_demand"), item(estimatedCompletionTime=1.0))

        written, violations = write_radar(read(value)[0], source=value)

        assert violations == []
        assert canonical(written) == canonical(value)

    def test_changes_what_was_edited_and_nothing_else(self) -> None:
        value = study(item(type="on_demand"), item(startText={"nl": "Hallo", "en": ""}), item(name="MOOD"))
        content, _ = read(value)
        first, second = content.phases[0].activities
        schedule = Schedule(
            period=2, period_unit="wk", offsets_minutes=(60,), window_minutes=30, duration=7, duration_unit="min",
            reminders=(Reminder(after_minutes=5), Reminder(after_minutes=7)),
        )  # fmt: skip
        edited = msgspec.structs.replace(first, title="Diary", instructions="Dag", schedule=schedule)
        phase = msgspec.structs.replace(content.phases[0], activities=(second, edited))
        wanted = msgspec.structs.replace(content, title="Sleep well", tags=("sleep",), phases=(phase,))

        written, violations = write_radar(wanted, source=value)

        assert violations == []
        assert isinstance(written, dict)
        changed = item(
            name="Diary",
            startText={"nl": "Dag", "en": ""},
            estimatedCompletionTime=7,
            protocol={
                "repeatProtocol": {"unit": "week", "amount": 2},
                "repeatQuestionnaire": {"unit": "min", "unitsFromZero": [60]},
                "completionWindow": {"unit": "min", "amount": 30},
                "reminders": [{"offset": {"unit": "min", "amount": 5}}, {"offset": {"unit": "min", "amount": 7}}],
            },
        )
        on_demand = item(type="on_demand")
        # Both ask the same questionnaire, and only their order told them apart.
        mood, diary = item(name="MOOD", healthprotocolKey=second.key), {**changed, "healthprotocolKey": first.key}
        expected = study(on_demand, mood, diary, name="Sleep well", healthIssues=["sleep"])
        assert canonical(written) == canonical(expected)

    def test_takes_items_out_and_puts_new_ones_in(self) -> None:
        value = study(item(), item(name="MOOD"))
        content, _ = read(value)
        new = Activity(key="walk", kind="task", title="Walk", schedule=Schedule(offsets_minutes=(0,)))
        phase = msgspec.structs.replace(content.phases[0], activities=(content.phases[0].activities[1], new))

        for activities in (phase.activities, (*phase.activities, content.phases[0].activities[0])):
            wider = msgspec.structs.replace(content, phases=(msgspec.structs.replace(phase, activities=activities),))
            written, violations = write_radar(wider, source=value)
            assert violations == []
            assert [each.key for each in read(written)[0].phases[0].activities] == [each.key for each in activities]

    def test_takes_the_words_of_all_languages_away(self) -> None:
        value = study(item(startText={"nl": "Hallo", "en": "Hello"}), item(startText=7))
        content, _ = read(value)
        first, second = content.phases[0].activities
        silent = msgspec.structs.replace(first, instructions=None)
        spoken = msgspec.structs.replace(second, instructions="Hej")
        phase = msgspec.structs.replace(content.phases[0], activities=(silent, spoken))

        written, violations = write_radar(msgspec.structs.replace(content, phases=(phase,)), source=value)

        assert violations == []
        assert [each.instructions for each in read(written)[0].phases[0].activities] == [None, "Hej"]

    def test_can_leave_fewer_than_there_were(self) -> None:
        value = study(item(), item(name="MOOD"), item(name="PAIN"))
        content, _ = read(value)
        phase = msgspec.structs.replace(content.phases[0], activities=content.phases[0].activities[:1])

        written, violations = write_radar(msgspec.structs.replace(content, phases=(phase,)), source=value)

        assert violations == []
        assert canonical(written) == canonical(study(item()))

    def test_can_take_a_window_away(self) -> None:
        value = study(item(protocol={"completionWindow": DAILY}))
        content, _ = read(value)
        (activity,) = content.phases[0].activities
        open_ended = msgspec.structs.replace(activity.schedule, window_minutes=None)
        changed = msgspec.structs.replace(activity, schedule=open_ended)
        phase = msgspec.structs.replace(content.phases[0], activities=(changed,))

        written, violations = write_radar(msgspec.structs.replace(content, phases=(phase,)), source=value)

        assert violations == []
        assert canonical(written) == canonical(study(item()))

    @pytest.mark.parametrize(
        ("after", "reminders"),
        [
            ((), {"unit": "min", "amount": 0, "repeat": 0}),
            ((30, 60), {"unit": "min", "amount": 30, "repeat": 2}),
            ((-10, 30), [{"offset": {"unit": "min", "amount": -10}}, {"offset": {"unit": "min", "amount": 30}}]),
        ],
    )
    def test_says_reminders_evenly_or_one_by_one(self, after: tuple[int, ...], reminders: Any) -> None:
        value = study(item(protocol={"reminders": {"unit": "day", "amount": 1, "repeat": 1}}))
        content, _ = read(value)
        (activity,) = content.phases[0].activities
        told = tuple(Reminder(after_minutes=minutes) for minutes in after)
        changed = msgspec.structs.replace(activity, schedule=msgspec.structs.replace(activity.schedule, reminders=told))
        phase = msgspec.structs.replace(content.phases[0], activities=(changed,))

        written, violations = write_radar(msgspec.structs.replace(content, phases=(phase,)), source=value)

        assert violations == []
        assert canonical(written) == canonical(study(item(protocol={"reminders": reminders})))

    def test_needs_a_source_that_is_a_schedule(self) -> None:
        content, _ = read(study(item()))

        _, violations = write_radar(content, source=study(item(protocol={"repeatProtocol": None})))

        assert [violation.code for violation in violations] == ["source_unreadable"]


class TestWritingAnew:
    def protocol(self, activity: Activity, **changes: Any) -> ProtocolContent:
        phase = Phase(title="Everything", start_day=1, length_days=365, activities=(activity,))
        fields: dict[str, Any] = {"title": "Walks", "duration_days": 365, "phases": (phase,), **changes}
        return ProtocolContent(**fields)

    def test_says_times_of_the_day_as_minutes(self) -> None:
        walk = Activity(key="walk", kind="task", title="Walk", schedule=Schedule(time_of_day=(time(8), time(20, 30))))

        written, violations = write_radar(self.protocol(walk))

        assert violations == []
        assert only(written).schedule == Schedule(period=1, period_unit="d", offsets_minutes=(480, 1230))

    def test_says_instructions_in_the_first_language(self) -> None:
        walk = Activity(
            key="walk", kind="task", title="Walk", instructions="Los", schedule=Schedule(offsets_minutes=(0,))
        )

        written, violations = write_radar(self.protocol(walk, languages=("de",)))

        assert violations == []
        assert read(written)[0].languages == ("de",)

    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"kind": "exercise"}, "/phases/0/activities/0/kind"),
            ({"clinician_instructions": "x"}, "/phases/0/activities/0/clinician_instructions"),
            ({"schedule": Schedule(offsets_minutes=(0,), count=3)}, "/phases/0/activities/0/schedule/count"),
            ({"schedule": Schedule(offsets_minutes=(0,), lead_minutes=3)}, "/phases/0/activities/0/schedule/lead"),
            ({"schedule": Schedule(offsets_minutes=(0,), period=1, period_unit="s")}, ""),
            ({"schedule": Schedule(time_of_day=(time(8, 0, 1),))}, "/phases/0/activities/0"),
            ({"schedule": Schedule(offsets_minutes=(0,), period=1.5, period_unit="wk")}, ""),
            ({"schedule": Schedule(reminders=(Reminder(after_minutes=-5),), offsets_minutes=(0,))}, None),
        ],
    )  # fmt: skip
    def test_says_what_it_cannot_say(self, changes: dict[str, Any], pointer: str | None) -> None:
        fields: dict[str, Any] = {"schedule": Schedule(offsets_minutes=(0,)), "kind": "task", **changes}
        walk = Activity(key="walk", title="Walk", **fields)

        written, violations = write_radar(self.protocol(walk))

        if pointer is None:
            assert violations == []
        else:
            assert written is None
            assert any(violation.pointer.startswith(pointer) for violation in violations)
            assert {violation.code for violation in violations} == {"not_expressible"}

    def test_says_that_it_has_no_end(self) -> None:
        walk = Activity(key="walk", kind="task", title="Walk", schedule=Schedule(offsets_minutes=(0,)))

        _, violations = write_radar(self.protocol(walk, duration_days=90))

        assert "/duration_days" in {violation.pointer for violation in violations}

    def test_without_times_there_is_nothing_to_say(self) -> None:
        walk = Activity(
            key="walk", kind="task", title="Walk", schedule=Schedule(frequency=3, period=1, period_unit="wk")
        )

        written, violations = write_radar(self.protocol(walk))

        assert written is None
        assert violations
