"""The protocols of the demo, read from our own file format as any import would read them."""

from functools import cache
from importlib.resources import files

from healthprotocol.care.protocols.model import ProtocolContent
from healthprotocol.care.protocols.rules.exchange.native import read_native
from healthprotocol.care.protocols.rules.exchange.report import Report
from healthprotocol.care.protocols.rules.exchange.yaml_documents import parse_yaml

_HERE = "healthprotocol.cli.demo"


@cache
def protocol(name: str) -> ProtocolContent:
    """Return the protocol of `protocols/<name>.yaml`. Raises ValueError, with every place, when the file has faults."""
    report = Report(f"{name}.yaml")
    content = read_native(parse_yaml((files(_HERE) / "protocols" / f"{name}.yaml").read_bytes()), report)
    if content is None or report.is_refused:
        raise ValueError([f"{finding.file}{finding.pointer}: {finding.detail}" for finding in report.findings()])
    return content
