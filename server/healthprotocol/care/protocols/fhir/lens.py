"""
A protocol written as FHIR, over the resources it came from or as new ones.

Every edit is written where FHIR has an element for it; then the plan is read again, and on what it does not yet say
the extensions of our own speak. So a re-import always gives what was exported, and what was not edited is not touched.
"""

from collections.abc import Iterator

import msgspec

from healthprotocol.care.protocols.fhir.actions import ActivityRead
from healthprotocol.care.protocols.fhir.activity_definition import write_definition
from healthprotocol.care.protocols.fhir.bundle import plan_of
from healthprotocol.care.protocols.fhir.definitions import definition_of
from healthprotocol.care.protocols.fhir.extensions import (
    ACTIVITY,
    PHASE,
    PROTOCOL,
    STRUCTURE,
    find_extension,
    put_extension,
    read_extension,
    remove_extension,
)
from healthprotocol.care.protocols.fhir.plan_definition import PlanReading, read_plan_as_is
from healthprotocol.care.protocols.fhir.plan_edits import (
    Resource,
    append,
    best_match,
    contained_ids,
    is_flat,
    remove_action,
    uses_of_definitions,
)
from healthprotocol.care.protocols.fhir.plan_texts import write_topics
from healthprotocol.care.protocols.fhir.primitives import is_code, is_string
from healthprotocol.care.protocols.fhir.skeleton import (
    Identity,
    Namer,
    entry_of,
    new_action,
    new_bundle,
    new_group,
    write_action,
    write_questionnaire,
)
from healthprotocol.care.protocols.fhir.structure import write_structure
from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent
from healthprotocol.care.protocols.rules.exchange.documents import Document, Json, Source, copy_json
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.overlay import difference, json_of, same
from healthprotocol.care.protocols.rules.exchange.report import Report
from healthprotocol.care.protocols.rules.exchange.unsaid import unsaid
from healthprotocol.foundation.errors import Violation

# A new title can change the keys that are made from titles, and so on; two rounds settle it.
_ROUNDS = 4


def write_plan(
    content: ProtocolContent, *, source: Source | None, identity: Identity
) -> tuple[tuple[Document, ...], list[Violation]]:
    """Return the FHIR documents of a content, over those of `source` where there is one, and what they cannot say."""
    if source is not None:
        copies = tuple(Document(each.name, copy_json(each.value)) for each in source.documents)
        working = msgspec.structs.replace(source, documents=copies)
        namer = Namer(base="", slug="", version="", status="draft", is_contained=True)
        return copies, _Writer(working, content, namer, bundle=None).write()
    bundle, namer = new_bundle(content, identity)
    documents = (Document("protocol.json", bundle),)
    working = Source(format="fhir", documents=documents, root="/0/entry/0/resource")
    return documents, _Writer(working, content, namer, bundle=bundle).write()


def executable(content: ProtocolContent) -> Json:
    """Return a content as JSON without what is only kept, which follows its source and not an edit."""
    return json_of(msgspec.structs.replace(content, kept=()))


