"""
Values as they are compared in a blind index: pure functions, version n1.

A change to one changes stored indexes, so it needs a new version beside the old one.
"""

import unicodedata
from datetime import date

import idna
import phonenumbers

NORMALISER = "n1"

_APOSTROPHES = frozenset("'`\u00b4\u2018\u2019\u02bc\uff07")


def folded(text: str) -> str:
    """
    Return a name as it is compared: without case, accents, apostrophes; other punctuation and spaces as one space.

    "O'Brien-Ñuñez " and "obrien nunez" are equal; "Müller" and "Muller" too, "Mueller" is not.
    """
    if text.isascii() and text.replace(" ", "").isalpha():
        # Most names: the long way gives the same, and takes eight times as long.
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    # Folding can compose and decomposing can uncover capitals (a few symbols do), so each is done twice.
    stable = unicodedata.normalize("NFKD", decomposed.casefold())
    letters = [_compared(character) for character in stable]
    return " ".join("".join(letters).split())


def email(text: str) -> str:
    """
    Return an e-mail address as it is compared: local part without case, domain in its ASCII form.

    Raises ValueError when it has no @ or the domain is not one.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at or not local or not domain:
        raise ValueError("an e-mail address has a local part, an @ and a domain")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode().lower()
    except idna.IDNAError as error:
        raise ValueError("the domain of the e-mail address is not one") from error
    return f"{unicodedata.normalize('NFKC', local).casefold()}@{ascii_domain}"


def phone(text: str, *, region: str | None = None) -> str:
    """
    Return a telephone number in E.164, such as +4930123456.

    `region` (ISO 3166-1 alpha-2) is assumed for numbers without a country code; None demands the +.
    Raises ValueError when it is not a possible number.
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise ValueError("this is not a telephone number with its country code") from error
    if not phonenumbers.is_possible_number(number):
        raise ValueError("this telephone number is too long or too short")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def identifier(system: str, value: str) -> str:
    """Return a record number with its system as it is compared: upper case, letters and digits only."""
    folded_value = unicodedata.normalize("NFKC", value).upper()
    return compound(system.strip(), "".join(character for character in folded_value if character.isalnum()))


def day(value: date) -> str:
    """Return a calendar day as it is compared."""
    return value.isoformat()


def compound(*normalised: str) -> str:
    """Join normalised values into one for an index over several; none may contain U+001F."""
    return "\x1f".join(normalised)


def _compared(character: str) -> str:
    if character in _APOSTROPHES:
        return ""
    category = unicodedata.category(character)
    if category == "Mn":
        return ""
    return " " if category[0] in "PZC" else character
