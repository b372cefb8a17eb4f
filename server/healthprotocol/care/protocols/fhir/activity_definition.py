"""
FHIR ActivityDefinition to and from what an activity is: its kind, its measurement, medication, questionnaire.

Source: FHIR R4 ActivityDefinition; the CPG implementation guide's cpg-collectWith; LOINC and UCUM.
"""

import re
from typing import NamedTuple

from healthprotocol.care.protocols.fhir.definitions import Definitions
from healthprotocol.care.protocols.fhir.primitives import is_absolute_uri, is_code, is_string
from healthprotocol.care.protocols.fhir.questionnaire import read_questionnaire
from healthprotocol.care.protocols.fhir.shown import concept, shown
from healthprotocol.care.protocols.fhir.timing import TimingReading, read_timing
from healthprotocol.care.protocols.model import Activity, ActivityKind, Measurement, Medication, Questionnaire
from healthprotocol.care.protocols.rules.exchange.documents import Json
from healthprotocol.care.protocols.rules.exchange.limits import MAX_CODE, MAX_NAME
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.texts import cut

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
EXERCISE = "229065009"
COLLECT_WITH = "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-collectWith"

_KINDS: dict[str, ActivityKind] = {
    "Task": "task", "ServiceRequest": "task", "MedicationRequest": "medication", "CommunicationRequest": "education",
    "Appointment": "appointment", "AppointmentResponse": "appointment", "NutritionOrder": "task",
    "DeviceRequest": "task", "VisionPrescription": "task", "ImmunizationRecommendation": "task",
    "ProcedureRequest": "task", "ReferralRequest": "appointment",
}  # fmt: skip
_RESOURCES: dict[ActivityKind, str] = {
    "task": "Task", "measurement": "ServiceRequest", "medication": "MedicationRequest", "exercise": "ServiceRequest",
    "questionnaire": "Task", "education": "CommunicationRequest", "appointment": "Appointment",
}  # fmt: skip
# The unit in which home measurements are usually taken, for definitions that name the code only.
_USUAL_UNITS = {
    "8867-4": "/min", "9279-1": "/min", "8310-5": "Cel", "8480-6": "mm[Hg]", "8462-4": "mm[Hg]", "85354-9": "mm[Hg]",
    "55284-4": "mm[Hg]", "29463-7": "kg", "3141-9": "kg", "8302-2": "cm", "39156-5": "kg/m2", "59408-5": "%",
    "2708-6": "%", "15074-8": "mmol/L", "2339-0": "mg/dL", "2345-7": "mg/dL", "41653-7": "mg/dL", "4548-4": "%",
    "19935-6": "L/min", "33452-4": "L/min", "41950-7": "/d", "72514-3": "{score}",
}  # fmt: skip
_SILENT = {
    "resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "url", "identifier", "version",
    "name", "title", "subtitle", "status", "experimental", "subjectCodeableConcept", "subjectReference", "date",
    "publisher", "contact", "description", "jurisdiction", "copyright", "approvalDate", "lastReviewDate",
    "effectivePeriod", "author", "editor", "reviewer", "endorser", "kind", "profile", "code", "intent", "priority",
    "doNotPerform", "timingTiming", "productCodeableConcept", "productReference", "dosage", "extension", "purpose",
}  # fmt: skip
_LISTS = {"participant", "dynamicValue", "library", "relatedArtifact", "topic", "useContext"}
_LOINC_CODE = re.compile(r"\d{1,7}-\d")


class DefinitionReading(NamedTuple):
    """What a definition says. `why_not` is set when it is nothing that a patient does by a schedule."""

    kind: ActivityKind | None = None
    title: str | None = None
    description: str | None = None
    timing: TimingReading | None = None
    measurement: Measurement | None = None
    medication: Medication | None = None
    questionnaire: Questionnaire | None = None
    questionnaire_node: Node | None = None
    why_not: str | None = None


def read_definition(definition: Node, definitions: Definitions, *, within: Node) -> DefinitionReading:
    """Return what an ActivityDefinition or a Questionnaire says; `within` is the plan that may contain more."""
    kind = definition.word("resourceType")
    if kind == "Questionnaire":
        return DefinitionReading(
            kind="questionnaire",
            title=definition.text("title", line=True),
            description=definition.text("description"),
            questionnaire=read_questionnaire(definition, definitions),
            questionnaire_node=definition,
        )
    if kind != "ActivityDefinition":
        return DefinitionReading(why_not=f"a step defined by a {kind or 'resource'} that is not executed here")
    return _read_activity_definition(definition, definitions, within)


def keep_rest(definition: Node) -> None:
    """Keep what an ActivityDefinition says and an activity cannot."""
    for name, member in definition.members():
        if name not in _SILENT:
            for part in definition.items(name) if name in _LISTS else [member]:
                part.kept(*shown(name, part))
    for dosage in definition.items("dosage")[1:]:
        dosage.kept("another dosage that is not planned", dosage.word("text") or dosage.compact())


def write_definition(definition: dict[str, Json], activity: Activity, *, before: Activity | None = None) -> None:
    """Write into an ActivityDefinition what of an activity its elements can say, where it differs from `before`."""
    if before is None or before.kind != activity.kind:
        definition["kind"] = _RESOURCES[activity.kind]
        if activity.kind == "exercise":
            definition["code"] = {"coding": [{"system": SNOMED, "code": EXERCISE, "display": "Exercise therapy"}]}
    measurement = activity.measurement
    is_edited = before is None or before.measurement != measurement
    if is_edited and measurement is not None and _LOINC_CODE.fullmatch(measurement.code):
        coding: dict[str, Json] = {"system": LOINC, "code": measurement.code}
        if measurement.display and is_string(measurement.display):
            coding["display"] = measurement.display
        definition["code"] = {"coding": [coding]}
    medication = activity.medication
    if medication is not None and is_string(medication.name) and (before is None or before.medication != medication):
        _write_medication(definition, medication)