class _Writer:
    """Changes the documents of `source` in place until they read as `wanted`."""

    def __init__(self, source: Source, wanted: ProtocolContent, namer: Namer, *, bundle: Resource | None) -> None:
        self._source = source
        self._wanted = wanted
        self._namer = namer
        self._bundle = bundle
        plan = plan_of(source, Report(""))[0].value
        assert isinstance(plan, dict), "the root of a source is a resource"
        self._plan: Resource = plan
        # The wanted activities by the actions that say them, and the groups of the wanted phases in their order.
        self._places: dict[int, Activity] = {}
        self._groups: list[Json] = []
        namer.avoid(contained_ids(plan))

    def write(self) -> list[Violation]:
        """Write what differs, and return what could not be said."""
        if self._bundle is not None and self._wanted.kept:
            put_extension(self._plan, PROTOCOL, {"kept": [json_of(each) for each in self._wanted.kept]})
        reading = self._read()
        if same(executable(reading.content), executable(self._wanted)):
            return []
        self._write_texts(reading.content)
        self._remove_actions(reading)
        self._place_phases(self._read())
        self._write_activities()
        self._write_phases()
        self._write_structure()
        self._write_rest()
        return unsaid(executable(self._wanted), executable(self._read().content), format_name="FHIR R4")

    def _read(self) -> PlanReading:
        return read_plan_as_is(*plan_of(self._source, Report("")))

    def _activities(self) -> Iterator[tuple[ActivityRead, Resource]]:
        for phase in self._read().phases:
            for each in phase.activities:
                yield each, _object(each.action)

    def _write_texts(self, before: ProtocolContent) -> None:
        wanted = self._wanted
        if before.title != wanted.title and is_string(wanted.title):
            self._plan["title"] = wanted.title
        if before.description != wanted.description and is_string(wanted.description):
            self._plan["description"] = wanted.description
        if (before.category, before.tags) != (wanted.category, wanted.tags):
            write_topics(self._plan, category=wanted.category, tags=wanted.tags)
        language = next(iter(wanted.languages), "")
        if before.languages != wanted.languages and is_code(language):
            self._plan["language"] = language

    def _remove_actions(self, reading: PlanReading) -> None:
        wanted = {activity.key: activity for phase in self._wanted.phases for activity in phase.activities}
        for phase in reading.phases:
            for each in phase.activities:
                action = _object(each.action)
                if each.activity.key in wanted:
                    self._places[id(action)] = wanted.pop(each.activity.key)
                else:
                    remove_action(self._plan, action)

    def _place_phases(self, reading: PlanReading) -> None:
        """Find each wanted phase's group among those there are, or make one; put new steps into it."""
        placed = {activity.key for activity in self._places.values()}
        free = list(reading.phases)
        for phase in self._wanted.phases:
            found = best_match(phase, free)
            if found is None:
                group: Json = new_group(phase)
                append(self._plan, "action", group)
            else:
                free.remove(found)
                group = found.group.value if found.group is not None else None
            self._groups.append(group)
            # One more step in a group of alternatives would change what its other steps mean.
            parent = group if isinstance(group, dict) and "selectionBehavior" not in group else self._plan
            for activity in phase.activities:
                if activity.key not in placed:
                    self._add_action(activity, parent)
        for left in free:
            if left.group is not None:
                remove_extension(_object(left.group), PHASE)
                if not left.activities:
                    remove_action(self._plan, _object(left.group))

    def _add_action(self, activity: Activity, parent: Resource) -> None:
        action, definitions = new_action(activity, self._namer)
        self._places[id(action)] = activity
        append(parent, "action", action)
        for definition in definitions:
            if self._bundle is not None:
                append(self._bundle, "entry", entry_of(definition))
            else:
                append(self._plan, "contained", definition)

    def _write_activities(self) -> None:
        """Write each activity that reads otherwise: into FHIR's elements first, what remains into our extension."""
        written: set[int] = set()
        for _ in range(_ROUNDS):
            changed = {id(action) for each, action in self._activities() if self._differs(each, action)}
            if not changed:
                return
            for _, action in self._activities():
                if id(action) in changed:
                    put_extension(action, ACTIVITY, {"key": self._places[id(action)].key})
            for each, action in self._activities():
                if id(action) in changed - written:
                    self._write_elements(each, action)
            written |= changed
            for each, action in self._activities():
                if id(action) in changed:
                    change = difference(json_of(each.activity), json_of(self._places[id(action)]))
                    put_extension(action, ACTIVITY, {"key": each.activity.key, **_members(change)})

    def _differs(self, each: ActivityRead, action: Resource) -> bool:
        return id(action) in self._places and each.activity != self._places[id(action)]

    def _write_elements(self, each: ActivityRead, action: Resource) -> None:
        before, wanted = each.activity, self._places[id(action)]
        write_action(action, wanted, before=before)
        definition = each.definition_node.value if each.definition_node is not None else None
        reference = definition_of(each.action) or ""
        if not isinstance(definition, dict) or uses_of_definitions(self._plan)[reference] != 1:
            # What others use too says what they mean; it is not changed for one of them.
            return
        if definition.get("resourceType") == "ActivityDefinition":
            write_definition(definition, wanted, before=before)
        node = each.definition.questionnaire_node
        resource = node.value if node is not None else None
        is_edited = wanted.questionnaire != before.questionnaire
        if is_edited and wanted.questionnaire is not None and isinstance(resource, dict) and is_flat(resource):
            write_questionnaire(resource, wanted.questionnaire)

    def _write_phases(self) -> None:
        for phase in self._read().phases:
            group = phase.group.value if phase.group is not None else None
            index = next((at for at, each in enumerate(self._groups) if each is group and each is not None), None)
            if index is None or not isinstance(group, dict):
                continue
            wanted = self._wanted.phases[index]
            if _bare(phase.phase) != _bare(wanted):
                self._write_phase(group, phase.phase, wanted)

    def _write_phase(self, group: Resource, before: Phase, wanted: Phase) -> None:
        if before.title != wanted.title and is_string(wanted.title):
            group["title"] = wanted.title
        if before.description != wanted.description and is_string(wanted.description or ""):
            group["description"] = wanted.description
        days: dict[str, Json] = {"start_day": wanted.start_day, "length_days": wanted.length_days}
        put_extension(group, PHASE, days)
        for phase in self._read().phases:
            # No phase has this group any more when an extension on the plan names phases by their titles before.
            if phase.group is not None and phase.group.value is group:
                change = difference(json_of(_bare(phase.phase)), json_of(_bare(wanted)))
                put_extension(group, PHASE, {**days, **_members(change)})

    def _write_structure(self) -> None:
        if self._order() == _order(self._wanted):
            return
        remove_extension(self._plan, STRUCTURE)
        if self._order() != _order(self._wanted):
            put_extension(self._plan, STRUCTURE, write_structure(self._wanted.phases))

    def _order(self) -> list[tuple[Phase, list[str]]]:
        return _order(self._read().content)

    def _write_rest(self) -> None:
        """Write what of the protocol itself has no element: its length, its rich texts."""
        if same(executable(self._read().content), executable(self._wanted)):
            return
        extension = find_extension(self._plan, PROTOCOL)
        present = read_extension(extension, ProtocolContent) if extension is not None else {}
        kept = present.get("kept") if isinstance(present, dict) else None
        remove_extension(self._plan, PROTOCOL)
        bare = msgspec.structs.replace(self._read().content, phases=(), kept=())
        change = difference(json_of(bare), json_of(msgspec.structs.replace(self._wanted, phases=(), kept=())))
        put_extension(self._plan, PROTOCOL, {**_members(change), **({"kept": kept} if kept else {})})


def _object(node: Node) -> Resource:
    assert isinstance(node.value, dict), "activities and phases are read from objects"
    return node.value


def _members(change: Json) -> dict[str, Json]:
    assert isinstance(change, dict), "two objects differ by an object"
    return change


def _bare(phase: Phase) -> Phase:
    return msgspec.structs.replace(phase, activities=())


def _order(content: ProtocolContent) -> list[tuple[Phase, list[str]]]:
    return [(_bare(phase), [activity.key for activity in phase.activities]) for phase in content.phases]
