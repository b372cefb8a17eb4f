"""
How patients of the demo behave: for each occurrence whether, when and how it is done. Deterministic.

The same person, protocol, activity and planned time always give the same deed, on any machine and on any day; only what
has not happened yet is left out.
"""

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import msgspec

from healthprotocol.care.protocols.model import Activity
from healthprotocol.cli.demo.answers import Health, Value, answer, hash_of, measure
from healthprotocol.cli.demo.people import Behaviour

TWO_MONTHS = timedelta(days=60)

SKIP_REASONS = {
    "medication": ("I felt sick", "I ran out of tablets", "I was away from home"),
    "measurement": ("The device did not work", "I was away from home"),
    "exercise": ("It hurt too much", "I was too tired", "The weather was too bad"),
    "questionnaire": ("I did not feel like it",),
    "appointment": ("I had no transport", "I was ill"),
    "education": ("I know this already",),
    "task": ("I forgot", "I was away from home"),
}
NOTES = (
    "Felt fine today.", "A bit dizzy in the morning.", "Slept badly.", "My daughter helped me.",
    "After a long day at work.", "Easier than last week.",
)  # fmt: skip


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """An occurrence as the story needs it; instants are aware, `planned_local` is the patient's wall clock."""

    occurrence_id: str
    activity_key: str
    planned_at: datetime
    planned_local: datetime
    slot: int
    opens_at: datetime
    closes_at: datetime


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """What was done about an occurrence, when, and (`noted_at`) when the phone had sent it."""

    due: Due
    outcome: str
    effective_at: datetime
    reason: str | None = None
    values: tuple[Value, ...] = ()
    answers: dict[str, str | int | float | bool] | None = None
    note: str | None = None


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One patient on one plan."""

    person: str
    protocol: str
    behaviour: Behaviour
    time_zone: str
    began_at: datetime

    @property
    def pregnant(self) -> bool:
        """Whether values follow the course of a pregnancy."""
        return self.protocol in {"gestational-diabetes", "antenatal-visits"}

    def health(self, at: datetime) -> Health:
        """Return how it goes at an instant."""
        progress = min(max((at - self.began_at) / TWO_MONTHS, 0.0), 1.0)
        return Health(progress, self.behaviour == "danger", self.person)


def deed(story: Story, activity: Activity, due: Due, *, until: datetime) -> Deed | None:
    """Return what the patient did about `due` before `until`; None when nothing, or not yet."""
    random = Random(f"{story.person}/{due.activity_key}/{due.planned_local.isoformat()}/{due.slot}")  # noqa: S311
    willing = random.random() < _willingness(story, activity, due)
    skips = random.random() < _SKIPS[story.behaviour]
    effective_at = _moment(story, due, random)
    if effective_at >= until or (not willing and not skips) or _has_given_up(story, effective_at):
        return None
    if not willing:
        reason = random.choice(SKIP_REASONS[activity.kind])
        return Deed(due=due, outcome="skipped", effective_at=effective_at, reason=reason)
    health = story.health(effective_at)
    return Deed(
        due=due,
        outcome="completed",
        effective_at=effective_at,
        values=measure(activity.measurement, health, random, pregnant=story.pregnant) if activity.measurement else (),
        answers=answer(activity.questionnaire, health, random) if activity.questionnaire else None,
        note=random.choice(NOTES) if random.random() < _NOTES else None,
    )


_NOTES = 0.03
_SKIPS: dict[Behaviour, float] = {"steady": 0.35, "improving": 0.3, "patchy": 0.2, "dropped_out": 0.1, "danger": 0.35}
_KINDS = {"medication": 0.03, "exercise": -0.1, "education": -0.05, "questionnaire": -0.03, "appointment": 0.05}
_LATE: dict[Behaviour, float] = {"steady": 0.02, "improving": 0.06, "patchy": 0.12, "dropped_out": 0.05, "danger": 0.06}


def _willingness(story: Story, activity: Activity, due: Due) -> float:
    """Return the chance, 0.0 to 1.0, that this occurrence is done."""
    days = (due.planned_at - story.began_at).days
    weekend = due.planned_local.isoweekday() in {6, 7}
    base = 0.0
    match story.behaviour:
        case "steady":
            base = 0.95
        case "improving":
            base = 0.6 + 0.35 * min(days / 30, 1.0)
        case "patchy":
            base = 0.45 if weekend else 0.66
        case "danger":
            base = 0.84
        case "dropped_out":
            base = 0.86
    return base + _KINDS.get(activity.kind, 0.0)


def _has_given_up(story: Story, at: datetime) -> bool:
    """Return whether somebody who drops out has done so: each on a day of her own, in the second to fourth week."""
    return story.behaviour == "dropped_out" and (at - story.began_at).days > 9 + hash_of(story.person) % 14


def _moment(story: Story, due: Due, random: Random) -> datetime:
    """Return when it is done: soon after it is planned, or in waking hours when no hour is planned; seldom too late."""
    late = random.random() < _LATE[story.behaviour]
    delay = timedelta(minutes=random.expovariate(1 / 35))
    part = random.random()
    if late:
        return due.closes_at + timedelta(hours=1 + 20 * part)
    begins = max(due.planned_at, due.opens_at)
    window = due.closes_at - begins
    if due.planned_local.hour == 0 and due.planned_local.minute == 0 and window > timedelta(hours=12):
        return _waking_hour(story, due, part, random)
    return begins + min(delay, window * 0.4)


def _waking_hour(story: Story, due: Due, part: float, random: Random) -> datetime:
    """Return a moment between 08:00 and 21:00 of the patient's day, most often on the first days of a long window."""
    days = max(int((due.closes_at - due.planned_at) / timedelta(days=1)), 1)
    day = due.planned_local.date() + timedelta(days=int(days * part * part))
    minutes = 8 * 60 + random.randrange(13 * 60)
    local = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=ZoneInfo(story.time_zone))
    return max(local, due.opens_at)
