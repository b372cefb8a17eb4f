"""A version of a care protocol in words, for paper: everything that a person who follows it is to know."""

from healthprotocol.care.protocols.model import Activity, Measurement, Phase, ProtocolVersion, Quantity, Questionnaire
from healthprotocol.care.reports.model import ActivityPart, PhasePart, ProtocolDocument
from healthprotocol.care.reports.rules.rich_text import blocks
from healthprotocol.care.reports.rules.words import outside_words, range_words, schedule_words, unit_words

# What the fixed words of the document are written in, and what is said of a protocol that names no language.
LANGUAGE = "en"

_STATUSES = {"draft": "Draft, not published", "active": "Published", "retired": "Retired"}


def protocol_document(version: ProtocolVersion) -> ProtocolDocument:
    """Return a version in words. What is only for the care team is left in: it is the library that prints."""
    content = version.content
    published = "" if version.published_at is None else f" on {version.published_at.date()}"
    facts = [
        ("Lasts", _days(content.duration_days)),
        ("Category", content.category or ""),
        ("Tags", ", ".join(content.tags)),
        ("Status", _STATUSES[version.status] + published),
    ]
    return ProtocolDocument(
        title=content.title,
        language=content.languages[0] if content.languages else LANGUAGE,
        edition=f"Version {version.version}",
        description=content.description,
        facts=tuple(fact for fact in facts if fact[1]),
        content=blocks(content.content),
        phases=tuple(_phase(phase) for phase in content.phases),
    )


def _phase(phase: Phase) -> PhasePart:
    last = phase.start_day + phase.length_days - 1
    return PhasePart(
        title=phase.title,
        days=f"Day {last}" if phase.length_days == 1 else f"Days {phase.start_day} to {last}",
        description=phase.description or "",
        activities=tuple(_activity(activity) for activity in phase.activities),
    )


def _activity(activity: Activity) -> ActivityPart:
    lines: list[tuple[str, str]] = []
    if activity.medication is not None:
        lines.append(("Medicine", " ".join(filter(None, (activity.medication.name, activity.medication.dose)))))
    if activity.measurement is not None:
        for quantity in activity.measurement.components or (activity.measurement,):
            lines += _quantity(quantity)
    if activity.questionnaire is not None:
        lines += _questions(activity.questionnaire)
    if activity.clinician_instructions:
        lines.append(("For the care team", "\n".join(one.text for one in blocks(activity.clinician_instructions))))
    return ActivityPart(
        title=activity.title,
        kind=activity.kind.capitalize(),
        schedule=schedule_words(activity.schedule),
        instructions="\n".join(one.text for one in blocks(activity.instructions or "")),
        lines=tuple(lines),
    )


def _quantity(quantity: Measurement | Quantity) -> list[tuple[str, str]]:
    unit = unit_words(quantity.unit)
    target = range_words(quantity.target_range, unit)
    danger = outside_words(quantity.alert_thresholds, unit)
    said = (f"in {unit}", target and f"target {target}", danger and f"alert {danger}")
    return [(quantity.display or quantity.code, "; ".join(part for part in said if part))]


def _questions(questionnaire: Questionnaire) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for number, item in enumerate((one for one in questionnaire.items if one.type != "display"), 1):
        options = " / ".join(option.label or option.value for option in item.options)
        found.append((f"Question {number}", item.text + (f"\n{options}" if options else "")))
    return found


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
