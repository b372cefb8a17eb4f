"""Print a version of a care protocol."""

from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import ProtocolId
from healthprotocol.care.reports.model import Printed
from healthprotocol.care.reports.rules.document import protocol_document
from healthprotocol.care.reports.service.typesetting import typeset
from healthprotocol.foundation.db.transaction import Transaction


async def print_protocol(tx: Transaction, protocol_id: ProtocolId, *, version: int | None) -> Printed:
    """
    Return a version as a tagged PDF; None is the newest, a draft if there is one.

    Raises ProtocolNotFound, VersionNotFound, TooManyReports.
    """
    if version is None:
        found = await protocols.get(tx, protocol_id)
    else:
        found = await protocols.get_version(tx, protocol_id, version)
    body = await typeset(protocol_document(found), at=tx.now)
    return Printed(f"{found.content.title} v{found.version}.pdf", body)
