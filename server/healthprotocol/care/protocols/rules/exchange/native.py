"""
The project's own file format.

The content of a protocol version under the header `healthprotocol: 1`, as JSON or YAML. Strict: what the format does
not know is refused with its pointer.
"""

from healthprotocol.care.protocols.model import ProtocolContent
from healthprotocol.care.protocols.rules.exchange.documents import Json, copy_json
from healthprotocol.care.protocols.rules.exchange.finish import Place, finish
from healthprotocol.care.protocols.rules.exchange.overlay import json_of, rewrite
from healthprotocol.care.protocols.rules.exchange.report import Report
from healthprotocol.care.protocols.rules.exchange.strict import convert

HEADER = "healthprotocol"
FORMAT_VERSION = 1


def is_native(value: Json) -> bool:
    """Whether a document bears the format's header, of whatever version."""
    return isinstance(value, dict) and HEADER in value


def read_native(value: Json, report: Report) -> ProtocolContent | None:
    """Return the content of a document of our own format, or None with every fault in the report."""
    if not isinstance(value, dict) or value.get(HEADER) != FORMAT_VERSION or isinstance(value[HEADER], bool):
        sentence = f"Only version {FORMAT_VERSION} of the format is read."
        report.refused(report.file, f"/{HEADER}", "version_unknown", sentence)
        return None
    content, violations = convert(_without_header(value), ProtocolContent)
    for violation in violations:
        report.refused(report.file, violation.pointer, violation.code, violation.detail)
    if content is None:
        return None
    activities = sum(len(phase.activities) for phase in content.phases)
    report.understood(report.file, "", f"Everything: {len(content.phases)} phases, {activities} activities.")
    return finish(content, report, place_at=lambda pointer: Place(report.file, pointer))


def write_native(content: ProtocolContent, *, source: Json = None) -> Json:
    """
    Return the document of a content.

    With the document it was once read from, only what differs is written anew: the way of writing of the rest is kept.
    """
    wanted = json_of(content)
    if isinstance(source, dict):
        before = read_native(source, Report(""))
        if before is not None:
            rewritten = rewrite(_without_header(source), json_of(before), wanted)
            return _with_header(rewritten, like=source)
    return _with_header(wanted, like=None)


def _without_header(value: dict[str, Json]) -> Json:
    return {name: member for name, member in value.items() if name != HEADER}


def _with_header(value: Json, *, like: dict[str, Json] | None) -> Json:
    # A header that was written 1.0 stays 1.0.
    members = value if isinstance(value, dict) else {}
    return {HEADER: copy_json(like[HEADER]) if like else FORMAT_VERSION, **members}
