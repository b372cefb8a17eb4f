"""
Files of records (CSV, NDJSON) read and written a part at a time, with bounded memory and a place to go on from.

`reading` cuts bytes into records, `dialect` finds out how a file is written, `writing` makes lines of values.
"""

from .dialect import CSV, NDJSON, Dialect, DialectFault, detect
from .lines import LONGEST_LINE_BYTES
from .reading import Fault, Place, Record, RecordReader
from .writing import csv_line, escaped, unescaped

__all__ = [
    "CSV",
    "LONGEST_LINE_BYTES",
    "NDJSON",
    "Dialect",
    "DialectFault",
    "Fault",
    "Place",
    "Record",
    "RecordReader",
    "csv_line",
    "detect",
    "escaped",
    "unescaped",
]
