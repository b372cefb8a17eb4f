"""Bring in the plans of a file: each is given to its patient as a single one is, and known again by its client_id."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Identifier
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.transfers import repository
from healthprotocol.care.transfers.model import Line, Noun, Outcome
from healthprotocol.care.transfers.schemas import AssignmentLine
from healthprotocol.care.transfers.service.nouns.patients import as_id
from healthprotocol.care.transfers.service.outcomes import fault, read, refused
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Problem

_NOUN: Noun = "assignments"


class AssignmentIntake:
    """Takes lines of plans. One file at a time in an organisation, so that two never make the same plan."""

    def __init__(self, tx: Transaction, actor: Actor) -> None:
        self._tx = tx
        self._actor = actor
        self._protocols: dict[tuple[UUID | None, str | None], UUID | None] = {}

    async def take(self, lines: Sequence[Line]) -> list[Outcome]:
        """Take lines; return what became of them."""
        await repository.hold(self._tx, "assignment")
        shaped = [read(_NOUN, line, AssignmentLine) for line in lines]
        found = await self._found([one for one in shaped if isinstance(one, AssignmentLine)])
        return [
            await self._bring(line, one, found) if isinstance(one, AssignmentLine) else one
            for line, one in zip(lines, shaped, strict=True)
        ]

    async def end(self) -> list[Outcome]:
        """Nothing is under way."""
        return []

    async def cancel(self) -> None:
        """Nothing is under way."""

    async def _found(self, sent: Sequence[AssignmentLine]) -> "_Found":
        keys = [one.client_id for one in sent if one.client_id is not None]
        by_key = await repository.rows_of(self._tx, "assignment", keys)
        own = {key: id_ for key in keys if key not in by_key and (id_ := as_id(key)) is not None}
        there = {one.id for one in await assignments.by_ids(self._tx, list({*by_key.values(), *own.values()}))}
        people = [one.patient_client_id for one in sent if one.patient_client_id is not None]
        return _Found(
            plans={key: id_ for key, id_ in {**own, **by_key}.items() if id_ in there},
            patients=await repository.rows_of(self._tx, "patient", people),
            identified=await patients.ids_of_identifiers(
                self._tx, [one for line in sent if (one := _identifier(line)) is not None]
            ),
        )

    async def _bring(self, line: Line, sent: AssignmentLine, found: "_Found") -> Outcome:
        known = found.plans.get(sent.client_id or "")
        if known is not None:
            return Outcome("skipped", known)
        patient_id = _patient_of(sent, found)
        if isinstance(patient_id, Outcome):
            return patient_id
        protocol_id = await self._protocol_of(sent)
        if protocol_id is None:
            column = "protocol_id" if sent.protocol_id is not None else "protocol_title"
            return fault(column, "unknown", "Give the id of a protocol here, or a title that exactly one has.")
        wanted = msgspec.structs.replace(sent, patient_id=patient_id, protocol_id=protocol_id).wanted()
        try:
            async with self._tx.attempt():
                made = await assignments.assign(self._tx, self._actor, wanted)
        except Problem as problem:
            return refused(_NOUN, line, problem)
        if sent.client_id is not None:
            found.plans[sent.client_id] = made.id
            await repository.keep(self._tx, "assignment", {sent.client_id: made.id})
        return Outcome("created", made.id, patient_id)

    async def _protocol_of(self, sent: AssignmentLine) -> UUID | None:
        """Return the protocol of that id, else the one of that title."""
        name = (sent.protocol_id, sent.protocol_title)
        if name not in self._protocols:
            here = {} if sent.protocol_id is None else await protocols.titles(self._tx, [sent.protocol_id])
            found: UUID | None = sent.protocol_id if here else None
            if found is None and sent.protocol_title is not None:
                of_title = await protocols.ids_of_title(self._tx, sent.protocol_title)
                found = of_title[0] if len(of_title) == 1 else None
            self._protocols[name] = found
        return self._protocols[name]


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the lines name: plans and patients by client_id, patients by record number."""

    plans: dict[str, UUID]
    patients: dict[str, UUID]
    identified: dict[Identifier, UUID]


def _identifier(sent: AssignmentLine) -> Identifier | None:
    if sent.patient_identifier_system is None or sent.patient_identifier_value is None:
        return None
    return Identifier(system=sent.patient_identifier_system, value=sent.patient_identifier_value)


def _patient_of(sent: AssignmentLine, found: _Found) -> UUID | Outcome:
    if sent.patient_id is not None:
        return sent.patient_id
    key, identifier = sent.patient_client_id, _identifier(sent)
    if key is not None:
        patient_id = found.patients.get(key) or as_id(key)
        return patient_id or fault("patient_client_id", "unknown", "No patient that was brought in has this client_id.")
    if identifier is not None:
        patient_id = found.identified.get(identifier)
        return patient_id or fault("patient_identifier_value", "unknown", "No patient has this record number.")
    return fault("patient_client_id", "required", "Name the patient: by client_id, id or record number.")
