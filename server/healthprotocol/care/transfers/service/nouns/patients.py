"""Bring in the patients of a file: known by their client_id or by a record number, each of them once."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Amendment, Demographics, Identifier, Patient, PatientId, PersonName
from healthprotocol.care.transfers import repository
from healthprotocol.care.transfers.model import Existing, Line, Noun, Outcome
from healthprotocol.care.transfers.rules.cells import composed
from healthprotocol.care.transfers.schemas import PatientLine
from healthprotocol.care.transfers.service.claims import Claims
from healthprotocol.care.transfers.service.outcomes import fault, read, refused, rest_of, whole, with_more
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.crypto import blind_index
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, Problem, Violation

_NOUN: Noun = "patients"
_AMBIGUOUS = "Its client_id and its record numbers are of different patients."
_KEY = "key "
_OF_ANOTHER = "This record number is of somebody with another name and birth date. Mend the number, or hers first."


class PatientIntake:
    """
    Takes lines of patients. One file at a time in an organisation, so that two never enrol the same person.

    Lines wait and are written together, until one may be of the same person as one that waits: then that one is
    written first. So what comes of a file does not depend on what is written together.

    Who is here is read for so many lines ahead as came since the last write, twice over: where every line is of the
    same person, each is read some few times, and where none is, few reads are enough.
    """

    def __init__(self, tx: Transaction, actor: Actor, *, existing: Existing, claims: Claims | None = None) -> None:
        self._tx = tx
        self._actor = actor
        self._existing = existing
        self._claims = claims

    async def take(self, lines: Sequence[Line]) -> list[Outcome]:
        """Take lines; return what became of them."""
        await repository.hold(self._tx, "patient")
        shaped = [read(_NOUN, line, PatientLine) for line in lines]
        known, known_to, written_to = await self._known(shaped), len(lines), 0
        outcomes: list[Outcome | None] = [None] * len(lines)
        waiting = _Waiting()
        for place, (line, one) in enumerate(zip(lines, shaped, strict=True)):
            if isinstance(one, Outcome):
                outcomes[place] = self._told(line, one)
                continue
            if place >= known_to:
                known_to = place + 2 * (place - written_to)
                known.join(await self._known(shaped[place:known_to]))
            if waiting.may_have(one, known.ids(one)):
                await self._write(waiting, outcomes, known)
                waiting = _Waiting()
                if self._existing == "update":
                    # What was amended may have let go of a record number.
                    known_to = place + 2 * (place - written_to)
                    known = await self._known(shaped[place:known_to])
                written_to = place
            ids = known.ids(one)
            if len(ids) > 1:
                outcomes[place] = fault("client_id", "ambiguous", _AMBIGUOUS)
                continue
            wanted = _Wanted(place, line, one, next(iter(ids), None), known.is_named(one))
            if self._existing == "skip" and (known.is_of_another(wanted) or self._is_of_another_claimed(wanted, known)):
                outcomes[place] = _failed(wanted, _of_another(), known)
            else:
                waiting.add(wanted)
        await self._write(waiting, outcomes, known)
        return whole(outcomes)

    async def end(self) -> list[Outcome]:
        """Nothing is under way."""
        return []

    async def cancel(self) -> None:
        """Nothing is under way."""

    def _told(self, line: Line, outcome: Outcome) -> Outcome:
        """Return what stands against a line that has not its shape, and what else would if it had."""
        told, rest = rest_of(_NOUN, line, outcome, PatientLine)
        faults = [] if rest is None else patients.faults_of(self._tx, rest.demographics())
        return with_more(told, refused(_NOUN, line, Invalid(violations=faults)).faults) if faults else told

    async def _known(self, shaped: Sequence[PatientLine | Outcome]) -> "_Known":
        sent = [one for one in shaped if isinstance(one, PatientLine)]
        keys = [one.client_id for one in sent if one.client_id is not None]
        by_key = await repository.rows_of(self._tx, "patient", keys)
        own = {key: id_ for key in keys if key not in by_key and (id_ := as_id(key)) is not None}
        there = await patients.active_time_zones(self._tx, list({*by_key.values(), *own.values()}))
        found = {key: id_ for key, id_ in {**own, **by_key}.items() if id_ in there}
        identifiers = [identifier for one in sent for identifier in one.identifiers or ()]
        known = _Known(found, await patients.ids_of_identifiers(self._tx, identifiers))
        if self._existing == "skip":
            # An update reads them whole when it amends them.
            by_number = {id_ for one in sent if not known.is_named(one) for id_ in known.ids(one)}
            known.people = await patients.people_of(self._tx, list(by_number))
        if self._claims is not None:
            await self._know_claimed(self._claims, known, sent)
        return known

    async def _know_claimed(self, claims: Claims, known: "_Known", sent: Sequence[PatientLine]) -> None:
        """Know also whom earlier batches of a dry run would have made, or tied to a client_id."""
        await claims.load(name for one in sent for name in _names_of(one))
        rows = {name: row_id for one in sent for name in _names_of(one) if (row_id := claims.row_of(name)) is not None}
        here = await patients.active_time_zones(self._tx, list(set(rows.values())))
        known.join_claimed(rows, {row_id for row_id in rows.values() if row_id not in here})
        await claims.load_marks((row_id, _marks_of(one)) for one in sent for row_id in known.ids(one) & known.claimed)

    def _is_of_another_claimed(self, wanted: "_Wanted", known: "_Known") -> bool:
        """Whether a line names by a record number alone somebody whom an earlier batch made, plainly another."""
        row_id = wanted.known_id
        if self._claims is None or wanted.is_named or row_id is None or row_id not in known.claimed:
            return False
        return not self._claims.has_mark(row_id, _marks_of(wanted.sent))

    async def _write(self, waiting: "_Waiting", outcomes: list[Outcome | None], known: "_Known") -> None:
        new = [one for one in waiting.wanted if one.known_id is None]
        there = [one for one in waiting.wanted if one.known_id is not None]
        await self._create(new, outcomes)
        if self._existing == "skip":
            for one in there:
                outcomes[one.place] = Outcome("skipped", one.known_id, one.known_id)
        else:
            await self._amend([one for one in there if one.known_id not in known.claimed], outcomes)
            self._amend_claimed([one for one in there if one.known_id in known.claimed], outcomes, known)
        keys: dict[str, UUID] = {}
        for one in waiting.wanted:
            outcome = outcomes[one.place]
            if outcome is None or outcome.row_id is None:
                continue
            known.add(one.sent, outcome.row_id, is_new=one.known_id is None)
            if self._claims is not None:
                names = _names_of(one.sent) if outcome.became != "skipped" else _key_of(one.sent)
                marks = _marks_of(one.sent) if outcome.became == "created" else ()
                self._claims.add(outcome.row_id, names, marks)
            if one.sent.client_id is not None and one.sent.client_id != str(outcome.row_id):
                keys[one.sent.client_id] = outcome.row_id
        if keys:
            await repository.keep(self._tx, "patient", keys)

    async def _create(self, new: "Sequence[_Wanted]", outcomes: list[Outcome | None]) -> None:
        if not new:
            return
        made = await patients.create_many(self._tx, self._actor, [one.sent.demographics() for one in new])
        for one, became in zip(new, made, strict=True):
            if not isinstance(became, Patient):
                outcomes[one.place] = refused(_NOUN, one.line, became)
                continue
            outcomes[one.place] = Outcome("created", became.id, became.id)
            if one.sent.status == "archived":
                await patients.archive(self._tx, self._actor, became.id, expected_revision=None)

    async def _amend(self, there: "Sequence[_Wanted]", outcomes: list[Outcome | None]) -> None:
        amendments = [one.amendment() for one in there]
        if not amendments:
            return
        done = await patients.amend_many(self._tx, self._actor, amendments)
        for one, became in zip(there, done, strict=True):
            if isinstance(became, Problem):
                outcomes[one.place] = _failed(one, became)
            else:
                outcomes[one.place] = Outcome("updated" if became else "skipped", one.known_id, one.known_id)

    def _amend_claimed(self, there: "Sequence[_Wanted]", outcomes: list[Outcome | None], known: "_Known") -> None:
        """Say what would become of lines of those whom earlier batches of a dry run would have made."""
        for one in there:
            faults = patients.faults_of(self._tx, one.sent.demographics())
            if self._is_of_another_claimed(one, known):
                outcomes[one.place] = _failed(one, _of_another(), known)
            elif faults:
                outcomes[one.place] = _failed(one, Invalid(violations=faults), known)
            else:
                outcomes[one.place] = Outcome("updated", one.known_id, one.known_id)


class _Wanted(msgspec.Struct, frozen=True):
    """
    A line that waits; `known_id` is of the patient whom it is of, None for somebody new.

    `is_named`: the sender's own client_id names her; else a record number alone does.
    """

    place: int
    line: Line
    sent: PatientLine
    known_id: UUID | None
    is_named: bool

    def amendment(self) -> Amendment:
        assert self.known_id is not None
        return Amendment(PatientId(self.known_id), self._amended, self.sent.status)

    def _amended(self, before: Demographics) -> Demographics:
        if not self.is_named and _is_another(before, self.sent):
            raise _of_another()
        return _amended(before, self.line, self.sent)


class _Waiting:
    """Lines to be written together: no two of them may be of one person."""

    def __init__(self) -> None:
        self.wanted: list[_Wanted] = []
        self._names: set[str] = set()
        self._ids: set[UUID] = set()

    def may_have(self, sent: PatientLine, ids: set[UUID]) -> bool:
        """Whether a line that waits has one of this line's names, or is of one of the patients whom it names."""
        return not (self._names.isdisjoint(_names_of(sent)) and self._ids.isdisjoint(ids))

    def add(self, wanted: _Wanted) -> None:
        """Have a line wait."""
        self.wanted.append(wanted)
        self._names.update(_names_of(wanted.sent))
        if wanted.known_id is not None:
            self._ids.add(wanted.known_id)


