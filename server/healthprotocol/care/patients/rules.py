"""What makes demographics sound, and how a search reads. Pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import available_timezones

import msgspec
from email_validator import EmailNotValidError, validate_email

from healthprotocol.care.patients.model import Demographics, PersonName, Roster
from healthprotocol.foundation.crypto.normalisers import folded
from healthprotocol.foundation.crypto.normalisers import phone as e164
from healthprotocol.foundation.errors import Violation

OLDEST_BIRTH = date(1890, 1, 1)
MAX_IDENTIFIERS = 20
NAMES_FORWARD, NAMES_BACKWARD = "name", "name desc"

_LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")
_ZONES = frozenset(available_timezones())
# Zero-width (non-)joiner: invisible, and part of how names are written in Persian, Hindi and others.
_JOINERS = "\u200c\u200d"
# Letters of their own, not letters with an accent: Unicode takes nothing off them, and people without them type these.
_SPELLED = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t", "\u0131": "i"}
)

SearchKind = Literal["email", "phone", "name_birth", "name"]


class Search(msgspec.Struct, frozen=True):
    """How a search text is served: by which index, or for `name` by reading; `text` is in compared form."""

    kind: SearchKind
    text: str
    birth_date: date | None = None


def settle(demographics: Demographics, *, today: date) -> tuple[Demographics, list[Violation]]:
    """
    Return demographics with e-mail, phone and names in their stored form, and every fault found.

    `today` is the `latest_day` of the present: nobody is born after it.
    """
    faults: list[Violation] = []
    given, family = " ".join(demographics.given_name.split()), " ".join(demographics.family_name.split())
    for pointer, name in (("/given_name", given), ("/family_name", family)):
        if not folded(name):
            faults.append(Violation(pointer, "required", "A name has at least one letter."))
        elif any(character in "<>" or not (character.isprintable() or character in _JOINERS) for character in name):
            faults.append(Violation(pointer, "not_allowed", "A name has no markup and no control characters."))
    if not OLDEST_BIRTH <= demographics.birth_date <= today:
        faults.append(Violation("/birth_date", "out_of_range", "A birth date lies between 1890 and today."))
    if demographics.time_zone not in _ZONES:
        faults.append(Violation("/time_zone", "unknown_code", "Give an IANA time zone, such as Europe/Berlin."))
    if demographics.language is not None and not _LANGUAGE.match(demographics.language):
        faults.append(Violation("/language", "unknown_code", "Give a BCP 47 language tag, such as de or pt-BR."))
    email = _email(demographics.email, faults)
    phone = _phone(demographics.phone, faults)
    faults += _identifier_faults(demographics)
    settled = msgspec.structs.replace(demographics, given_name=given, family_name=family, email=email, phone=phone)
    return settled, faults


def latest_day(now: datetime) -> date:
    """Return the date at UTC+14, the first place where a day begins."""
    return (now + timedelta(hours=14)).date()


def read_search(text: str) -> Search:
    """Return how a search text is served: @ makes it an e-mail, + a phone, a date behind a surname an index."""
    stripped = text.strip()
    if "@" in stripped and " " not in stripped:
        return Search("email", stripped)
    if re.fullmatch(r"\+[\d\s()./-]{5,25}", stripped):
        return Search("phone", stripped)
    match = re.fullmatch(r"(?P<name>.+?)[\s,]+(?P<birth>\d{4}-\d{2}-\d{2})", stripped)
    if match:
        try:
            return Search("name_birth", folded(match["name"]), date.fromisoformat(match["birth"]))
        except ValueError:
            return Search("name", folded(stripped))
    return Search("name", folded(stripped))


def order_of_names(text: str) -> str | None:
    """Return `name` or `name desc` where an order is one of names, None where it is another one, or none."""
    name, *direction = text.split() or [""]
    if name != NAMES_FORWARD or direction not in ([], ["asc"], ["desc"]):
        return None
    return NAMES_BACKWARD if direction == ["desc"] else NAMES_FORWARD


def roster(people: Iterable[PersonName]) -> Roster:
    """Return people as they are searched by part of a name; the birth date is known of all of them, or of none."""
    ordered = sorted((*by_name(one), one.birth_date, one.id) for one in people)
    return Roster(
        ids=tuple(id_ for *_, id_ in ordered),
        words=tuple(_plain(f" {given} {family}") for family, given, *_ in ordered),
        births=tuple(folded(born.isoformat()) for *_, born, _ in ordered if born is not None),
    )


def found(everybody: Roster, text: str) -> list[UUID]:
    """
    Return who is meant by `text` (in compared form), in the order of their names.

    Each word of it begins a word of her names or is her birth date, where that is known. No word means everybody.
    "sorlie" finds Sørlie too, and "lukasz" Łukasz.
    """
    ids, words, births, text = everybody.ids, everybody.words, everybody.births, _plain(text)
    # By place, not by pair: ten thousand tuples a search would set off the garbage collector every dozen searches.
    places: Sequence[int] = range(len(ids))
    if births:
        places = [at for at in places if _begin(text.replace(births[at], " ").split(), words[at])]
    else:
        for part in text.split():
            begins = f" {part}"
            places = [at for at in places if begins in words[at]]
    return [ids[at] for at in places]


def by_name(row: PersonName) -> tuple[str, str, str]:
    """Return what sorts patients as a list of people is sorted: family name, given name, then id."""
    return folded(row.family_name), folded(row.given_name), str(row.id)


def _plain(text: str) -> str:
    """Return compared text with the letters that nobody types who has them not on her keyboard as others spell them."""
    return text if text.isascii() else text.translate(_SPELLED)


def _begin(parts: Iterable[str], words: str) -> bool:
    return all(f" {part}" in words for part in parts)


def _email(text: str | None, faults: list[Violation]) -> str | None:
    if text is None:
        return None
    try:
        return validate_email(text.strip(), check_deliverability=False, allow_domain_literal=False).normalized
    except EmailNotValidError:
        faults.append(Violation("/email", "format", "This is not an e-mail address."))
        return None


def _phone(text: str | None, faults: list[Violation]) -> str | None:
    if text is None:
        return None
    try:
        return e164(text)
    except ValueError:
        faults.append(Violation("/phone", "format", "Give the number with its country code, such as +49 30 123456."))
        return None


def _identifier_faults(demographics: Demographics) -> list[Violation]:
    if len(demographics.identifiers) > MAX_IDENTIFIERS:
        return [Violation("/identifiers", "too_many", f"At most {MAX_IDENTIFIERS} identifiers.")]
    seen: set[tuple[str, str]] = set()
    faults: list[Violation] = []
    for index, identifier in enumerate(demographics.identifiers):
        pair = (identifier.system.strip(), identifier.value.strip().upper())
        if pair in seen:
            faults.append(Violation(f"/identifiers/{index}", "repeated", "This identifier is given twice."))
        if not pair[0] or not pair[1]:
            faults.append(Violation(f"/identifiers/{index}", "required", "System and value must not be blank."))
        seen.add(pair)
    return faults
