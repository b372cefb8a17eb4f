"""FHIR elements as a person reads them, for what is kept and shown without being executed."""

from collections.abc import Callable

from healthprotocol.care.protocols.rules.exchange.nodes import Node


def shown(name: str, node: Node) -> tuple[str, str]:
    """Return what a member of an action or definition is, and its text."""
    what, text = _SHOWN.get(name, (name if name.isidentifier() and len(name) < len(_LONG_NAME) else "a member", _any))
    return what, text(node)


def concept(node: Node) -> str | None:
    """Return the text of a CodeableConcept or Coding: its own words, else a display, else a code."""
    for name in ("text", "display"):
        if found := node.word(name):
            return found
    for coding in node.items("coding"):
        if found := coding.word("display") or coding.word("code"):
            return found
    return node.word("code")


def expression(node: Node) -> str:
    """Return the words of an Expression and, in its language, what it computes."""
    inner = node.get("expression") if isinstance(node.value, dict) and "expression" in node else None
    holder = inner if inner is not None and isinstance(inner.value, dict) else node
    written = holder.word("expression") or holder.word("reference")
    language = holder.word("language")
    computed = f"{language}: {written}" if written and language else written
    return " — ".join(part for part in (holder.word("description"), computed) if part) or node.compact()


def _any(node: Node) -> str:
    if isinstance(node.value, str):
        return node.value
    return concept(node) or node.compact()


def _dynamic_value(node: Node) -> str:
    return f"{node.word('path') or '?'} = {expression(node)}"


def _trigger(node: Node) -> str:
    parts = [node.word("type"), node.word("name")]
    return ": ".join(part for part in parts if part) or node.compact()


def _related(node: Node) -> str:
    offset = node.get("offsetDuration") or node.get("offsetRange")
    parts = [node.word("relationship"), node.word("actionId"), offset.compact() if offset else None]
    return " ".join(part for part in parts if part) or node.compact()


def _goal(node: Node) -> str:
    description = node.get("description")
    return (concept(description) if description else None) or node.compact()


def _artifact(node: Node) -> str:
    found = [node.word(name) for name in ("label", "display", "citation", "url", "resource")]
    return " — ".join(part for part in found if part) or node.compact()


def _participant(node: Node) -> str:
    role = node.get("role")
    return " ".join(part for part in (node.word("type"), concept(role) if role else None) if part) or node.compact()


def _enable_when(node: Node) -> str:
    answer = next((member for name in node.names() if name.startswith("answer") and (member := node.get(name))), None)
    parts = [node.word("question"), node.word("operator"), _any(answer) if answer else None]
    return " ".join(part for part in parts if part) or node.compact()


_LONG_NAME = "a name of a member that nobody wrote in good faith"
_SHOWN: dict[str, tuple[str, Callable[[Node], str]]] = {
    "condition": ("a condition that is not evaluated", expression),
    "trigger": ("a trigger that starts nothing here", _trigger),
    "dynamicValue": ("a value that would be computed", _dynamic_value),
    "relatedAction": ("a relation to another action", _related),
    "goal": ("a goal", _goal),
    "relatedArtifact": ("related material", _artifact),
    "documentation": ("documentation", _artifact),
    "participant": ("who takes part", _participant),
    "library": ("a logic library", _any),
    "enableWhen": ("a condition on earlier answers", _enable_when),
    "useContext": ("a context of use", _any),
    "transform": ("a transformation", _any),
}
