"""Small changes to the JSON of a plan: taking actions out, putting them in, and seeing who shares a definition."""

from collections import Counter
from collections.abc import Iterator

from healthprotocol.care.protocols.fhir.structure import PhaseRead
from healthprotocol.care.protocols.model import Phase
from healthprotocol.care.protocols.rules.exchange.documents import Json

Resource = dict[str, Json]


def append(parent: Resource, name: str, item: Json) -> None:
    """Add an item to a list member, which there need not be yet."""
    present = parent.get(name)
    if isinstance(present, list):
        present.append(item)
    else:
        parent[name] = [item] if present is None else [present, item]


def remove_action(plan: Resource, action: Resource) -> None:
    """Take an action out of a plan, and the groups that it leaves empty, except those that are phases of their own."""
    path = next(steps for steps in _paths(plan) if steps[-1][1] is action)
    for parent, child in reversed(path):
        present = parent.get("action")
        left = [each for each in present if each is not child] if isinstance(present, list) else []
        if left:
            parent["action"] = left
            return
        parent.pop("action", None)
        if parent.get("extension"):
            return


def uses_of_definitions(plan: Resource) -> Counter[str]:
    """Return how often the actions of a plan name each definition."""
    uses: Counter[str] = Counter()
    waiting: list[Json] = [plan.get("action")]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.append(item.get("action"))
            uses.update(str(item[name]) for name in ("definitionCanonical", "definitionUri") if name in item)
    return uses


def is_flat(questionnaire: Resource) -> bool:
    """Whether a Questionnaire can be written anew from its items: no groups, nothing said that an item cannot say."""
    items = questionnaire.get("item")
    known = {"linkId", "text", "type", "required", "answerOption"}
    return all(isinstance(item, dict) and item.keys() <= known for item in (items if isinstance(items, list) else []))


def best_match(wanted: Phase, phases: list[PhaseRead]) -> PhaseRead | None:
    """Return the phase that a wanted phase was before an edit: of the same title, or with activities in common."""
    keys = {activity.key for activity in wanted.activities}
    for phase in phases:
        if phase.phase.title == wanted.title:
            return phase
    shared = [(sum(each.activity.key in keys for each in phase.activities), phase) for phase in phases]
    most = max(shared, key=lambda pair: pair[0], default=None)
    return most[1] if most is not None and most[0] > 0 else None


def contained_ids(plan: Resource) -> set[str]:
    """Return the ids of the resources that a plan contains."""
    contained = plan.get("contained")
    return {
        str(resource["id"])
        for resource in (contained if isinstance(contained, list) else [])
        if isinstance(resource, dict) and "id" in resource
    }


def _paths(plan: Resource) -> Iterator[list[tuple[Resource, Resource]]]:
    """Yield the steps down to every action, each as a parent and the child in it."""
    waiting: list[tuple[Resource, list[tuple[Resource, Resource]]]] = [(plan, [])]
    while waiting:
        parent, path = waiting.pop()
        children = parent.get("action")
        for child in children if isinstance(children, list) else [children]:
            if isinstance(child, dict):
                steps = [*path, (parent, child)]
                yield steps
                waiting.append((child, steps))
