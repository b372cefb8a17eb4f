"""Bring in the patients of a file: known by their client_id or by a record number, each of them once."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Demographics, Identifier, PatientId
from healthprotocol.care.transfers import repository
from healthprotocol.care.transfers.model import Existing, Line, Noun, Outcome
from healthprotocol.care.transfers.rules.cells import composed
from healthprotocol.care.transfers.schemas import PatientLine
from healthprotocol.care.transfers.service.outcomes import fault, read, refused
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Problem

_NOUN: Noun = "patients"


class PatientIntake:
    """Takes lines of patients. One file at a time in an organisation, so that two never enrol the same person."""

    def __init__(self, tx: Transaction, actor: Actor, *, existing: Existing) -> None:
        self._tx = tx
        self._actor = actor
        self._existing = existing

    async def take(self, lines: Sequence[Line]) -> list[Outcome]:
        """Take lines; return what became of them."""
        await repository.hold(self._tx, "patient")
        shaped = [read(_NOUN, line, PatientLine) for line in lines]
        known = await self._known([one for one in shaped if isinstance(one, PatientLine)])
        return [
            await self._bring(line, one, known) if isinstance(one, PatientLine) else one
            for line, one in zip(lines, shaped, strict=True)
        ]

    async def end(self) -> list[Outcome]:
        """Nothing is under way."""
        return []

    async def cancel(self) -> None:
        """Nothing is under way."""

    async def _known(self, sent: Sequence[PatientLine]) -> "_Known":
        keys = [one.client_id for one in sent if one.client_id is not None]
        by_key = await repository.rows_of(self._tx, "patient", keys)
        own = {key: id_ for key in keys if key not in by_key and (id_ := as_id(key)) is not None}
        there = await patients.active_time_zones(self._tx, list({*by_key.values(), *own.values()}))
        found = {key: id_ for key, id_ in {**own, **by_key}.items() if id_ in there}
        identifiers = [identifier for one in sent for identifier in one.identifiers or ()]
        return _Known(found, await patients.ids_of_identifiers(self._tx, identifiers))

    async def _bring(self, line: Line, sent: PatientLine, known: "_Known") -> Outcome:
        ids = known.ids(sent)
        if len(ids) > 1:
            return fault("client_id", "ambiguous", "Its client_id and its record numbers are of different patients.")
        known_id = next(iter(ids), None)
        try:
            async with self._tx.attempt():
                outcome = await (self._update(ids.pop(), line, sent) if ids else self._create(sent))
        except Problem as problem:
            return msgspec.structs.replace(refused(_NOUN, line, problem), subject_id=known_id)
        if outcome.row_id is not None:
            known.add(sent, outcome.row_id)
            if sent.client_id is not None and sent.client_id != str(outcome.row_id):
                await repository.keep(self._tx, "patient", {sent.client_id: outcome.row_id})
        return outcome

    async def _create(self, sent: PatientLine) -> Outcome:
        patient = await patients.create(self._tx, self._actor, sent.demographics())
        if sent.status == "archived":
            await patients.archive(self._tx, self._actor, patient.id, expected_revision=None)
        return Outcome("created", patient.id, patient.id)

    async def _update(self, patient_id: UUID, line: Line, sent: PatientLine) -> Outcome:
        if self._existing == "skip":
            return Outcome("skipped", patient_id, patient_id)
        changed = await patients.amend(
            self._tx,
            self._actor,
            PatientId(patient_id),
            change=lambda before: _amended(before, line, sent),
            status=sent.status,
        )
        return Outcome("updated" if changed else "skipped", patient_id, patient_id)


def _amended(before: Demographics, line: Line, sent: PatientLine) -> Demographics:
    """Return `before` with what the line speaks of in its place; of the rest, a file of few columns knows nothing."""
    wanted = sent.demographics()
    spoken = composed(_NOUN, line.said)
    named = {name: getattr(wanted, name) for name in Demographics.__struct_fields__ if name in spoken}
    if "identifiers" not in line.said and wanted.identifiers:
        # One record number says nothing of those of other systems; a list is all there are.
        systems = {one.system for one in wanted.identifiers}
        others = [one for one in before.identifiers if one.system not in systems]
        given = before.identifiers if set(wanted.identifiers) <= set(before.identifiers) else None
        named["identifiers"] = (*others, *wanted.identifiers) if given is None else given
    return msgspec.structs.replace(before, **named)


class _Known:
    """Who is here already, by client_id and by record number."""

    def __init__(self, by_key: dict[str, UUID], by_identifier: dict[Identifier, UUID]) -> None:
        self._by_key = by_key
        self._by_identifier = by_identifier

    def ids(self, sent: PatientLine) -> set[UUID]:
        found = {self._by_identifier.get(one) for one in sent.identifiers or ()}
        found.add(self._by_key.get(sent.client_id or ""))
        return {one for one in found if one is not None}

    def add(self, sent: PatientLine, patient_id: UUID) -> None:
        if sent.client_id is not None:
            self._by_key[sent.client_id] = patient_id
        self._by_identifier |= dict.fromkeys(sent.identifiers or (), patient_id)


def as_id(text: str) -> UUID | None:
    """Return the id that a client_id is, when our own export wrote it."""
    try:
        return UUID(text)
    except ValueError:
        return None
