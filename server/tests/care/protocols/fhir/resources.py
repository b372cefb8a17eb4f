"""Small FHIR resources for tests, and what becomes of them."""

import json
from typing import Any

from healthprotocol.care.protocols.fhir.exchange import read_source
from healthprotocol.care.protocols.model import Activity, ProtocolContent
from healthprotocol.care.protocols.rules.exchange.documents import SourceFile, parse_json, write_json
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.report import ImportReading, ReadProtocol, Report

DAILY = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}


def plan(*actions: Any, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "PlanDefinition",
        "id": "elbe",
        "status": "draft",
        "title": "Walks along the Elbe",
        "action": list(actions),
        **changes,
    }


def definition(identifier: str = "walk", **changes: Any) -> dict[str, Any]:
    return {"resourceType": "ActivityDefinition", "id": identifier, "status": "draft", "kind": "Task", **changes}


def questionnaire(*items: Any, **changes: Any) -> dict[str, Any]:
    return {"resourceType": "Questionnaire", "id": "mood", "status": "draft", "item": list(items), **changes}


def bundle(*resources: Any, kind: str = "collection") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": each} for each in resources]}


def file(value: Any, name: str = "plan.json") -> SourceFile:
    return SourceFile(name, json.dumps(value).encode())


def read_files(*values: Any) -> ImportReading:
    return read_source([file(value, f"file-{number}.json") for number, value in enumerate(values)])


def read(*values: Any) -> ReadProtocol:
    reading = read_files(*values)
    assert reading.refused == ()
    (protocol,) = reading.protocols
    return protocol


def activities(content: ProtocolContent) -> list[Activity]:
    return [activity for phase in content.phases for activity in phase.activities]


def only(*values: Any) -> Activity:
    (activity,) = activities(read(*values).content)
    return activity


def refused(*values: Any) -> dict[str, str]:
    """The refusals by place; nothing at all was imported."""
    reading = read_files(*values)
    assert reading.protocols == ()
    return {finding.pointer: finding.code for finding in reading.refused}


def adjusted(protocol: ReadProtocol) -> dict[str, str]:
    return {each.pointer: each.code for each in protocol.report if each.outcome == "adjusted"}


def kept(protocol: ReadProtocol) -> dict[str, str]:
    return {each.pointer: each.what for each in protocol.content.kept}


def node(value: Any) -> Node:
    return Node(parse_json(write_json(value)), Report("file"), file="file")
