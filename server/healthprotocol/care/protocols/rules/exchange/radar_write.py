"""
A protocol written as a RADAR schedule: over the file it came from, or as a new one.

RADAR has no place for much of what a protocol may say. What it cannot say is not left out in silence: the document is
read again, and every difference refuses the export with its pointer.
"""

from typing import cast

import msgspec

from healthprotocol.care.protocols.model import Activity, PeriodUnit, ProtocolContent, Schedule
from healthprotocol.care.protocols.rules.exchange.documents import Json, copy_json
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.overlay import json_of, plain
from healthprotocol.care.protocols.rules.exchange.radar import KEY, RadarReading, one_language, read_radar
from healthprotocol.care.protocols.rules.exchange.report import Report
from healthprotocol.care.protocols.rules.exchange.unsaid import unsaid
from healthprotocol.foundation.errors import Violation

SCHEMA_VERSION = "https://radar-base.org/armt/protocol/0.1.5"
ONCE = {"unit": "day", "amount": 9999}
_UNITS: dict[PeriodUnit, str] = {"min": "min", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year"}
_MINUTES_PER_DAY = 1_440

_Item = dict[str, Json]


def write_radar(
    content: ProtocolContent, *, version: str = "1.0.0", source: Json = None
) -> tuple[Json, list[Violation]]:
    """
    Return the RADAR document of a content and no violations, or None and what RADAR cannot say.

    With the document it was once read from, only what differs is written anew.
    """
    document = copy_json(source) if isinstance(source, dict) else _empty(content, version)
    before = read_radar(document, Report("")) if isinstance(document, dict) else None
    if before is None or not isinstance(document, dict):
        return None, [Violation("", "source_unreadable", "The stored source is no RADAR schedule.")]
    if before.content.title != content.title:
        document["name"] = content.title
    if before.content.tags != content.tags:
        document["healthIssues"] = list(content.tags)
    document["protocols"] = _items(document, before, content)
    _write_keys(document, content)
    after = read_radar(document, Report(""))
    if after is None:
        return None, [Violation("", "not_expressible", "A RADAR schedule cannot say what this protocol says.")]
    left = unsaid(_comparable(content), _comparable(after.content), format_name="a RADAR schedule")
    return (None, left) if left else (document, [])


def _empty(content: ProtocolContent, version: str) -> Json:
    return {
        "version": version,
        "schemaVersion": SCHEMA_VERSION,
        "name": content.title,
        "healthIssues": list(content.tags),
        "protocols": [],
    }


def _items(document: dict[str, Json], before: RadarReading, content: ProtocolContent) -> Json:
    """Put the activities in their order into the places of activities; items that are none keep theirs."""
    found = document.get("protocols")
    present = cast("list[_Item]", found if isinstance(found, list) else [found])
    known = [activity for phase in before.content.phases for activity in phase.activities]
    written = {activity.key: (activity, present[item]) for activity, item in zip(known, before.items, strict=True)}
    language = next(iter(content.languages), "en")
    wanted = [
        _item(activity, *written.get(activity.key, (None, None)), language=language)
        for phase in content.phases
        for activity in phase.activities
    ]
    places = set(before.items)
    result: list[Json] = []
    for number, item in enumerate(present):
        if number not in places:
            result.append(item)
        elif wanted:
            result.append(wanted.pop(0))
    return [*result, *wanted]


def _write_keys(document: dict[str, Json], content: ProtocolContent) -> None:
    """Name the activities that would be read under another key: RADAR knows items by their questionnaire only."""
    reading = read_radar(document, Report(""))
    wanted = [activity.key for phase in content.phases for activity in phase.activities]
    found = [activity.key for phase in reading.content.phases for activity in phase.activities] if reading else []
    items = cast("list[_Item]", document["protocols"])
    if reading is None or found == wanted or len(found) != len(wanted):
        return
    for key, number in zip(wanted, reading.items, strict=True):
        items[number][KEY] = key


def _item(activity: Activity, before: Activity | None, item: _Item | None, *, language: str) -> _Item:
    if before is None or item is None:
        return _new_item(activity, language=language)
    if before.title != activity.title:
        item["name"] = activity.title
    if before.instructions != activity.instructions:
        item["startText"] = _start_text(item.get("startText"), activity.instructions, language)
    if before.schedule != activity.schedule:
        _write_schedule(item, before.schedule, activity.schedule)
    return item


def _new_item(activity: Activity, *, language: str) -> _Item:
    item: _Item = {
        "name": activity.title,
        "showIntroduction": activity.instructions is not None,
        "questionnaire": {"repository": "", "name": activity.key, "avsc": "questionnaire"},
        "startText": {language: activity.instructions or ""},
        "endText": {language: ""},
        "warn": {language: ""},
        "estimatedCompletionTime": 0,
        "protocol": {
            "repeatProtocol": dict(ONCE),
            "repeatQuestionnaire": {"unit": "min", "unitsFromZero": []},
            "reminders": {"unit": "day", "amount": 0, "repeat": 0},
        },
    }
    _write_schedule(item, Schedule(), activity.schedule)
    return item


def _start_text(texts: Json, instructions: str | None, language: str) -> Json:
    """Write into the language that is shown; without instructions no language has any."""
    known = dict(texts) if isinstance(texts, dict) else {}
    if instructions is None:
        return dict.fromkeys(known, "") or {language: ""}
    shown = one_language(Node(known, Report(""), file=""))
    return {**known, (shown[0] if shown else language): instructions}


def _write_schedule(item: _Item, before: Schedule, schedule: Schedule) -> None:
    found = item.get("protocol")
    protocol = found if isinstance(found, dict) else {}
    item["protocol"] = protocol
    if _period(before) != _period(schedule):
        protocol["repeatProtocol"] = _period(schedule)
    if _offsets(before) != _offsets(schedule):
        protocol["repeatQuestionnaire"] = {"unit": "min", "unitsFromZero": list(_offsets(schedule))}
    if before.window_minutes != schedule.window_minutes:
        protocol.pop("completionWindow", None)
        if schedule.window_minutes is not None:
            protocol["completionWindow"] = {"unit": "min", "amount": schedule.window_minutes}
    if before.reminders != schedule.reminders:
        protocol["reminders"] = _reminders([reminder.after_minutes for reminder in schedule.reminders])
    if (before.duration, before.duration_unit) != (schedule.duration, schedule.duration_unit):
        item["estimatedCompletionTime"] = plain(schedule.duration or 0.0)


def _period(schedule: Schedule) -> Json:
    if schedule.period is None or schedule.period_unit is None:
        # Times of the day without a period mean every day.
        return {"unit": "day", "amount": 1} if schedule.time_of_day else dict(ONCE)
    # RADAR has no seconds: it will read another unit, and so tell.
    return {"unit": _UNITS.get(schedule.period_unit, "min"), "amount": plain(schedule.period)}


def _offsets(schedule: Schedule) -> tuple[int, ...]:
    if schedule.offsets_minutes or not schedule.time_of_day:
        return schedule.offsets_minutes
    return tuple(at.hour * 60 + at.minute for at in schedule.time_of_day)


def _reminders(after: list[int]) -> Json:
    evenly = [after[0] * number for number in range(1, len(after) + 1)] if after and after[0] > 0 else []
    if after == evenly:
        return {"unit": "min", "amount": after[0] if after else 0, "repeat": len(after)}
    return [{"offset": {"unit": "min", "amount": minutes}} for minutes in after]


def _comparable(content: ProtocolContent) -> Json:
    """Return what RADAR must say: times of the day as offsets, without the languages and the one phase's name."""
    phases = tuple(
        msgspec.structs.replace(
            phase, title="-", activities=tuple(_comparable_activity(each) for each in phase.activities)
        )
        for phase in content.phases
    )
    return json_of(msgspec.structs.replace(content, phases=phases, languages=(), kept=()))


def _comparable_activity(activity: Activity) -> Activity:
    schedule = activity.schedule
    has_seconds = any(at.second or at.microsecond for at in schedule.time_of_day)
    if not schedule.time_of_day or schedule.offsets_minutes or has_seconds:
        return activity
    daily = (schedule.period, schedule.period_unit) if schedule.period else (1.0, "d")
    same = msgspec.structs.replace(
        schedule, time_of_day=(), offsets_minutes=_offsets(schedule), period=daily[0], period_unit=daily[1]
    )
    return msgspec.structs.replace(activity, schedule=same)
