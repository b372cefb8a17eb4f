"""
One action of a PlanDefinition as an activity, or as something kept because nobody can plan it.

What is not planned, for safety: conditions and triggers without a time, things not to be done or done as needed,
alternatives of which a clinician must choose. Source: FHIR R4 PlanDefinition.action; care rules §2.
"""

from typing import NamedTuple

import msgspec

from healthprotocol.care.protocols.fhir.activity_definition import DefinitionReading, keep_rest, read_definition
from healthprotocol.care.protocols.fhir.definitions import Definitions, definition_of
from healthprotocol.care.protocols.fhir.extensions import ACTIVITY, OURS, find_extension, read_extension
from healthprotocol.care.protocols.fhir.shown import shown
from healthprotocol.care.protocols.fhir.timing import DAYS_OF_CYCLE, TimingReading, read_cycle_days, read_timing
from healthprotocol.care.protocols.model import Activity, Schedule
from healthprotocol.care.protocols.rules.exchange.finish import Place
from healthprotocol.care.protocols.rules.exchange.limits import MAX_DAYS, MAX_LONG_TEXT, MAX_NAME
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.overlay import json_of, merge
from healthprotocol.care.protocols.rules.exchange.strict import convert
from healthprotocol.care.protocols.rules.exchange.texts import Keys, cut, is_key, key_of, one_line
from healthprotocol.care.protocols.rules.schedule_check import check_schedule

_UNDERSTOOD = {
    "id", "title", "description", "textEquivalent", "definitionCanonical", "definitionUri", "definition",
    "timingTiming", "action", "prefix", "extension", "groupingBehavior",
}  # fmt: skip
_UNPLANNABLE = {
    "too_many": "more than 100 times a day",
    "never_occurs": "never within a year",
    "contradiction": "its parts do not go together",
    "not_whole": "no whole days",
}
_LISTS = {"condition", "trigger", "dynamicValue", "relatedAction", "documentation", "participant", "input", "output"}


class ActivityRead(NamedTuple):
    """An activity and where it came from: its action, its definition if it has one, and what says when it is done."""

    activity: Activity
    action: Node
    definition: DefinitionReading
    definition_node: Node | None
    place: Place


class Around(NamedTuple):
    """The group around an action: its timing, whether it is under a condition, and why its parts are not planned."""

    timing: TimingReading | None = None
    is_conditional: bool = False
    why_kept: str | None = None


class ActionReader:
    """Reads the actions of one plan. A definition that several actions share is read, and reported, once."""

    def __init__(self, plan: Node, definitions: Definitions, *, is_rule: bool) -> None:
        self._plan = plan
        self._definitions = definitions
        self._is_rule = is_rule
        self._keys = Keys()
        self._read: dict[int, DefinitionReading] = {}
        self._kept: set[int] = set()

    def read(self, action: Node, around: Around) -> ActivityRead | None:
        """Return the activity of an action without children, or None when it is kept; `around` is its group."""
        node = self._definition(action)
        definition = self._definition_reading(node)
        timing = _timing(action, definition, around.timing)
        reason = around.why_kept or definition.why_not or self._why_not_planned(action, timing, around)
        if find_extension(action.value, ACTIVITY) is not None:
            # Somebody here said that it is to be done: by editing it, or by adding it to the plan.
            reason = None
        if reason is not None:
            action.kept(reason, _text(action, definition))
            keep_parts(action)
            return None
        keep_parts(action)
        if node is not None and node.word("resourceType") == "ActivityDefinition":
            self._keep_definition(node)
        return self._activity(action, node, definition, timing)

    def _definition(self, action: Node) -> Node | None:
        reference = definition_of(action)
        if reference is None:
            return None
        found = self._definitions.find(reference, within=self._plan)
        if found is None:
            named = [action.get(name) for name in ("definitionCanonical", "definitionUri", "definition")]
            (next(node for node in named if node is not None)).kept(
                "a definition that is not in these files", reference
            )
        return found

    def _definition_reading(self, node: Node | None) -> DefinitionReading:
        if node is None:
            return DefinitionReading()
        if id(node.value) not in self._read:
            self._read[id(node.value)] = read_definition(node, self._definitions, within=self._plan)
        return self._read[id(node.value)]

    def _keep_definition(self, node: Node) -> None:
        if id(node.value) not in self._kept:
            self._kept.add(id(node.value))
            keep_rest(node)

    def _why_not_planned(self, action: Node, timing: TimingReading | None, around: Around) -> str | None:
        if "modifierExtension" in action:
            return "a step with an extension that changes its meaning"
        if timing is not None and timing.says_when:
            return _why_unplannable(timing.schedule)
        if self._is_rule:
            return "a step of a decision rule, which has no time of its own"
        if around.is_conditional or "trigger" in action or "condition" in action:
            return "a step under a condition or after an event, which has no time of its own"
        if title_of(action) is None and definition_of(action) is None:
            return "a step that says nothing"
        return None

    def _activity(
        self, action: Node, node: Node | None, definition: DefinitionReading, timing: TimingReading | None
    ) -> ActivityRead | None:
        title, instructions = _title_and_instructions(action, definition)
        identifier = action.word("id") or ""
        activity = Activity(
            key=identifier if is_key(identifier) else key_of(title, otherwise="activity"),
            kind=definition.kind or "task",
            title=title,
            instructions=instructions,
            clinician_instructions=_conditions(action),
            schedule=timing.schedule if timing is not None else Schedule(),
            measurement=definition.measurement,
            medication=definition.medication,
            questionnaire=definition.questionnaire,
        )
        activity = _with_extension(_with_questions(activity, action), action)
        activity = msgspec.structs.replace(activity, key=self._keys.take(activity.key))
        action.understood(f"An activity: {activity.kind}.")
        place = timing.place if timing is not None else action
        return ActivityRead(activity, action, definition, node, Place(place.file, place.pointer))


