"""
An episode: a rule fires once, and not again before its condition was false for the quiet time.

Source: care rules §6. Severity, quiet time and escalation are parts of a rule; the figures are the defaults of this
installation, the same for all.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import msgspec

from healthprotocol.care.alerts.errors import AlertIsResolved
from healthprotocol.care.alerts.model import AlertRule, Episode, Finding, Severity
from healthprotocol.foundation.ids import AccountId

QUIET = timedelta(hours=24)

SEVERITIES: dict[AlertRule, Severity] = {
    "value_out_of_range": "high",
    "score_high": "high",
    "missed_in_row": "moderate",
    "no_entry": "moderate",
    "adherence_low": "low",
}
ESCALATION: dict[Severity, timedelta | None] = {
    "high": timedelta(hours=1),
    "moderate": timedelta(hours=24),
    "low": None,
}
# What somebody measured or answered in danger is looked at by a person, even when the next value is fine. Who follows
# her plan again has answered an alert about the plan herself.
NEEDS_A_PERSON: frozenset[AlertRule] = frozenset({"value_out_of_range", "score_high"})


PLANNED: frozenset[AlertRule] = frozenset({"missed_in_row", "adherence_low", "no_entry"})
ALL: frozenset[AlertRule] = PLANNED | NEEDS_A_PERSON


class Judgement(msgspec.Struct, frozen=True):
    """The episodes as they are now, those that ended too, and the findings that begin a new one."""

    episodes: tuple[Episode, ...]
    opening: tuple[Finding, ...]


def judge(
    running: Iterable[Episode], findings: Iterable[Finding], *, at: datetime, looked_at: Collection[AlertRule] = ()
) -> Judgement:
    """
    Return what findings about one plan make of the episodes that run for it.

    An episode of a rule in `looked_at` that has no finding holds no longer: its activity is not planned any more.

    Source: care rules §6, "each fires once per episode".
    """
    by_place = {(one.rule, one.activity_key): one for one in findings}
    episodes: list[Episode] = []
    occupied: set[tuple[AlertRule, str | None]] = set()
    for episode in running:
        place = (episode.rule, episode.activity_key)
        finding = by_place.get(place)
        if finding is None and episode.rule in looked_at:
            finding = Finding(rule=episode.rule, activity_key=episode.activity_key, holds=False, fires=False)
        episodes.append(advance(episode, finding, at=at))
        if episodes[-1].ended_at is None:
            occupied.add(place)
    opening = [one for place, one in by_place.items() if one.fires and place not in occupied]
    return Judgement(tuple(episodes), tuple(opening))


def escalates_at(severity: Severity, *, opened_at: datetime) -> datetime | None:
    """Return when an alert that nobody reacts to escalates, None for never. Source: care rules §6."""
    after = ESCALATION[severity]
    return None if after is None else opened_at + after


def advance(episode: Episode, finding: Finding | None, *, at: datetime) -> Episode:
    """
    Return an episode that had not ended, as it is at `at`.

    `finding` None means that its rule was not looked at. When the quiet time was over before `at`, it has ended then,
    whatever the finding says now: that belongs to the next episode.

    Source: care rules §6, "it ends when the condition has been false for its quiet time".
    """
    if episode.clear_since is not None and episode.clear_since + QUIET <= at:
        return end(episode, at=episode.clear_since + QUIET)
    if finding is None:
        return episode
    if finding.holds:
        return msgspec.structs.replace(episode, clear_since=None)
    # What held for a moment begins the quiet time anew.
    since = at if finding.fires else episode.clear_since or at
    return msgspec.structs.replace(episode, clear_since=since)


def end(episode: Episode, *, at: datetime) -> Episode:
    """Return the episode ended at `at`; an alert that needs no person settles with it. Source: care rules §6."""
    ended = msgspec.structs.replace(episode, ended_at=at, clear_since=episode.clear_since or at)
    return ended if episode.rule in NEEDS_A_PERSON else settle(ended, at=at)


def withdraw(episode: Episode, *, at: datetime) -> Episode:
    """Return the episode ended because what made it fire was corrected or undone: it settles, whoever it needs."""
    return settle(msgspec.structs.replace(episode, ended_at=at, clear_since=episode.clear_since or at), at=at)


def settle(episode: Episode, *, at: datetime) -> Episode:
    """Return the alert resolved by itself; one that is resolved stays as it is."""
    if episode.status == "resolved":
        return episode
    return msgspec.structs.replace(episode, status="resolved", resolved_at=at, revision=episode.revision + 1)


def acknowledge(episode: Episode, *, by: AccountId, at: datetime) -> Episode:
    """Return the alert as somebody's business; who is first stays so. Raises AlertIsResolved."""
    if episode.status == "resolved":
        raise AlertIsResolved
    if episode.status == "acknowledged":
        return episode
    return msgspec.structs.replace(
        episode, status="acknowledged", acknowledged_at=at, acknowledged_by=by, revision=episode.revision + 1
    )


def resolve(episode: Episode, *, by: AccountId, at: datetime) -> Episode:
    """Return the alert settled by a person; its episode goes on until the condition is over. Raises AlertIsResolved."""
    if episode.status == "resolved":
        raise AlertIsResolved
    return msgspec.structs.replace(
        episode, status="resolved", resolved_at=at, resolved_by=by, revision=episode.revision + 1
    )
