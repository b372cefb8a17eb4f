"""Texts of other people's files made to fit the model: cleaned, cut to length, and turned into keys."""

import html
import re
import unicodedata

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NOT_IN_KEYS = re.compile(r"[^A-Za-z0-9_.\-]+")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")
MAX_KEY = 64


def clean(text: str) -> str:
    """Return a text with line ends as LF and without control characters."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Return a text as a title: white space runs become one space."""
    return " ".join(text.split())


def cut(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters; a cut one ends in an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def is_key(text: str) -> bool:
    """Whether a text can be the key of an activity as it is."""
    return _KEY.fullmatch(text) is not None


def key_of(text: str, *, otherwise: str) -> str:
    """Return the key that a text suggests: letters without accents, digits and -_. only, lower case, at most 64."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    key = _NOT_IN_KEYS.sub("-", plain).strip("-_.").lower()[:MAX_KEY].strip("-_.")
    return key or otherwise


class Keys:
    """Gives each activity of a protocol a key of its own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        # The number to try next for a wanted key: a file may want the same one ten thousand times.
        self._next: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """Return `wanted`, or with a number when it is taken: step, step-2, step-3."""
        key, number = wanted, self._next.get(wanted, 2)
        while key in self._taken:
            suffix = f"-{number}"
            key = wanted[: MAX_KEY - len(suffix)] + suffix
            number += 1
        self._taken.add(key)
        self._next[wanted] = number
        return key


def as_html(text: str) -> str:
    """Return plain text as paragraphs of HTML, escaped just as the sanitiser writes it."""
    paragraphs = [part.strip() for part in text.split("\n\n") if part.strip()]
    return "".join(f"<p>{html.escape(part, quote=False)}</p>" for part in paragraphs)
