"""
FHIR Questionnaire to and from the items of a questionnaire activity.

Source: FHIR R4 Questionnaire; the extensions ordinalValue, minValue and maxValue of the core specification.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Literal

import msgspec

from healthprotocol.care.protocols.fhir.definitions import Definitions
from healthprotocol.care.protocols.fhir.primitives import is_code, is_string
from healthprotocol.care.protocols.fhir.shown import concept, shown
from healthprotocol.care.protocols.model import AnswerOption, Questionnaire, QuestionnaireItem, ValueRange
from healthprotocol.care.protocols.rules.exchange.documents import Json
from healthprotocol.care.protocols.rules.exchange.limits import (
    MAX_CODE,
    MAX_ITEM_TEXT,
    MAX_ITEMS,
    MAX_LINK_ID,
    MAX_NAME,
    MAX_OPTION_LABEL,
    MAX_OPTION_VALUE,
    MAX_OPTIONS,
)
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.overlay import plain
from healthprotocol.care.protocols.rules.exchange.texts import Keys, cut

MAX_DEPTH = 20
_CORE = "http://hl7.org/fhir/StructureDefinition"
_ORDINALS = (f"{_CORE}/ordinalValue", f"{_CORE}/questionnaire-ordinalValue", f"{_CORE}/itemWeight")
_HIDDEN = f"{_CORE}/questionnaire-hidden"

ItemType = Literal["choice", "boolean", "integer", "decimal", "text", "date", "display"]
_TYPES: dict[str, ItemType] = {
    "choice": "choice", "coding": "choice", "open-choice": "choice", "boolean": "boolean", "integer": "integer",
    "decimal": "decimal", "quantity": "decimal", "text": "text", "string": "text", "url": "text", "time": "text",
    "date": "date", "dateTime": "date", "display": "display", "question": "text",
}  # fmt: skip
_SAME_TYPES = {"choice", "boolean", "integer", "decimal", "text", "date", "display", "string"}
_UNDERSTOOD = {"linkId", "text", "type", "required", "answerOption", "option", "item", "answerValueSet", "options"}
_SILENT = {"id", "extension", "definition", "maxLength", "prefix", "_text", "_linkId", "enableBehavior", "code"}


def read_questionnaire(resource: Node, definitions: Definitions) -> Questionnaire:
    """Return the questions of a Questionnaire, groups flattened; what cannot be asked is kept."""
    reader = _Reader(resource, definitions)
    # One more than is possible shows that there are too many, without reading them all.
    items = tuple(islice(reader.read(resource, depth=1), MAX_ITEMS + 1))
    if len(items) > MAX_ITEMS:
        resource.refused("too_many", f"A questionnaire has at most {MAX_ITEMS} items.", at="item")
        items = ()
    resource.understood(f"A questionnaire with {len(items)} items.")
    code = resource.first("code")
    word = code.word("code") if code else None
    return Questionnaire(
        title=resource.text("title", limit=MAX_NAME, line=True),
        code=word if word and len(word) <= MAX_CODE else None,
        items=items,
    )


def write_items(items: tuple[QuestionnaireItem, ...]) -> Json:
    """Return the items of a Questionnaire resource; none when FHIR cannot say the name of one of them."""
    return [_write_item(item) for item in items] if all(is_string(item.link_id) for item in items) else []


class _Reader:
    def __init__(self, resource: Node, definitions: Definitions) -> None:
        self._resource = resource
        self._definitions = definitions
        self._link_ids = Keys()

    def read(self, parent: Node, *, depth: int) -> Iterator[QuestionnaireItem]:
        if depth > MAX_DEPTH:
            parent.refused("too_deep", f"Questions may be nested {MAX_DEPTH} deep.")
            return
        for item in parent.objects("item"):
            read = self._read_item(item)
            if read is not None:
                yield read
            yield from self.read(item, depth=depth + 1)

    def _read_item(self, item: Node) -> QuestionnaireItem | None:
        declared = item.word("type")
        text = item.text("text", limit=MAX_ITEM_TEXT)
        if declared == "group" or (declared is None and "item" in item):
            item.kept("a group of questions, asked here one after another", text or item.word("linkId") or "")
            kind: ItemType = "display"
            if text is None:
                return None
        elif _is_hidden(item) or (declared is not None and declared not in _TYPES):
            item.kept("a question that is not asked here", text or item.word("linkId") or "")
            return None
        else:
            kind = self._type(item, declared)
            _keep_rest(item)
        options = self._options(item) if kind == "choice" else ()
        if kind == "choice" and not options:
            item.adjusted("no_options", "The choices are not in these files; any text can be answered.")
            kind = "text"
        return QuestionnaireItem(
            link_id=self._link_id(item),
            text=text or item.word("linkId") or "",
            type=kind,
            required=bool(item.boolean("required")),
            options=options,
            range=_range(item) if kind in {"integer", "decimal"} else None,
        )

    def _type(self, item: Node, declared: str | None) -> ItemType:
        if declared is None:
            item.adjusted("type", "The type is missing; any text can be answered.")
            return "text"
        kind = _TYPES[declared]
        if declared not in _SAME_TYPES:
            item.adjusted("type", f"This kind of question is asked as {kind}.", at="type")
        return kind

    def _link_id(self, item: Node) -> str:
        wanted = cut((item.word("linkId") or "").strip(), MAX_LINK_ID)
        if not wanted:
            item.adjusted("link_id", "The linkId is missing; one was made.")
        given = self._link_ids.take(wanted or "item")
        if wanted and given != wanted:
            item.adjusted("link_id", "Two items have the same linkId; a number was added.", at="linkId")
        return given

    def _options(self, item: Node) -> tuple[AnswerOption, ...]:
        found = [option for node in item.items("answerOption") if (option := _read_option(node)) is not None]
        if not found:
            found = list(self._options_of_value_set(item))
        values = Keys()
        distinct = [msgspec.structs.replace(each, value=values.take(each.value)) for each in found]
        if len(distinct) > MAX_OPTIONS:
            item.refused("too_many", f"A question has at most {MAX_OPTIONS} choices.", at="answerOption")
        return tuple(distinct)

    def _options_of_value_set(self, item: Node) -> Iterator[AnswerOption]:
        reference = item.word("answerValueSet")
        value_set = self._definitions.find(reference, within=self._resource) if reference else None
        node = item.get("answerValueSet")
        if value_set is None:
            if node is not None:
                node.kept("a list of answers that is defined elsewhere")
            return
        for holder, name in ((value_set.get("expansion"), "contains"), (value_set.get("compose"), "include")):
            for part in holder.items(name) if holder else []:
                concepts = part.items("concept") if name == "include" else [part]
                yield from (option for each in concepts if (option := _coded(each)) is not None)
                if name == "include" and not concepts:
                    part.kept("a list of answers that is defined elsewhere")
            if holder is not None and name == "contains" and holder.items(name):
                return


def _read_option(node: Node) -> AnswerOption | None:
    coding = node.get("valueCoding")
    option = _coded(coding) if coding else None
    if coding is None:
        value = next((member for name in node.names() if name.startswith("value") and (member := node.get(name))), None)
        text = value.as_text(limit=MAX_OPTION_VALUE) if value and not isinstance(value.value, dict) else None
        option = AnswerOption(value=text) if text else None
    if option is None:
        node.kept("an answer that cannot be chosen here")
        return None
    score = _score(node) if _score(node) is not None else _score(coding) if coding else None
    return msgspec.structs.replace(option, score=score)


def _coded(coding: Node) -> AnswerOption | None:
    display = coding.text("display", limit=MAX_OPTION_LABEL)
    code = coding.word("code") or display
    if not code:
        return None
    return AnswerOption(value=cut(code, MAX_OPTION_VALUE), label=display, score=_score(coding))


def _score(node: Node) -> float | None:
    for extension in node.items("extension"):
        if extension.word("url") in _ORDINALS:
            return extension.number("valueDecimal")
    return None


def _range(item: Node) -> ValueRange | None:
    ends: dict[str, float | None] = {}
    for extension in item.items("extension"):
        for name in ("minValue", "maxValue"):
            if extension.word("url") == f"{_CORE}/{name}":
                value = next((each for each in extension.names() if each in {"valueInteger", "valueDecimal"}), None)
                ends[name] = extension.number(value) if value else None
    if all(value is None for value in ends.values()):
        return None
    return ValueRange(low=ends.get("minValue"), high=ends.get("maxValue"))


def _is_hidden(item: Node) -> bool:
    return any(each.word("url") == _HIDDEN and each.boolean("valueBoolean") for each in item.items("extension"))


def _keep_rest(item: Node) -> None:
    for name, member in item.members():
        if name in _UNDERSTOOD or name in _SILENT or member.value is False:
            continue
        for part in item.items(name) if name in {"enableWhen", "initial"} else [member]:
            part.kept(*shown(name, part))
    for extension in item.items("extension"):
        if (extension.word("url") or "").endswith("xpression"):
            extension.kept("an expression that is not evaluated", concept(extension) or extension.compact())


def _write_item(item: QuestionnaireItem) -> Json:
    written: dict[str, Json] = {"linkId": item.link_id, "text": item.text, "type": item.type}
    if not is_string(item.text):
        del written["text"]
    if item.required and item.type != "display":
        written["required"] = True
    if item.type == "choice":
        # When FHIR cannot say one of the answers none is written, and our extension says them all.
        can_be_said = all(is_string(option.value) for option in item.options)
        written["answerOption"] = [_write_option(option) for option in item.options] if can_be_said else []
    if item.range is not None and item.type in {"integer", "decimal"}:
        value = "valueInteger" if item.type == "integer" else "valueDecimal"
        ends = (("minValue", item.range.low), ("maxValue", item.range.high))
        written["extension"] = [
            {"url": f"{_CORE}/{name}", value: plain(end)}
            for name, end in ends
            if end is not None and (item.type == "decimal" or end.is_integer())
        ]
    return {name: value for name, value in written.items() if value != []}


def _write_option(option: AnswerOption) -> Json:
    if is_code(option.value):
        coding: dict[str, Json] = {"code": option.value}
        if option.label and is_string(option.label):
            coding["display"] = option.label
        written: dict[str, Json] = {"valueCoding": coding}
    else:
        written = {"valueString": option.value}
    if option.score is not None:
        written["extension"] = [{"url": _ORDINALS[0], "valueDecimal": plain(option.score)}]
    return written
