"""Acts on care protocols: `library` is their life from draft to retired, `exchange` reads and writes files of them."""

from healthprotocol.care.protocols.service.exchange import MEDIA_TYPES, Exported, Imported, export, import_files
from healthprotocol.care.protocols.service.library import (
    LISTING,
    assignable,
    compare,
    contents,
    create,
    duplicate,
    get,
    get_version,
    ids_of_title,
    page,
    publish,
    retire,
    titles,
    update,
    versions,
)

__all__ = [
    "LISTING",
    "MEDIA_TYPES",
    "Exported",
    "Imported",
    "assignable",
    "compare",
    "contents",
    "create",
    "duplicate",
    "export",
    "get",
    "get_version",
    "ids_of_title",
    "import_files",
    "page",
    "publish",
    "retire",
    "titles",
    "update",
    "versions",
]
