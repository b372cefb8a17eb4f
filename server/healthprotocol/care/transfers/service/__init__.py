"""Acts on files: `uploads` receives, `importing` brings in, `reports` says what was wrong, `exporting` writes."""

from healthprotocol.care.transfers.service.erasure import on_patient_erased
from healthprotocol.care.transfers.service.importing import import_batch, kind_of, submit
from healthprotocol.care.transfers.service.reports import open_report, written
from healthprotocol.care.transfers.service.uploads import Limits, get, preview, receive

__all__ = [
    "Limits",
    "get",
    "import_batch",
    "kind_of",
    "on_patient_erased",
    "open_report",
    "preview",
    "receive",
    "submit",
    "written",
]
