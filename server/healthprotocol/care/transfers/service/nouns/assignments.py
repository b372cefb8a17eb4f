"""Bring in the plans of a file: each is given to its patient as a single one is, and known again by its client_id."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import NewAssignment
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Identifier
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.transfers import repository
from healthprotocol.care.transfers.model import Line, Noun, Outcome
from healthprotocol.care.transfers.schemas import AssignmentLine
from healthprotocol.care.transfers.service.claims import Claims
from healthprotocol.care.transfers.service.nouns.patients import as_id
from healthprotocol.care.transfers.service.outcomes import read, refused, rest_of, whole, with_more
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, Problem, Violation

_NOUN: Noun = "assignments"
_NOBODY = UUID(int=0)


class AssignmentIntake:
    """Takes lines of plans. One file at a time in an organisation, so that two never make the same plan."""

    def __init__(self, tx: Transaction, actor: Actor, *, claims: Claims | None = None) -> None:
        self._tx = tx
        self._actor = actor
        self._claims = claims
        self._protocols: dict[tuple[UUID | None, str | None], UUID | None] = {}

    async def take(self, lines: Sequence[Line]) -> list[Outcome]:
        """Take lines; return what became of them."""
        await repository.hold(self._tx, "assignment")
        shaped = [read(_NOUN, line, AssignmentLine) for line in lines]
        rests: dict[int, AssignmentLine] = {}
        for place, (line, one) in enumerate(zip(lines, shaped, strict=True)):
            if isinstance(one, Outcome):
                shaped[place], rest = rest_of(_NOUN, line, one, AssignmentLine)
                if rest is not None:
                    rests[place] = rest
        found = await self._found([*(one for one in shaped if isinstance(one, AssignmentLine)), *rests.values()])
        outcomes: list[Outcome | None] = [None] * len(lines)
        waiting: list[_Wanted] = []
        keys: set[str | None] = set()
        for place, (line, one) in enumerate(zip(lines, shaped, strict=True)):
            if isinstance(one, Outcome):
                rest = rests.get(place)
                more = () if rest is None else await self._faults(line, rest, found)
                outcomes[place] = with_more(one, more)
                continue
            if one.client_id is not None and one.client_id in keys:
                # It is the same plan as one that waits, or that one cannot be made and this one may.
                await self._write(waiting, outcomes, found)
                waiting, keys = [], set()
            settled = await self._settled(line, one, found)
            if isinstance(settled, Outcome):
                outcomes[place] = settled
            else:
                waiting.append(_Wanted(place, line, one.client_id, settled))
                keys.add(one.client_id)
        await self._write(waiting, outcomes, found)
        return whole(outcomes)

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
        claimed = await self._claimed(keys)
        people = [one.patient_client_id for one in sent if one.patient_client_id is not None]
        return _Found(
            plans={**claimed, **{key: id_ for key, id_ in {**own, **by_key}.items() if id_ in there}},
            patients=await repository.rows_of(self._tx, "patient", people),
            identified=await patients.ids_of_identifiers(
                self._tx, [one for line in sent if (one := _identifier(line)) is not None]
            ),
        )

    async def _claimed(self, keys: Sequence[str]) -> dict[str, UUID]:
        """Return the plans that earlier batches of a dry run would have made, by client_id."""
        if self._claims is None:
            return {}
        await self._claims.load(map(_name_of, keys))
        return {key: row_id for key in keys if (row_id := self._claims.row_of(_name_of(key))) is not None}

    async def _faults(self, line: Line, rest: AssignmentLine, found: "_Found") -> Sequence[Violation]:
        """Return what stands against the rest of a line that has not its shape."""
        settled = await self._settled(line, rest, found)
        if isinstance(settled, Outcome):
            return settled.faults
        faults = await assignments.faults_of(self._tx, settled)
        return refused(_NOUN, line, Invalid(violations=faults)).faults if faults else ()

    async def _settled(self, line: Line, sent: AssignmentLine, found: "_Found") -> NewAssignment | Outcome:
        """Return what a line asks for, or its outcome: it is here already, or names what is not."""
        known = found.plans.get(sent.client_id or "")
        if known is not None:
            return Outcome("skipped", known)
        patient_id = _patient_of(sent, found)
        protocol_id = await self._protocol_of(sent)
        faults = () if isinstance(patient_id, UUID) else (patient_id,)
        if protocol_id is None:
            column = "protocol_id" if sent.protocol_id is not None else "protocol_title"
            detail = "Give the id of a protocol here, or a title that exactly one has."
            faults = (*faults, Violation(column, "unknown", detail))
        nobody = patient_id if isinstance(patient_id, UUID) else _NOBODY
        wanted = msgspec.structs.replace(sent, patient_id=nobody, protocol_id=protocol_id or _NOBODY).wanted()
        if not faults:
            return wanted
        if protocol_id is not None:
            # Whoever mends the line should not have to send it twice.
            problem = Invalid(violations=await assignments.faults_of(self._tx, wanted))
            faults += refused(_NOUN, line, problem).faults if problem.violations else ()
        return Outcome("failed", faults=faults)

    async def _write(self, waiting: "Sequence[_Wanted]", outcomes: list[Outcome | None], found: "_Found") -> None:
        if not waiting:
            return
        wanted = [one.wanted for one in waiting]
        claimed = [] if self._claims is None else await self._claims.days_taken(wanted)
        made = await assignments.assign_many(self._tx, self._actor, wanted, days_taken=claimed)
        keys: dict[str, UUID] = {}
        for one, became in zip(waiting, made, strict=True):
            if isinstance(became, Problem):
                outcomes[one.place] = refused(_NOUN, one.line, became)
                continue
            outcomes[one.place] = Outcome("created", became.id, one.wanted.patient_id)
            names = [] if one.client_id is None else [_name_of(one.client_id)]
            if self._claims is not None:
                self._claims.add(became.id, names)
                self._claims.add_plan(became)
            if one.client_id is not None:
                found.plans[one.client_id] = keys[one.client_id] = became.id
        if keys:
            await repository.keep(self._tx, "assignment", keys)

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


class _Wanted(msgspec.Struct, frozen=True):
    """A line that waits to be written with others."""

    place: int
    line: Line
    client_id: str | None
    wanted: NewAssignment


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the lines name: plans and patients by client_id, patients by record number."""

    plans: dict[str, UUID]
    patients: dict[str, UUID]
    identified: dict[Identifier, UUID]


def _name_of(client_id: str) -> str:
    return f"key {client_id}"


def _identifier(sent: AssignmentLine) -> Identifier | None:
    if sent.patient_identifier_system is None or sent.patient_identifier_value is None:
        return None
    return Identifier(system=sent.patient_identifier_system, value=sent.patient_identifier_value)


def _patient_of(sent: AssignmentLine, found: _Found) -> UUID | Violation:
    if sent.patient_id is not None:
        return sent.patient_id
    key, identifier = sent.patient_client_id, _identifier(sent)
    if key is not None:
        patient_id = found.patients.get(key) or as_id(key)
        detail = "No patient that was brought in has this client_id."
        return patient_id or Violation("patient_client_id", "unknown", detail)
    if identifier is not None:
        patient_id = found.identified.get(identifier)
        return patient_id or Violation("patient_identifier_value", "unknown", "No patient has this record number.")
    return Violation("patient_client_id", "required", "Name the patient: by client_id, id or record number.")
