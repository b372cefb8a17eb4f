"""
RADAR aRMT schedules: the questionnaires of a study and when each is asked.

A file becomes one care protocol, each item of `protocols[]` one activity. `repeatProtocol` is the period, and
`repeatQuestionnaire.unitsFromZero` are minutes from the cycle's first midnight (care rules §2.4).
Source: the RADAR-base protocol schemas 0.0.2 to 0.1.5.
"""

from typing import NamedTuple

from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent
from healthprotocol.care.protocols.rules.exchange.documents import Json
from healthprotocol.care.protocols.rules.exchange.finish import Place, activity_place, finish
from healthprotocol.care.protocols.rules.exchange.limits import (
    MAX_ACTIVITIES_OF_PHASE,
    MAX_LANGUAGE,
    MAX_LANGUAGES,
    MAX_LONG_TEXT,
    MAX_NAME,
    MAX_SHOWN_MEMBER,
    MAX_TAG,
    MAX_TAGS,
    MAX_TITLE,
    MIN_LANGUAGE,
    MIN_TITLE,
)
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.radar_schedule import read_schedule
from healthprotocol.care.protocols.rules.exchange.report import Report
from healthprotocol.care.protocols.rules.exchange.texts import Keys, clean, cut, is_key, key_of

# A study schedule has no end of its own; a protocol runs a year at most.
DURATION_DAYS = 365
KEY = "healthprotocolKey"
_TEXTS = ("startText", "endText", "warn")
_UNDERSTOOD = {"name", "questionnaire", "estimatedCompletionTime", "protocol", KEY}
# What matters to the app that showed the study, not to the people in it.
_NOT_SHOWN = {"showIntroduction", "showInCalendar", "order"}


class RadarReading(NamedTuple):
    """A content, and for each of its activities the number of the item in `protocols[]` that it was read from."""

    content: ProtocolContent
    items: tuple[int, ...]


def is_radar(value: Json) -> bool:
    """Whether a document is a RADAR schedule (and not the JSON schema of one)."""
    return isinstance(value, dict) and "protocols" in value and "$schema" not in value and "resourceType" not in value


def read_radar(value: Json, report: Report) -> RadarReading | None:
    """Return the content of a RADAR schedule, or None with the reasons in the report."""
    root = Node(value, report, file=report.file)
    keys = Keys()
    activities: list[Activity] = []
    items: list[int] = []
    for number, item in enumerate(root.objects("protocols")):
        activity = _read_item(item, keys)
        if activity is not None:
            activities.append(activity)
            items.append(number)
    if len(activities) > MAX_ACTIVITIES_OF_PHASE:
        root.refused("too_many", f"A protocol has at most {MAX_ACTIVITIES_OF_PHASE} activities.", at="protocols")
        return None
    content = _content(root, activities)
    finished = finish(content, report, place_at=lambda pointer: _place(pointer, report.file, items))
    return None if finished is None else RadarReading(finished, tuple(items))


def shown_name(name: str) -> str:
    """Return the name of a study's item as people read it."""
    return " ".join(name.replace("_", " ").split())


def one_language(node: Node | None) -> tuple[str, str] | None:
    """Return the language and the text to show of a text in several languages: English, else the first."""
    if node is None or not isinstance(node.value, dict):
        return None
    for language in sorted(node.value, key=lambda each: each not in {"en", "en-GB", "en-US"}):
        text = node.value[language]
        if isinstance(text, str) and text.strip():
            return language, clean(text)
    return None


def _place(pointer: str, file: str, items: list[int]) -> Place:
    found = activity_place(pointer)
    return Place(file, f"/protocols/{items[found[1]]}/protocol" if found else "")


