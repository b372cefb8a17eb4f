"""
Care protocols from files and into files, whatever the format: the door to import and export.

Formats: FHIR R4 (PlanDefinition with its definitions, in Bundles or several files), RADAR aRMT schedules, and the
project's own as JSON and YAML.
"""

from collections.abc import Sequence

import msgspec

from healthprotocol.care.protocols.fhir.bundle import MAX_PLANS, is_fhir, plan_of, plans_of, source_of
from healthprotocol.care.protocols.fhir.lens import write_plan
from healthprotocol.care.protocols.fhir.plan_definition import read_plan
from healthprotocol.care.protocols.fhir.skeleton import Identity
from healthprotocol.care.protocols.model import ProtocolContent
from healthprotocol.care.protocols.rules.exchange.documents import (
    Document,
    Format,
    Json,
    Source,
    SourceFile,
    Unreadable,
    parse_json,
    write_json,
)
from healthprotocol.care.protocols.rules.exchange.native import is_native, read_native, write_native
from healthprotocol.care.protocols.rules.exchange.radar import is_radar, read_radar
from healthprotocol.care.protocols.rules.exchange.radar_write import write_radar
from healthprotocol.care.protocols.rules.exchange.report import (
    Finding,
    ImportReading,
    Outcome,
    ReadProtocol,
    Report,
    refusals,
)
from healthprotocol.care.protocols.rules.exchange.yaml_documents import parse_yaml, write_yaml
from healthprotocol.foundation.errors import Violation


class WrittenSource(msgspec.Struct, frozen=True, kw_only=True):
    """The files of an export, or why there are none."""

    files: tuple[SourceFile, ...]
    refused: tuple[Violation, ...] = ()


MAX_FILES = 1_000
MAX_TOTAL_BYTES = 40 * 1024 * 1024
_MAX_NAME = 200


def read_source(files: Sequence[SourceFile]) -> ImportReading:
    """
    Return the care protocols in some files that belong together, each whole, and a report on everything else.

    FHIR resources find one another across the files. A protocol that cannot be imported whole is not in the result; the
    report has its refusals. Never raises for what is in a file.
    """
    findings: list[Finding] = []
    protocols: list[ReadProtocol] = []
    fhir: list[Document] = []
    if len(files) > MAX_FILES or sum(len(file.body) for file in files) > MAX_TOTAL_BYTES:
        sentence = f"At most {MAX_FILES} files and 40 MB are read at once."
        return ImportReading(protocols=(), report=(_finding("refused", "", "", "too_large", sentence),))
    for file in files:
        name = file.name[:_MAX_NAME]
        try:
            value, kind = _parse(name, file.body)
        except Unreadable as error:
            findings.append(_finding("refused", name, error.place, error.code, error.detail))
            continue
        if is_fhir(value):
            fhir.append(Document(name, value))
        else:
            _take(_read_alone(Document(name, value), kind), protocols, findings)
    for read in _read_fhir(fhir, findings):
        _take(read, protocols, findings)
    return ImportReading(protocols=tuple(protocols), report=tuple(findings))


def write_source(
    content: ProtocolContent,
    *,
    format: Format,  # noqa: A002 - what callers and the API call it
    source: Source | None = None,
    identity: Identity | None = None,
) -> WrittenSource:
    """
    Return a content as files of a format.

    With the source it was imported from, in the same format, only what was edited is written anew; the rest stays as it
    was. Without, new resources are made, for which `identity` says who they are. `files` is empty when something cannot
    be said in the format; `refused` then says what, with pointers into the content.
    """
    identity = identity or Identity()
    if format == "fhir":
        fitting = source if source is not None and source.format == "fhir" else None
        documents, violations = write_plan(content, source=fitting, identity=identity)
    elif format == "radar":
        original = source.documents[0] if source is not None and source.format == "radar" else None
        value, violations = write_radar(content, source=original.value if original else None)
        documents = (Document(original.name if original else "protocol.json", value),)
    else:
        original = source.documents[0] if source is not None and source.format.startswith("native") else None
        value, violations = write_native(content, source=original.value if original else None), []
        suffix = "yaml" if format == "native-yaml" else "json"
        documents = (Document(f"protocol.{suffix}", value),)
    if violations:
        return WrittenSource(files=(), refused=tuple(violations))
    write = write_yaml if format == "native-yaml" else write_json
    return WrittenSource(files=tuple(SourceFile(each.name, write(each.value)) for each in documents))


