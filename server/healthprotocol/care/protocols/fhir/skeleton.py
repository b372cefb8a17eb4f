"""New FHIR resources for what a protocol says: the plan, its groups, its actions and their definitions."""

import re

import msgspec

from healthprotocol.care.protocols.fhir.activity_definition import COLLECT_WITH, write_definition
from healthprotocol.care.protocols.fhir.extensions import ACTIVITY, BASE, PHASE, write_extension
from healthprotocol.care.protocols.fhir.plan_edits import Resource
from healthprotocol.care.protocols.fhir.primitives import is_code, is_string
from healthprotocol.care.protocols.fhir.questionnaire import write_items
from healthprotocol.care.protocols.fhir.timing import write_timing
from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent, Questionnaire
from healthprotocol.care.protocols.rules.exchange.texts import key_of

_PLAN_TYPE = "http://terminology.hl7.org/CodeSystem/plan-definition-type"
_NAME_LENGTH = 200
_SLUG_LENGTH = 40


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """
    Who a new PlanDefinition is. `url` stays over the versions, `version` does not.

    None for `url` makes one from the title, in a domain that nobody has.
    """

    url: str | None = None
    version: str = "1"
    status: str = "draft"
    date: str | None = None
    publisher: str | None = None


class Namer:
    """Gives the new definitions their ids and canonicals: beside the plan `slug`, or contained in it."""

    def __init__(self, *, base: str, slug: str, version: str, status: str, is_contained: bool) -> None:
        self._base = base
        self._slug = slug
        self._version = version
        self._status = status
        self._is_contained = is_contained
        self._taken: set[str] = set()

    def avoid(self, identifiers: set[str]) -> None:
        """Note ids that are taken already."""
        self._taken |= identifiers

    def name(self, kind: str) -> tuple[Resource, str]:
        """Return a new resource of a kind, with its identity, and the canonical by which the plan refers to it."""
        number = 1
        prefix = f"{self._slug}-{'activity' if kind == 'ActivityDefinition' else 'questionnaire'}".lstrip("-")
        while f"{prefix}-{number}" in self._taken:
            number += 1
        identifier = f"{prefix}-{number}"
        self._taken.add(identifier)
        resource: Resource = {"resourceType": kind, "id": identifier}
        if self._is_contained:
            return {**resource, "status": self._status}, f"#{identifier}"
        url = f"{self._base}/{kind}/{identifier}"
        named: Resource = {**resource, "url": url, "version": self._version, "status": self._status}
        return named, f"{url}|{self._version}"


def new_bundle(content: ProtocolContent, identity: Identity) -> tuple[Resource, Namer]:
    """Return a Bundle with a plan that has no actions yet, and the namer for what will be beside it."""
    base, _, last = (identity.url or "").rpartition("/PlanDefinition/")
    slug = _slug(last or content.title)
    url = identity.url or f"{BASE}/PlanDefinition/{slug}"
    plan: Resource = {
        "resourceType": "PlanDefinition",
        "id": slug,
        "url": url,
        "version": identity.version,
        "name": _computable_name(content.title),
        **({"title": content.title} if is_string(content.title) else {}),
        "type": {"coding": [{"system": _PLAN_TYPE, "code": "clinical-protocol"}]},
        "status": identity.status,
    }
    if identity.date:
        plan["date"] = identity.date
    if identity.publisher:
        plan["publisher"] = identity.publisher
    bundle: Resource = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"{base or BASE}/PlanDefinition/{slug}", "resource": plan}],
    }
    namer = Namer(base=base or BASE, slug=slug, version=identity.version, status=identity.status, is_contained=False)
    return bundle, namer


def new_group(phase: Phase) -> Resource:
    """Return the action of a phase, without the steps in it."""
    group: Resource = {"groupingBehavior": "logical-group"}
    if is_string(phase.title):
        group["title"] = phase.title
    if is_string(phase.description or ""):
        group["description"] = phase.description
    # The days are in the extension even where they are the default: it is what makes an empty group a phase.
    group["extension"] = [write_extension(PHASE, {"start_day": phase.start_day, "length_days": phase.length_days})]
    return group


def new_action(activity: Activity, namer: Namer) -> tuple[Resource, list[Resource]]:
    """Return the action of an activity and the definitions it refers to."""
    definition, canonical = namer.name("ActivityDefinition")
    if is_string(activity.title):
        definition["title"] = activity.title
    definitions = [definition]
    if activity.questionnaire is not None:
        resource, where = namer.name("Questionnaire")
        write_questionnaire(resource, activity.questionnaire)
        definition["extension"] = [{"url": COLLECT_WITH, "valueCanonical": where}]
        definitions.append(resource)
    write_definition(definition, activity)
    # The extension marks it as a step to be done, also in a plan whose own steps are only rules.
    marked = write_extension(ACTIVITY, {"key": activity.key})
    action: Resource = {"id": activity.key, "extension": [marked]}
    write_action(action, activity)
    action["definitionCanonical"] = canonical
    return action, definitions


def write_action(action: Resource, activity: Activity, *, before: Activity | None = None) -> None:
    """Write into an action what of an activity its elements can say, where it differs from `before`."""
    if is_string(activity.title) and (before is None or before.title != activity.title):
        action["title"] = activity.title
    if is_string(activity.instructions or "") and (before is None or before.instructions != activity.instructions):
        action["description"] = activity.instructions
    if before is None or before.schedule != activity.schedule:
        timing = write_timing(activity.schedule, over=action.get("timingTiming"))
        if timing:
            for name in [name for name in action if name.startswith("timing")]:
                del action[name]
            action["timingTiming"] = timing
        else:
            action.pop("timingTiming", None)


def write_questionnaire(resource: Resource, questionnaire: Questionnaire) -> None:
    """Write into a Questionnaire what of it its elements can say."""
    if questionnaire.title and is_string(questionnaire.title):
        resource["title"] = questionnaire.title
    if questionnaire.code and is_code(questionnaire.code):
        resource["code"] = [{"code": questionnaire.code}]
    items = write_items(questionnaire.items)
    resource.pop("item", None)
    if items:
        resource["item"] = items


def entry_of(resource: Resource) -> Resource:
    """Return the Bundle entry of a resource that has a url."""
    return {"fullUrl": resource["url"], "resource": resource}


def _slug(text: str) -> str:
    """Return a FHIR id that leaves room for what the definitions add to it."""
    return key_of(text, otherwise="protocol").replace("_", "-")[:_SLUG_LENGTH].strip("-.") or "protocol"


def _computable_name(title: str) -> str:
    """Return a name as FHIR wants it: a capital, then letters, digits and underscores."""
    words = re.findall(r"[A-Za-z0-9]+", title)
    name = "".join(word[0].upper() + word[1:] for word in words)[:_NAME_LENGTH]
    return name if name[:1].isalpha() else f"Protocol{name}"