def _read_activity_definition(definition: Node, definitions: Definitions, within: Node) -> DefinitionReading:
    declared = definition.word("kind")
    if definition.boolean("doNotPerform"):
        return DefinitionReading(why_not="something that must not be done")
    if "modifierExtension" in definition:
        return DefinitionReading(why_not="a step with an extension that changes its meaning")
    if declared is not None and declared not in _KINDS:
        return DefinitionReading(why_not=f"a step that makes a {declared}, which no patient does")
    dosage = definition.first("dosage")
    if dosage is not None and (dosage.boolean("asNeededBoolean") or "asNeededCodeableConcept" in dosage):
        return DefinitionReading(why_not="something taken as needed, which no calendar plans")
    collected = _collected_with(definition, definitions, within)
    medication = _read_medication(definition, within)
    measurement = _read_measurement(definition)
    return DefinitionReading(
        kind=_kind(definition, declared, (collected, measurement, medication)),
        title=definition.text("title", line=True) or definition.text("name", line=True),
        description=definition.text("description"),
        timing=_read_timing(definition),
        measurement=measurement,
        medication=medication,
        questionnaire=read_questionnaire(collected, definitions) if collected else None,
        questionnaire_node=collected,
    )


def _kind(
    definition: Node, declared: str | None, found: tuple[Node | None, Measurement | None, Medication | None]
) -> ActivityKind:
    collected, measurement, medication = found
    if collected is not None:
        return "questionnaire"
    if medication is not None and declared in {None, "Task", "MedicationRequest"}:
        return "medication"
    if measurement is not None:
        return "measurement"
    if any(each.word("system") == SNOMED and each.word("code") == EXERCISE for each in _codings(definition, "code")):
        return "exercise"
    return _KINDS[declared] if declared else "task"


def _read_timing(definition: Node) -> TimingReading | None:
    timing = definition.get("timingTiming")
    if timing is not None:
        return read_timing(timing)
    dosage = definition.first("dosage")
    timing = dosage.get("timing") if dosage else None
    return read_timing(timing) if timing else None


def _collected_with(definition: Node, definitions: Definitions, within: Node) -> Node | None:
    for extension in definition.items("extension"):
        canonical = extension.word("valueCanonical") or extension.word("valueUri")
        if extension.word("url") == COLLECT_WITH and canonical:
            found = definitions.find(canonical, within=within)
            if found is not None and found.word("resourceType") == "Questionnaire":
                return found
            extension.kept("a questionnaire that is not in these files", canonical)
    return None


def _read_measurement(definition: Node) -> Measurement | None:
    for coding in _codings(definition, "code"):
        code = coding.word("code")
        unit = _USUAL_UNITS.get(code or "")
        if coding.word("system") == LOINC and code and unit:
            definition.adjusted("unit", "No unit is given; the usual one of this measurement is taken.", at="code")
            return Measurement(code=code, display=coding.text("display", limit=MAX_NAME, line=True), unit=unit)
    return None


def _read_medication(definition: Node, within: Node) -> Medication | None:
    product = definition.get("productCodeableConcept")
    reference = definition.path("productReference")
    if product is None and reference is not None:
        target = reference.word("reference") or ""
        resource = Definitions([]).find(target, within=within) if target.startswith("#") else None
        product = resource.get("code") if resource else None
        if product is None:
            product = reference
    name = concept(product) if product else None
    if product is None or name is None:
        return None
    code, system = _code_and_system(product)
    return Medication(name=cut(name, MAX_NAME), dose=_dose(definition), code=code, system=system)


def _code_and_system(product: Node) -> tuple[str | None, str | None]:
    coding = product.first("coding")
    code = coding.word("code") if coding else None
    system = coding.word("system") if coding else None
    if not code or len(code) > MAX_CODE:
        return None, None
    return code, system if system and len(system) <= MAX_NAME else None


def _dose(definition: Node) -> str | None:
    dosage = definition.first("dosage")
    if dosage is None:
        return None
    text = dosage.text("text", limit=MAX_NAME, line=True)
    quantity = dosage.path("doseAndRate", "doseQuantity")
    if text is None and quantity is not None and "value" in quantity:
        value = quantity.value["value"] if isinstance(quantity.value, dict) else ""
        text = cut(f"{value} {quantity.word('unit') or quantity.word('code') or ''}".strip(), MAX_NAME)
    return text


def _codings(definition: Node, name: str) -> list[Node]:
    code = definition.get(name)
    return code.items("coding") if code else []


def _write_medication(definition: dict[str, Json], medication: Medication) -> None:
    product: dict[str, Json] = {"text": medication.name}
    if medication.code is not None and is_code(medication.code):
        coding: dict[str, Json] = {"code": medication.code}
        if medication.system is not None and is_absolute_uri(medication.system):
            coding = {"system": medication.system, **coding}
        product["coding"] = [coding]
    definition.pop("productReference", None)
    definition["productCodeableConcept"] = product
    if medication.dose is not None and is_string(medication.dose):
        found = definition.get("dosage")
        first, rest = (found[0], found[1:]) if isinstance(found, list) and found else ({}, [])
        first = first if isinstance(first, dict) else {}
        definition["dosage"] = [{**first, "text": medication.dose}, *rest]
