"""The columns of each noun's files, and what is wrong with a header. Source: docs/guides/import-and-export.md."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from healthprotocol.care.transfers.model import Noun
from healthprotocol.foundation.errors import Violation

CellKind = Literal["text", "integer", "number", "boolean", "time", "json", "text_or_json"]

REPORT_COLUMNS = ("line", "field", "error")
"""What a report of faults adds to a file. A repaired report is a file like any other: they are passed over."""


class Column(msgspec.Struct, frozen=True):
    """One column: its name, how its cells are read, and what it says."""

    name: str
    kind: CellKind
    meaning: str


def _columns(*rows: tuple[str, CellKind, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


COLUMNS: dict[Noun, tuple[Column, ...]] = {
    "patients": _columns(
        ("client_id", "text", "what your system calls this person; the same one again is the same person"),
        ("given_name", "text", "given names; needed"),
        ("family_name", "text", "family name; needed"),
        ("birth_date", "text", "YYYY-MM-DD; needed"),
        ("sex", "text", "male, female, other or unknown"),
        ("email", "text", "e-mail address"),
        ("phone", "text", "with its country code, such as +49 30 123456"),
        ("time_zone", "text", "IANA, such as Europe/Berlin; UTC for a new patient when empty"),
        ("language", "text", "BCP 47, such as de"),
        ("identifier_system", "text", "namespace of a record number"),
        ("identifier_value", "text", "the record number"),
        ("identifiers", "json", "several: a list of {system, value}"),
        ("address", "text_or_json", "as on a letter, or {lines, city, postal_code, state, country, text}"),
        ("status", "text", "active or archived; empty keeps it, a new patient is active"),
    ),
    "assignments": _columns(
        ("client_id", "text", "what your system calls this plan; the same one again is the same plan"),
        ("patient_client_id", "text", "client_id of the patient"),
        ("patient_id", "text", "or her id here"),
        ("patient_identifier_system", "text", "or the namespace of a record number"),
        ("patient_identifier_value", "text", "and the record number"),
        ("protocol_id", "text", "id of the protocol here"),
        ("protocol_title", "text", "or its title, when only one has it"),
        ("version", "integer", "published version; the newest when empty"),
        ("starts_on", "text", "YYYY-MM-DD, the plan's first day; needed"),
        ("time_zone", "text", "IANA; the patient's own when empty"),
        ("status", "text", "active or proposed"),
        ("adjustments", "json", "what is different for this patient"),
    ),
    "entries": _columns(
        ("client_id", "text", "a UUID; the same one again is the same entry; needed"),
        ("assignment_client_id", "text", "client_id of the plan"),
        ("assignment_id", "text", "or its id here"),
        ("activity_key", "text", "which activity of the plan"),
        ("planned_local", "time", "local time it was planned for, YYYY-MM-DDTHH:MM; empty when unplanned"),
        ("slot", "integer", "which of several planned for that time; 1 when empty"),
        ("occurrence_id", "text", "instead of these: the occurrence's id here"),
        ("outcome", "text", "completed, skipped or retracted; needed"),
        ("effective_at", "time", "when it happened, with offset, such as 2026-03-07T13:00:00Z; needed"),
        ("recorded_at", "time", "when your system recorded it; now when empty"),
        ("code", "text", "LOINC code of one measured value"),
        ("value", "number", "the value"),
        ("unit", "text", "its UCUM unit"),
        ("values", "json", "several: a list of {code, value, unit}"),
        ("answers", "json", "a list of {link_id, value}"),
        ("reason", "text", "why it was skipped"),
        ("note", "text", "what was noted"),
        ("confirmed", "boolean", "true when a value is meant although it is implausible"),
        ("replaces_client_id", "text", "client_id of the entry that this one corrects or undoes"),
        ("replaces", "text", "or its id here"),
    ),
}

_KINDS: dict[Noun, dict[str, CellKind]] = {
    noun: {column.name: column.kind for column in columns} for noun, columns in COLUMNS.items()
}


def kind_of(noun: Noun, name: str) -> CellKind | None:
    """Return how the cells of a column are read; None for one that is passed over, being of a report."""
    return _KINDS[noun].get(name)


def names_of(noun: Noun) -> tuple[str, ...]:
    """Return the names of a noun's columns, in the order that exports write them."""
    return tuple(_KINDS[noun])


def check_header(noun: Noun, columns: Sequence[str]) -> list[Violation]:
    """
    Return what is wrong with the columns of a file: those that are not known, each with the name that may be meant.

    Names are not quoted: a file without a header has a person's data in their place.
    """
    known = names_of(noun)
    if len(columns) == 1 and "\t" in columns[0]:
        detail = "Its columns stand apart by tabs. Save the file as CSV, with , or ; between them."
        return [Violation("/columns/0", "unknown_column", detail)]
    found: list[Violation] = []
    for number, name in enumerate(columns, start=1):
        if name not in known and name not in REPORT_COLUMNS:
            hint = _meant(name, known)
            detail = f"Perhaps {hint} is meant." if hint else f"Known columns: {', '.join(known)}."
            found.append(
                Violation(f"/columns/{number - 1}", "unknown_column", f"Column {number} is not known. {detail}")
            )
    return found


def _meant(name: str, known: Sequence[str]) -> str | None:
    """The known name that looks most like this one: written otherwise, or with some letters more or less."""
    plain = "".join(character for character in name.lower() if character.isalnum())
    best, best_share = None, 0.6
    for one in known:
        other = one.replace("_", "")
        if plain == other:
            return one
        pairs, others = _pairs(plain), _pairs(other)
        share = 2 * len(pairs & others) / (len(pairs) + len(others) or 1)
        if share > best_share:
            best, best_share = one, share
    return best


def _pairs(text: str) -> set[str]:
    return {text[at : at + 2] for at in range(len(text) - 1)}
