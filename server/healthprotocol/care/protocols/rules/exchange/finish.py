"""The last step of every reading: rich text made safe, schedules checked, the whole held against the model's limits."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from healthprotocol.care.protocols.model import ProtocolContent
from healthprotocol.care.protocols.rules.exchange.report import Report
from healthprotocol.care.protocols.rules.sanitised import sanitised
from healthprotocol.care.protocols.rules.schedule_check import check_schedule


class Place(NamedTuple):
    """A file and a JSON pointer into it."""

    file: str
    pointer: str


def finish(
    content: ProtocolContent, report: Report, *, schedule_at: Callable[[int, int], Place]
) -> ProtocolContent | None:
    """
    Return a content as it will be stored, or None with the reasons in the report.

    `schedule_at` gives, for the numbers of a phase and of an activity in it, where the source says when it is done.
    """
    safe = _with_safe_html(content, report)
    _check_keys(safe, report, schedule_at)
    for number, phase in enumerate(safe.phases):
        for index, activity in enumerate(phase.activities):
            place = schedule_at(number, index)
            for violation in check_schedule(
                activity.schedule,
                phase_length_days=phase.length_days,
                duration_days=safe.duration_days,
                phase_start_day=phase.start_day,
                pointer=place.pointer,
            ):
                report.refused(place.file, violation.pointer, violation.code, violation.detail)
    try:
        msgspec.convert(msgspec.to_builtins(safe), ProtocolContent)
    except msgspec.ValidationError:
        report.refused(report.file, "", "limits", "The file holds more, or longer parts, than a protocol may have.")
    return None if report.is_refused else safe


def _with_safe_html(content: ProtocolContent, report: Report) -> ProtocolContent:
    html = sanitised(content.content)
    patient_html = None if content.patient_content is None else sanitised(content.patient_content)
    if (html, patient_html) == (content.content, content.patient_content):
        return content
    report.adjusted(report.file, "", "html", "Rich text was freed of markup that could act.")
    return msgspec.structs.replace(content, content=html, patient_content=patient_html)


def _check_keys(content: ProtocolContent, report: Report, schedule_at: Callable[[int, int], Place]) -> None:
    seen: set[str] = set()
    for number, phase in enumerate(content.phases):
        for index, activity in enumerate(phase.activities):
            if activity.key in seen:
                place = schedule_at(number, index)
                report.refused(place.file, place.pointer, "key_twice", "Two activities have the same key.")
            seen.add(activity.key)