def as_one_file(written: WrittenSource) -> SourceFile:
    """Return what was written as one file: several FHIR files as a Bundle. Raises ValueError when there is no file."""
    if len(written.files) == 1:
        return written.files[0]
    if not written.files:
        raise ValueError("nothing was written")
    entries: list[Json] = [{"resource": parse_json(file.body)} for file in written.files]
    return SourceFile("protocol.json", write_json({"resourceType": "Bundle", "type": "collection", "entry": entries}))


def _parse(name: str, body: bytes) -> tuple[Json, Format]:
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"<":
        raise Unreadable("xml", "XML is not read; export the resource as JSON.")
    if start in {b"{", b"["} and not name.lower().endswith((".yaml", ".yml")):
        return parse_json(body), "native-json"
    return parse_yaml(body), "native-yaml"


def _take(read: ReadProtocol | list[Finding], protocols: list[ReadProtocol], findings: list[Finding]) -> None:
    if isinstance(read, ReadProtocol):
        protocols.append(read)
    else:
        findings.extend(read)


def _read_alone(document: Document, kind: Format) -> ReadProtocol | list[Finding]:
    report = Report(document.name)
    content: ProtocolContent | None = None
    if is_native(document.value):
        content = read_native(document.value, report)
    elif is_radar(document.value):
        kind = "radar"
        reading = read_radar(document.value, report)
        content = reading.content if reading else None
    else:
        sentence = "This is no FHIR resource, no RADAR schedule and has no healthprotocol header."
        return [_finding("ignored", document.name, "", "unknown_format", sentence)]
    if content is None:
        return list(refusals(report.findings()))
    return ReadProtocol(content=content, source=Source(format=kind, documents=(document,)), report=report.findings())


def _read_fhir(documents: list[Document], findings: list[Finding]) -> list[ReadProtocol | list[Finding]]:
    plans = plans_of(documents, Report(""))
    for number, document in enumerate(documents):
        if not plans or not any(at == number for at, _ in plans):
            findings.append(_companion(document, is_used=bool(plans)))
    if len(plans) > MAX_PLANS:
        sentence = f"At most {MAX_PLANS} plans are read at once."
        return [[_finding("refused", documents[0].name, "", "too_many", sentence)]]
    return [_read_plan(source_of(documents, plan, plans=plans)) for plan in plans]


def _read_plan(source: Source) -> ReadProtocol | list[Finding]:
    file = source.documents[int(source.root.split("/")[1])].name
    report = Report(file)
    plan, definitions = plan_of(source, report)
    reading = read_plan(plan, definitions)
    if reading is None:
        return list(refusals(report.findings()))
    return ReadProtocol(content=reading.content, source=source, report=report.findings())


def _companion(document: Document, *, is_used: bool) -> Finding:
    kind = document.value.get("resourceType") if isinstance(document.value, dict) else None
    name = (
        kind
        if isinstance(kind, str) and kind.isalpha() and len(kind) <= len("ImmunizationRecommendation")
        else "resource"
    )
    sentence = f"A {name} is no protocol of its own"
    sentence += "; it was there for the plans to refer to." if is_used else ", and no plan came with it."
    return _finding("ignored", document.name, "", "no_protocol", sentence)


def _finding(outcome: Outcome, file: str, pointer: str, code: str, detail: str) -> Finding:
    return Finding(outcome=outcome, file=file, pointer=pointer, code=code, detail=detail)