def keep_parts(action: Node) -> None:
    """Keep what an action or a group says and cannot be executed."""
    for name, member in action.members():
        if name not in _UNDERSTOOD:
            for part in action.items(name) if name in _LISTS else [member]:
                part.kept(*shown(name, part))
    for extension in action.items("extension"):
        if extension.word("url") not in {*OURS, DAYS_OF_CYCLE}:
            extension.kept("an extension", extension.compact())


def title_of(action: Node) -> str | None:
    """Return what an action is called: its title, else its words, cut to a title's length."""
    for name in ("title", "textEquivalent", "description"):
        text = action.word(name)
        if text:
            return cut(one_line(text), MAX_NAME)
    return None


def _timing(action: Node, definition: DefinitionReading, inherited: TimingReading | None) -> TimingReading | None:
    own = action.get("timingTiming")
    if own is not None:
        return read_timing(own)
    if (cycle := read_cycle_days(action, inherited)) is not None:
        return cycle
    if definition.timing is not None and definition.timing.says_when:
        return definition.timing
    if inherited is not None and inherited.says_when:
        action.adjusted("timing", "Without a timing of its own it has that of the group around it.")
        return inherited
    return definition.timing


def _why_unplannable(schedule: Schedule) -> str | None:
    """Return why a schedule that is good FHIR cannot be planned here; what is no good FHIR is refused later."""
    for violation in check_schedule(schedule, phase_length_days=MAX_DAYS, duration_days=MAX_DAYS):
        if violation.code in _UNPLANNABLE:
            return f"a step whose rhythm cannot be planned here ({_UNPLANNABLE[violation.code]})"
    return None


def _conditions(action: Node) -> str | None:
    """Return the conditions of a planned action for the staff, who must now look at them."""
    conditions = [shown("condition", node)[1] for node in action.items("condition")]
    if not conditions:
        return None
    action.adjusted("condition", "Its condition is not evaluated: it is planned for everyone.", at="condition")
    return cut("Only when: " + "; ".join(conditions), MAX_LONG_TEXT)


def _title_and_instructions(action: Node, definition: DefinitionReading) -> tuple[str, str | None]:
    title = action.text("title", limit=MAX_NAME, line=True)
    texts = [action.text(name, limit=MAX_LONG_TEXT) for name in ("description", "textEquivalent")]
    texts.append(definition.description[:MAX_LONG_TEXT] if definition.description else None)
    found = [text for text in texts if text]
    instructions = found[0] if found else None
    if title is None:
        title = cut(one_line(definition.title or instructions or "Activity"), MAX_NAME)
        action.adjusted("title", "It has no title; one was made from its other words.")
    return title, instructions


def _text(action: Node, definition: DefinitionReading) -> str:
    return title_of(action) or definition.title or definition_of(action) or action.compact()


def _with_questions(activity: Activity, action: Node) -> Activity:
    """A questionnaire without a question can only be ticked off."""
    questionnaire = activity.questionnaire
    if questionnaire is None or any(item.type != "display" for item in questionnaire.items):
        return activity
    action.adjusted("no_questions", "None of its questions can be asked here; it is a task to tick off.")
    return msgspec.structs.replace(activity, kind="task", questionnaire=None)


def _with_extension(activity: Activity, action: Node) -> Activity:
    extension = find_extension(action.value, ACTIVITY)
    if extension is None:
        return activity
    merged = merge(json_of(activity), read_extension(extension, Activity))
    whole, violations = convert(merged, Activity)
    if whole is None or violations:
        action.adjusted("extension", "Our own extension here is damaged; only FHIR's elements were read.")
        return activity
    return whole
