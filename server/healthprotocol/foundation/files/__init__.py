"""
Files of any size, sealed in the database: nothing of them lies on a disk in clear, and memory holds a part at a time.

`sealed` keeps them, `intake` takes them in from a stream.
"""

from .intake import Intake, NotGzip, TooLarge, plain_parts
from .sealed import CHUNK_BYTES, FileId, FileUnknown, SealedFile

__all__ = [
    "CHUNK_BYTES",
    "FileId",
    "FileUnknown",
    "Intake",
    "NotGzip",
    "SealedFile",
    "TooLarge",
    "plain_parts",
]
