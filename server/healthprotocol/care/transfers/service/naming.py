"""Whom refused lines speak of, where they name somebody who is here: whoever reads their report is shown her."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.entries.rules.occurrence_ids import parse_occurrence_id
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Identifier
from healthprotocol.care.transfers import repository
from healthprotocol.care.transfers.model import Line, Noun
from healthprotocol.care.transfers.rules.cells import composed
from healthprotocol.foundation.db.transaction import Transaction

_AT_ONCE = 500
_MOST_IDENTIFIERS = 20


async def named_in(tx: Transaction, noun: Noun, lines: Sequence[Line]) -> set[UUID]:
    """Return the patients whom lines name by an id, a client_id or a record number, of those who are here."""
    found: set[UUID] = set()
    for begin in range(0, len(lines), _AT_ONCE):
        part = lines[begin : begin + _AT_ONCE]
        ids = await _patients_named(tx, noun, part) | await _patients_of_plans(tx, noun, part)
        found.update(await patients.active_time_zones(tx, list(ids)))
    return found


async def _patients_named(tx: Transaction, noun: Noun, lines: Sequence[Line]) -> set[UUID]:
    if noun == "entries":
        return set()
    keys = _texts(lines, "client_id" if noun == "patients" else "patient_client_id")
    ids = _ids([*keys, *_texts(lines, "patient_id")])
    identifiers = [one for line in lines for one in _identifiers(noun, line)]
    by_identifier = await patients.ids_of_identifiers(tx, identifiers)
    return {*ids, *(await repository.rows_of(tx, "patient", keys)).values(), *by_identifier.values()}


async def _patients_of_plans(tx: Transaction, noun: Noun, lines: Sequence[Line]) -> set[UUID]:
    if noun == "patients":
        return set()
    keys = _texts(lines, "client_id" if noun == "assignments" else "assignment_client_id")
    ids = _ids([*keys, *_texts(lines, "assignment_id")])
    refs = map(parse_occurrence_id, _texts(lines, "occurrence_id"))
    ids.update(ref.assignment_id for ref in refs if ref is not None)
    ids.update((await repository.rows_of(tx, "assignment", keys)).values())
    wanted = list(ids)
    found: set[UUID] = set()
    for begin in range(0, len(wanted), assignments.MOST_AT_ONCE):
        part = await assignments.by_ids(tx, wanted[begin : begin + assignments.MOST_AT_ONCE])
        found.update(one.patient_id for one in part)
    return found


def _texts(lines: Sequence[Line], column: str) -> list[str]:
    said = (line.said.get(column) for line in lines)
    return list(dict.fromkeys(one for one in said if isinstance(one, str)))


def _ids(texts: Iterable[str]) -> set[UUID]:
    found: set[UUID] = set()
    for text in texts:
        try:
            found.add(UUID(text))
        except ValueError:
            continue
    return found


def _identifiers(noun: Noun, line: Line) -> list[Identifier]:
    if noun == "assignments":
        pairs: object = [
            {"system": line.said.get("patient_identifier_system"), "value": line.said.get("patient_identifier_value")}
        ]
    else:
        pairs = composed(noun, line.said).get("identifiers")
    found: list[Identifier] = []
    for pair in pairs[:_MOST_IDENTIFIERS] if isinstance(pairs, list) else ():
        system, value = (pair.get("system"), pair.get("value")) if isinstance(pair, dict) else (None, None)
        if isinstance(system, str) and isinstance(value, str) and system and value:
            found.append(Identifier(system=system, value=value))
    return found