def _content(root: Node, activities: list[Activity]) -> ProtocolContent:
    title = root.text("name", line=True) or ""
    if len(title) < MIN_TITLE:
        root.adjusted("title", "The name is too short for a title; it was lengthened.", at="name")
        title = f"Study {title}".strip()
    if len(title) > MAX_TITLE:
        root.adjusted("too_long", "The name was cut to 100 characters.", at="name")
    root.adjusted("duration", "A RADAR schedule has no end: the protocol runs 365 days.")
    for name, member in root.members():
        if name not in {"name", "protocols", "healthIssues", "version", "schemaVersion"}:
            _keep(name, member)
    title = cut(title, MAX_TITLE)
    phase = Phase(title="Whole study", start_day=1, length_days=DURATION_DAYS, activities=tuple(activities))
    return ProtocolContent(
        title=title,
        duration_days=DURATION_DAYS,
        tags=_tags(root),
        languages=_languages(root.value),
        phases=(phase,) if activities else (),
        kept=root.report.kept_parts(),
    )


def _tags(root: Node) -> tuple[str, ...]:
    tags: dict[str, None] = {}
    for item in root.items("healthIssues"):
        text = item.as_text(limit=MAX_TAG, line=True)
        if text is not None:
            tags[text] = None
    if len(tags) > MAX_TAGS:
        root.adjusted("too_many", "Only the first 20 health issues became tags.", at="healthIssues")
    return tuple(tags)[:MAX_TAGS]


def _languages(value: Json) -> tuple[str, ...]:
    """Return the languages in which any item says something, in the order they appear."""
    found: dict[str, None] = {}
    items = value.get("protocols") if isinstance(value, dict) else None
    for item in items if isinstance(items, list) else []:
        for name in _TEXTS:
            texts = item.get(name) if isinstance(item, dict) else None
            for language, text in (texts if isinstance(texts, dict) else {}).items():
                if isinstance(text, str) and text.strip() and MIN_LANGUAGE <= len(language) <= MAX_LANGUAGE:
                    found[language] = None
    return tuple(found)[:MAX_LANGUAGES]


def _read_item(item: Node, keys: Keys) -> Activity | None:
    name = item.text("name", limit=MAX_NAME, line=True) or "Questionnaire"
    title = shown_name(name) or name
    why_not = _why_never_planned(item)
    schedule = None if why_not else read_schedule(item, duration_days=DURATION_DAYS)
    if schedule is None:
        if not item.report.is_refused:
            item.kept(why_not or "an item that is never due within a year", text=title)
        return None
    _keep_rest(item)
    questionnaire = item.get("questionnaire")
    identifier = (questionnaire.word("name") if questionnaire else None) or name
    # Our own member stands only where an export moved items that share a questionnaire.
    named = item.word(KEY) or identifier
    key = keys.take(named if is_key(named) else key_of(identifier, otherwise="questionnaire"))
    text = one_language(item.get("startText"))
    item.understood("An activity with its schedule.")
    return Activity(
        key=key,
        # The questions are in another repository. Without them there is nothing to fill in here, only to tick off.
        kind="task",
        title=title,
        instructions=text[1][:MAX_LONG_TEXT] if text else None,
        schedule=schedule,
    )


def _why_never_planned(item: Node) -> str | None:
    kind = item.word("type")
    if kind in {"on_demand", "triggered", "clinical"}:
        return f"an item that is not planned by the calendar ({kind.replace('_', ' ')})"
    protocol = item.get("protocol")
    if protocol and "clinicalProtocol" in protocol and "repeatQuestionnaire" not in protocol:
        return "an item that follows a visit to the clinic"
    return None


def _keep_rest(item: Node) -> None:
    """Keep what the item says and the model cannot: other languages, closing texts, where the questions are."""
    questionnaire = item.get("questionnaire")
    if questionnaire is not None:
        questionnaire.kept("where the questions are defined")
    shown = one_language(item.get("startText"))
    for name, texts in item.members():
        if name in _TEXTS:
            for language, part in texts.members():
                text = part.as_text()
                if text and not (name == "startText" and shown is not None and language == shown[0]):
                    part.kept(f"{name} in {language[:MAX_LANGUAGE]}", text)
        elif name not in _UNDERSTOOD | _NOT_SHOWN:
            _keep(name, texts)


def _keep(name: str, member: Node) -> None:
    member.kept(name if name.isidentifier() and len(name) <= MAX_SHOWN_MEMBER else "an unknown member")
