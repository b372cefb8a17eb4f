"""
What a password must be: long, and not among the first that anybody tries.

No rules of composition and no expiry. Source: NIST SP 800-63B-4 §3.1.1 (length, blocklist, all characters), with 15
characters as long as a password is the only factor.
"""

import re
from collections.abc import Iterable

from healthprotocol.foundation.errors import Violation

MIN_LENGTH = 15
MAX_LENGTH = 128

# What must be left of a password when common and obvious words are taken out of it.
_MIN_REST = 8
_MIN_DIFFERENT = 5
_SHORTEST_CONTEXT_WORD = 4

# Words that long passwords are commonly made of; the short ones among common passwords fail by their length.
_COMMON_WORDS = (
    "password", "passwort", "passwd", "passphrase", "letmein", "welcome", "admin", "administrator", "qwerty", "qwertz",
    "azerty", "asdfgh", "zxcvbn", "yxcvbn", "qazwsx", "abc", "iloveyou", "sunshine", "princess", "football", "baseball",
    "dragon", "monkey", "master", "shadow", "superman", "batman", "login", "secret", "changeme", "default", "trustno",
    "starwars", "whatever", "freedom", "summer", "winter", "spring", "autumn", "january", "february", "december",
    "monday", "friday", "sunday", "hospital", "clinic", "doctor", "nurse", "patient", "medical", "health", "protocol",
    "healthprotocol", "healthcare", "correcthorsebatterystaple", "user", "guest", "root", "test", "demo",
)  # fmt: skip
_LEET = str.maketrans(
    {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "@": "a", "$": "s", "!": "i"}
)
_SEQUENCES = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm",
)  # fmt: skip
_RUN = 4


def faults(password: str, *, context: Iterable[str] = ()) -> list[Violation]:
    """
    Return what is wrong with a new password, nothing when it is good.

    `context` are words an attacker would think of first: names of the person, the organisation, the address.
    Characters are counted as code points, and the password is used as it is, unchanged.
    """
    if len(password) < MIN_LENGTH:
        return [Violation("/password", "password_too_short", f"Use at least {MIN_LENGTH} characters.")]
    if len(password) > MAX_LENGTH:
        return [Violation("/password", "password_too_long", f"Use at most {MAX_LENGTH} characters.")]
    if len(set(password.casefold())) < _MIN_DIFFERENT or _rest(password, context) < _MIN_REST:
        return [
            Violation(
                "/password",
                "password_common",
                "Others would try this early. Use several words that do not belong together.",
            )
        ]
    return []


def _rest(password: str, context: Iterable[str]) -> int:
    """Return how many letters and digits are neither a common word, nor a word of the context, nor of a run."""
    words = {part for text in context for part in [text, *re.split(r"[\W_]+", text)]}
    words = {word for word in map(_letters, words) if len(word) >= _SHORTEST_CONTEXT_WORD} | {*_COMMON_WORDS}
    return min(_rest_of(form, words) for form in (_letters(password), _letters(password.casefold().translate(_LEET))))


def _rest_of(text: str, words: set[str]) -> int:
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "")
    return len(_without_runs(text))


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _without_runs(text: str) -> str:
    """Drop what goes along the alphabet or a keyboard row, or repeats one character, four or more at a time."""
    kept: list[str] = []
    position = 0
    while position < len(text):
        length = _run_length(text[position:])
        if length < _RUN:
            kept.append(text[position])
            length = 1
        position += length
    return "".join(kept)


def _run_length(text: str) -> int:
    longest = 1
    for sequence in (*_SEQUENCES, text[0] * len(text)):
        for line in (sequence, sequence[::-1]):
            start = line.find(text[0])
            while start >= 0:
                same = _shared(text, line[start:])
                longest = max(longest, same)
                start = line.find(text[0], start + 1)
    return longest


def _shared(one: str, other: str) -> int:
    for count, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return count
    return min(len(one), len(other))
