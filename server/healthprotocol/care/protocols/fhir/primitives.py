"""
What FHIR's primitive types can hold. A text that none can is written in an extension, as bytes.

Source: FHIR R4 datatypes, the regular expressions of string, code and uri.
"""

import re

_CODE = re.compile(r"[^\s\ufeff]+( [^\s\ufeff]+)*")
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s\ufeff]+")
# White space that a FHIR string cannot hold, and control characters that it should not.
_NOT_IN_STRINGS = re.compile(r"(?![ \t\r\n])[\s\x00-\x1f\ufeff]")


def is_string(text: str) -> bool:
    """Whether a FHIR string, and so markdown, can hold a text."""
    return bool(text.strip()) and _NOT_IN_STRINGS.search(text) is None


def is_code(text: str) -> bool:
    """Whether a FHIR code can hold a text."""
    return _CODE.fullmatch(text) is not None and is_string(text)


def is_absolute_uri(text: str) -> bool:
    """Whether a text can say where a code comes from."""
    return _ABSOLUTE_URI.fullmatch(text) is not None and is_string(text)
