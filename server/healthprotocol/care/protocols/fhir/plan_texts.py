"""What a PlanDefinition says about itself: title, description, category, tags, language; and what is only kept."""

from healthprotocol.care.protocols.fhir.extensions import BASE, OURS
from healthprotocol.care.protocols.fhir.primitives import is_string
from healthprotocol.care.protocols.fhir.shown import concept, shown
from healthprotocol.care.protocols.model import ProtocolContent
from healthprotocol.care.protocols.rules.exchange.documents import Json
from healthprotocol.care.protocols.rules.exchange.limits import (
    MAX_CATEGORY,
    MAX_DESCRIPTION,
    MAX_LANGUAGE,
    MAX_TAG,
    MAX_TAGS,
    MAX_TITLE,
    MIN_LANGUAGE,
    MIN_TITLE,
)
from healthprotocol.care.protocols.rules.exchange.nodes import Node
from healthprotocol.care.protocols.rules.exchange.texts import as_html, cut, one_line
from healthprotocol.care.protocols.rules.sanitised import sanitised

TAG_SYSTEM = f"{BASE}/CodeSystem/protocol-tag"
_STATUSES = {"draft", "active", "retired", "unknown"}
_SILENT = {
    "resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "url", "identifier", "version",
    "name", "title", "type", "status", "experimental", "subjectCodeableConcept", "subjectReference", "date",
    "publisher", "contact", "description", "jurisdiction", "copyright", "approvalDate", "lastReviewDate", "author",
    "editor", "reviewer", "endorser", "topic", "action", "extension", "modifierExtension",
}  # fmt: skip
_LISTS = {"goal", "library", "relatedArtifact", "useContext"}


def read_texts(plan: Node) -> ProtocolContent:
    """Return a content with what the plan says about itself, and no phases."""
    if plan.word("status") not in _STATUSES:
        plan.adjusted("status", "The status is missing or unknown; every import begins as a draft.", at="status")
    title = _title(plan)
    description = plan.text("description") or ""
    content = ""
    if len(description) > MAX_DESCRIPTION:
        plan.adjusted("too_long", "Cut to 1,000 characters; the whole text is in the content.", at="description")
        content = sanitised(as_html(description))
        description = cut(description, MAX_DESCRIPTION)
    category, tags = _topics(plan)
    language = plan.word("language")
    known = language is not None and MIN_LANGUAGE <= len(language) <= MAX_LANGUAGE
    _keep_rest(plan)
    return ProtocolContent(
        title=title,
        description=description,
        duration_days=1,
        content=content,
        category=category,
        tags=tags,
        languages=(language,) if language and known else (),
    )


def write_topics(plan: dict[str, Json], *, category: str | None, tags: tuple[str, ...]) -> None:
    """Write category and tags as topics, in place of all there were."""
    topics: list[Json] = [{"text": category}] if category and is_string(category) else []
    topics.extend(_tag(tag) for tag in tags if is_string(tag))
    plan.pop("topic", None)
    if topics:
        plan["topic"] = topics


def _title(plan: Node) -> str:
    found = plan.text("title", line=True)
    if found is None:
        found = plan.text("name", line=True) or plan.word("id") or ""
        plan.adjusted("title", "The title is missing; the name stands for it.", at="title")
    title = one_line(found)
    if len(title) < MIN_TITLE:
        plan.adjusted("title", "The title is too short; it was lengthened.", at="title")
        title = f"Care protocol {title}".strip()
    if len(title) > MAX_TITLE:
        plan.adjusted("too_long", "The title was cut to 100 characters.", at="title")
    return cut(title, MAX_TITLE)


def _tag(tag: str) -> Json:
    return {"coding": [{"system": TAG_SYSTEM, "display": tag}]}


def _topics(plan: Node) -> tuple[str | None, tuple[str, ...]]:
    """The first topic is the category, the others are tags; those that we wrote as tags always are."""
    category: str | None = None
    tags: dict[str, None] = {}
    for topic in plan.items("topic"):
        text = concept(topic)
        if text is None:
            continue
        is_tag = any(coding.word("system") == TAG_SYSTEM for coding in topic.items("coding"))
        if category is None and not is_tag:
            category = cut(one_line(text), MAX_CATEGORY)
        else:
            tags[cut(text if is_tag else one_line(text), MAX_TAG)] = None
    if len(tags) > MAX_TAGS:
        plan.adjusted("too_many", "Only the first 20 topics became tags.", at="topic")
    return category, tuple(tags)[:MAX_TAGS]


def _keep_rest(plan: Node) -> None:
    for name, member in plan.members():
        if name not in _SILENT and not name.startswith("_"):
            for part in plan.items(name) if name in _LISTS else [member]:
                part.kept(*shown(name, part))
    for extension in plan.items("extension"):
        if extension.word("url") not in OURS:
            extension.kept("an extension", extension.compact())
