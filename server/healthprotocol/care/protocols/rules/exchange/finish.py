"""The last step of every reading: rich text made safe, and the whole held against the rules that every draft obeys."""

import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from healthprotocol.care.protocols.model import ProtocolContent
from healthprotocol.care.protocols.rules.content_check import check_content
from healthprotocol.care.protocols.rules.exchange.report import Report
from healthprotocol.care.protocols.rules.sanitised import sanitised


class Place(NamedTuple):
    """A file and a JSON pointer into it."""

    file: str
    pointer: str


def finish(content: ProtocolContent, report: Report, *, place_at: Callable[[str], Place]) -> ProtocolContent | None:
    """
    Return a content as it will be stored, or None with the reasons in the report.

    `place_at` gives, for a pointer into the content, where the source says it.
    """
    safe = _with_safe_html(content, report)
    if not report.is_refused and not _fits_model(safe):
        report.refused(report.file, "", "limits", "The file holds more, or longer parts, than a protocol may have.")
    if not report.is_refused:
        for violation in check_content(safe):
            place = place_at(violation.pointer)
            report.refused(place.file, place.pointer, violation.code, violation.detail)
    return None if report.is_refused else safe


def activity_place(pointer: str) -> tuple[int, int, str] | None:
    """Return the numbers of phase and activity in a pointer into a content, and what follows; None without them."""
    match = re.fullmatch(r"/phases/(\d+)/activities/(\d+)(.*)", pointer)
    return (int(match[1]), int(match[2]), match[3]) if match else None


def _fits_model(content: ProtocolContent) -> bool:
    try:
        msgspec.convert(msgspec.to_builtins(content), ProtocolContent)
    except msgspec.ValidationError:
        return False
    return True


def _with_safe_html(content: ProtocolContent, report: Report) -> ProtocolContent:
    html = sanitised(content.content)
    patient_html = None if content.patient_content is None else sanitised(content.patient_content)
    if (html, patient_html) == (content.content, content.patient_content):
        return content
    report.adjusted(report.file, "", "html", "Rich text was freed of markup that could act.")
    return msgspec.structs.replace(content, content=html, patient_content=patient_html)
