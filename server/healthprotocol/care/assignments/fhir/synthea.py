"""
Persons and their care plans out of a FHIR R4 Bundle, as Synthea writes them.

A CarePlan there is a definition and its assignment in one, mostly without times. What it plans becomes a protocol with
usual rhythms, said as such; nothing of the person goes into it, because a definition is read by many.
"""

from datetime import date

import msgspec

from healthprotocol.care.assignments.fhir.care_plan import PlanForPerson, read_care_plan
from healthprotocol.care.patients.model import Address, Demographics, Identifier, Sex
from healthprotocol.care.protocols.fhir.bundle import resources
from healthprotocol.care.protocols.rules.exchange.documents import Document, Unreadable, parse_json
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.report import Finding, Report
from healthprotocol.foundation.crypto.normalisers import phone as e164

_SEXES: dict[str, Sex] = {"male": "male", "female": "female", "other": "other", "unknown": "unknown"}
_NAME_USES = ("official", "usual")
_MAX_NAME = 100
_MAX_LINE = 200
_MAX_IDENTIFIERS = 20
_MAX_IDENTIFIER = 100
_MAX_LINES = 5
_MAX_POSTAL_CODE = 20
# ISO 3166-1 alpha-2.
_COUNTRY_CODE = 2


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody in a Bundle: her demographics, whether she has died, and her care plans in their order."""

    demographics: Demographics
    is_deceased: bool
    care_plans: tuple[PlanForPerson, ...]


class PeopleReading(msgspec.Struct, frozen=True, kw_only=True):
    """The persons in a file. A person or plan that cannot be read is left out whole; `report` says where and why."""

    people: tuple[Person, ...]
    report: tuple[Finding, ...]


def read_synthea(body: bytes, *, file: str = "") -> PeopleReading:
    """Return the persons in a Bundle with their care plans; none when it has no Patient (hospitals, practitioners)."""
    report = Report(file)
    try:
        document = Document(file, parse_json(body))
    except Unreadable as error:
        report.refused(file, error.place, error.code, error.detail)
        return PeopleReading(people=(), report=report.findings())
    found = list(resources(document, report))
    plans = [resource for resource, _ in found if resource.word("resourceType") == "CarePlan"]
    people = [
        person
        for resource, full_url in found
        if resource.word("resourceType") == "Patient"
        and (person := _person(resource, full_url, plans=plans, file=file)) is not None
    ]
    return PeopleReading(people=tuple(people), report=report.findings())


def _person(resource: Node, full_url: str | None, *, plans: list[Node], file: str) -> Person | None:
    demographics = _demographics(resource)
    if demographics is None:
        return None
    references = {full_url, f"Patient/{resource.word('id')}"}
    own = [plan for plan in plans if _subject(plan) in references]
    read = [plan for each in own if (plan := read_care_plan(each, file=file)) is not None]
    return Person(
        demographics=demographics,
        is_deceased="deceasedDateTime" in resource or resource.boolean("deceasedBoolean") is True,
        care_plans=tuple(read),
    )


def _subject(plan: Node) -> str | None:
    subject = plan.get("subject")
    return subject.word("reference") if subject is not None else None


def _demographics(resource: Node) -> Demographics | None:
    name = _name(resource)
    given = name.path("given") if name is not None else None
    given_name = given.as_text(limit=_MAX_NAME, line=True) if given is not None else None
    family_name = name.text("family", limit=_MAX_NAME, line=True) if name is not None else None
    born = _birth_date(resource)
    if given_name is None or family_name is None or born is None:
        resource.refused("required", "A person needs a given name, a family name and a whole date of birth.")
        return None
    return Demographics(
        given_name=given_name,
        family_name=family_name,
        birth_date=born,
        sex=_SEXES.get(resource.word("gender") or "", "unknown"),
        email=_telecom(resource, "email"),
        phone=_phone(resource),
        address=_address(resource),
        language=_language(resource),
        identifiers=_identifiers(resource),
    )


def _name(resource: Node) -> Node | None:
    names = {each.word("use"): each for each in reversed(resource.items("name"))}
    return next((names[use] for use in (*_NAME_USES, *names) if use in names), None)


def _birth_date(resource: Node) -> date | None:
    try:
        return date.fromisoformat(resource.word("birthDate") or "")
    except ValueError:
        return None


def _telecom(resource: Node, system: str) -> str | None:
    return next((each.word("value") for each in resource.items("telecom") if each.word("system") == system), None)


def _phone(resource: Node) -> str | None:
    """Return the phone in E.164; a national number is one of the country in the address, where that is a code."""
    number = _telecom(resource, "phone")
    if number is None:
        return None
    address = resource.path("address")
    country = address.word("country") if address is not None else None
    try:
        return e164(number, region=country if country and len(country) == _COUNTRY_CODE else None)
    except ValueError:
        resource.adjusted("phone", "The phone number is no international one; it is left out.", at="telecom")
        return None


def _address(resource: Node) -> Address | None:
    address = resource.path("address")
    if address is None:
        return None
    lines = [text for each in address.items("line") if (text := each.as_text(limit=_MAX_LINE, line=True))]
    return Address(
        lines=tuple(lines)[:_MAX_LINES],
        city=address.text("city", limit=_MAX_LINE, line=True),
        postal_code=address.text("postalCode", limit=_MAX_POSTAL_CODE, line=True),
        state=address.text("state", limit=_MAX_LINE, line=True),
        country=address.text("country", limit=_MAX_LINE, line=True),
    )


def _language(resource: Node) -> str | None:
    coding = resource.path("communication", "language", "coding")
    return coding.word("code") if coding is not None else None


def _identifiers(resource: Node) -> tuple[Identifier, ...]:
    found: dict[tuple[str, str], Identifier] = {}
    for each in resource.items("identifier"):
        system, value = each.word("system"), each.word("value")
        if system and value and len(system) <= _MAX_LINE and len(value) <= _MAX_IDENTIFIER:
            found[system, value.upper()] = Identifier(system=system, value=value)
    return tuple(found.values())[:_MAX_IDENTIFIERS]