def _names_of(sent: PatientLine) -> list[str]:
    """Return by what a line can be known again, record numbers as they are compared."""
    return [*_key_of(sent), *map(_compared, sent.identifiers or ())]


def _key_of(sent: PatientLine) -> list[str]:
    return [] if sent.client_id is None else [_KEY + sent.client_id]


def _marks_of(sent: PatientLine) -> list[str]:
    """Return what tells people apart, as `_is_another` compares it."""
    given, family = sent.given_name.strip().casefold(), sent.family_name.strip().casefold()
    return [f"born {sent.birth_date}", f"given {given}", f"family {family}"]


def _compared(identifier: Identifier) -> str:
    """Return a record number as it is compared, however it is written."""
    return blind_index.identifier(identifier.system, identifier.value)


def _failed(wanted: _Wanted, problem: Problem, known: "_Known | None" = None) -> Outcome:
    """Return the outcome of a line that a problem stands against, and of whom it would have been, if she is here."""
    is_claimed = known is not None and wanted.known_id in known.claimed
    subject_id = None if is_claimed else wanted.known_id
    return msgspec.structs.replace(refused(_NOUN, wanted.line, problem), subject_id=subject_id)


def _of_another() -> Invalid:
    return Invalid(violations=[Violation("/identifiers", "of_another", _OF_ANOTHER)])


