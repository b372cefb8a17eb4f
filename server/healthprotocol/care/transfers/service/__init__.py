"""Acts on files: `uploads`, `resuming` take in, `importing` brings in, `reports` tells faults, `exporting` writes."""

from healthprotocol.care.transfers.service.claims import sweep_claims
from healthprotocol.care.transfers.service.erasure import on_patient_erased
from healthprotocol.care.transfers.service.exporting import (
    content_of,
    export_batch,
    open_export,
    stream,
    submit_export,
)
from healthprotocol.care.transfers.service.exporting import kind_of as export_kind_of
from healthprotocol.care.transfers.service.importing import WRITES, import_batch, kind_of, submit
from healthprotocol.care.transfers.service.keeping import Keeping
from healthprotocol.care.transfers.service.reports import open_report, written
from healthprotocol.care.transfers.service.resuming import begin, go_on
from healthprotocol.care.transfers.service.uploads import Limits, get, preview, receive

__all__ = [
    "WRITES",
    "Keeping",
    "Limits",
    "begin",
    "content_of",
    "export_batch",
    "export_kind_of",
    "get",
    "go_on",
    "import_batch",
    "kind_of",
    "on_patient_erased",
    "open_export",
    "open_report",
    "preview",
    "receive",
    "stream",
    "submit",
    "submit_export",
    "sweep_claims",
    "written",
]
