"""Acts on files: `uploads` receives, `importing` brings in, `reports` says what was wrong, `exporting` writes."""

from healthprotocol.care.transfers.service.importing import import_batch, kind_of, submit
from healthprotocol.care.transfers.service.reports import open_report, written
from healthprotocol.care.transfers.service.uploads import get, preview, receive

__all__ = ["get", "import_batch", "kind_of", "open_report", "preview", "receive", "submit", "written"]