def _is_another(before: Demographics | PersonName, sent: PatientLine) -> bool:
    """Whether nothing that tells people apart is the same: a mistyped number must not pass one for the other."""
    return (
        sent.birth_date != before.birth_date
        and sent.given_name.strip().casefold() != before.given_name.casefold()
        and sent.family_name.strip().casefold() != before.family_name.casefold()
    )


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
    """
    Who is here already, by client_id and by record number.

    `people`: what those are called whom lines know by a record number alone; an update does without. `claimed` are
    rows that earlier batches of a dry run would have made, and that are not here.
    """

    def __init__(self, by_key: dict[str, UUID], by_identifier: dict[Identifier, UUID]) -> None:
        self.by_key = by_key
        self.by_identifier = {_compared(one): patient_id for one, patient_id in by_identifier.items()}
        self.people: dict[UUID, PersonName] = {}
        self.claimed: set[UUID] = set()

    def join_claimed(self, rows: Mapping[str, UUID], claimed: set[UUID]) -> None:
        """Know also rows by the names that were claimed for them; `claimed` are those that are not here."""
        for name, row_id in rows.items():
            if name.startswith(_KEY):
                self.by_key.setdefault(name.removeprefix(_KEY), row_id)
            else:
                self.by_identifier.setdefault(name, row_id)
        self.claimed |= claimed

    def join(self, more: "_Known") -> None:
        """Know also what was read of more lines, since when nothing was written."""
        self.by_key |= more.by_key
        self.by_identifier |= more.by_identifier
        self.people |= more.people
        self.claimed |= more.claimed

    def ids(self, sent: PatientLine) -> set[UUID]:
        found = {self.by_identifier.get(_compared(one)) for one in sent.identifiers or ()}
        found.add(self.by_key.get(sent.client_id or ""))
        return {one for one in found if one is not None}

    def is_named(self, sent: PatientLine) -> bool:
        return sent.client_id in self.by_key

    def is_of_another(self, wanted: _Wanted) -> bool:
        """Whether a line names by a record number alone somebody who is plainly not whom it speaks of."""
        person = None if wanted.is_named or wanted.known_id is None else self.people.get(wanted.known_id)
        return person is not None and _is_another(person, wanted.sent)

    def add(self, sent: PatientLine, patient_id: UUID, *, is_new: bool) -> None:
        """Know a line's patient from now on: of one who was here already, a line that was skipped changed nothing."""
        if sent.client_id is not None:
            self.by_key.setdefault(sent.client_id, patient_id)
        if is_new:
            self.by_identifier |= dict.fromkeys(map(_compared, sent.identifiers or ()), patient_id)
            self.people[patient_id] = PersonName(
                id=PatientId(patient_id),
                given_name=sent.given_name.strip(),
                family_name=sent.family_name.strip(),
                birth_date=sent.birth_date,
            )


def as_id(text: str) -> UUID | None:
    """Return the id that a client_id is, when our own export wrote it."""
    try:
        return UUID(text)
    except ValueError:
        return None
