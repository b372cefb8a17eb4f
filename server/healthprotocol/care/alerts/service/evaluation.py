"""
How alerts come about, go on and end.

Rules about what was recorded are decided in the transaction that records it, rules about the plan by a job as windows
close. Both meet in the same episodes.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from uuid import UUID

import msgspec

from healthprotocol.care.alerts import repository
from healthprotocol.care.alerts.model import Alert, AlertId, AlertOpened, Episode, Finding
from healthprotocol.care.alerts.rules import episodes
from healthprotocol.care.alerts.rules.planned import next_look_at, planned_findings
from healthprotocol.care.alerts.rules.recorded import definition_of, is_high, out_of_range, recorded_findings
from healthprotocol.care.alerts.service.inbox import tell
from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import (
    Assignment,
    AssignmentChanged,
    AssignmentId,
    AssignmentsStarted,
    AssignmentStarted,
)
from healthprotocol.care.entries import service as entries
from healthprotocol.care.entries.model import LATE_DAYS, EntriesBrought, EntriesRecorded, Entry, EntryId, Occurrence
from healthprotocol.care.patients.model import PatientErased
from healthprotocol.care.protocols.rules.local_time import calendar_of
from healthprotocol.foundation.config.runtime import value_of
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.trust.audit import service as audit

# Plans looked at in one transaction.
BATCH = 25
# What closed longer ago is not looked back on: three weeks in a row are seen, and three months.
_LOOKED_BACK = timedelta(days=100)
_PENDING = "alerts"

Opening = tuple[Assignment, Finding]


class _Look(msgspec.Struct, frozen=True):
    """What a look at one plan came to, and when to look again; None when never."""

    plan: Assignment
    judged: episodes.Judgement
    next_look_at: datetime | None


async def on_started(tx: Transaction, event: AssignmentStarted) -> None:
    """Have a new plan watched."""
    await repository.watch(tx, [event.assignment_id])


async def on_many_started(tx: Transaction, event: AssignmentsStarted) -> None:
    """Have new plans watched."""
    await repository.watch(tx, event.assignment_ids)


async def on_changed(tx: Transaction, event: AssignmentChanged) -> None:
    """Have a plan looked at again: what was due may be so no more."""
    await repository.watch(tx, [event.assignment_id])


async def on_recorded(tx: Transaction, event: EntriesRecorded) -> None:
    """Decide right before the commit, once for all that the transaction records."""
    waiting = tx.pending.get(_PENDING)
    if waiting is None:
        tx.pending[_PENDING] = [event]
        tx.before_commit(lambda: _judge_recorded(tx))
    else:
        waiting.append(event)


async def on_brought(tx: Transaction, event: EntriesBrought) -> None:
    """
    Have the plans that the entries of a file are of looked at, and decide right away what was told lately.

    What another system recorded more than LATE_DAYS ago was known there: it ends no episode and begins none.
    """
    concerned = sorted({entry.assignment_id for entry in event.entries}, key=attrgetter("bytes"))
    if concerned:
        await repository.watch(tx, concerned)
    lately = tx.now - timedelta(days=value_of(tx, LATE_DAYS))
    telling = [entry for entry in event.entries if _tells(entry) and entry.recorded_at >= lately]
    for begin in range(0, len(telling), assignments.MOST_AT_ONCE):
        part = await _that_matter(tx, telling[begin : begin + assignments.MOST_AT_ONCE])
        if part:
            await _judge_new(tx, part, replaced=set())


async def on_patient_erased(tx: Transaction, event: PatientErased) -> None:
    """Let go of what alerts say of a patient; nobody is to look after her any more."""
    await repository.forget_patient(tx, event.patient_id)


async def look(tx: Transaction, *, limit: int = BATCH) -> int:
    """Decide the rules about up to `limit` plans that changed or whose time has come; return how many there were."""
    due = await repository.due_watches(tx, limit=limit)
    if not due:
        return 0
    before = await repository.running(tx, due)
    running = _by_assignment(before)
    first, last = (tx.now - _LOOKED_BACK).date(), (tx.now + timedelta(days=2)).date()
    last_entries = await entries.last_recorded_at(tx, due, planned_from=first)
    found = await assignments.by_ids(tx, due)
    looks: list[_Look] = []
    for plan, computed in await entries.computed(tx, found, from_on=first, to_on=last, at=tx.now):
        known = running.get(plan.id, [])
        looks.append(_look(plan, list(computed), known, last_entry_at=last_entries.get(plan.id), at=tx.now))
    await _keep(tx, before, [episode for one in looks for episode in one.judged.episodes])
    await _open(tx, [(one.plan, finding) for one in looks for finding in one.judged.opening])
    await repository.looked(tx, [(one.plan.id, one.next_look_at) for one in looks])
    return len(due)


async def escalate(tx: Transaction, *, limit: int = 500) -> int:
    """Mark up to `limit` alerts that nobody reacted to in time; return how many there were."""
    late = await repository.escalate(tx, limit=limit)
    await tell(tx, "alert.escalate", late)
    return len(late)


def _look(
    plan: Assignment,
    occurrences: Sequence[Occurrence],
    running: Sequence[Episode],
    *,
    last_entry_at: datetime | None,
    at: datetime,
) -> _Look:
    """Decide the rules about a plan, and when to look again. Nothing holds any more of one that is closed."""
    is_running = plan.status in {"active", "paused"}
    findings = planned_findings(occurrences, last_entry_at=last_entry_at, at=at) if is_running else []
    looked_at = episodes.PLANNED if is_running else episodes.ALL
    judged = episodes.judge(running, findings, at=at, looked_at=looked_at)
    instants = [
        one.clear_since + episodes.QUIET
        for one in judged.episodes
        if one.ended_at is None and one.clear_since is not None
    ]
    if is_running:
        planned_at = next_look_at(occurrences, last_entry_at=last_entry_at, at=at)
        # Nothing near is planned: look again when the days looked at are over.
        instants.append(planned_at or at + timedelta(days=1))
    return _Look(plan, judged, min(instants, default=None))


async def _judge_recorded(tx: Transaction) -> None:
    events: list[EntriesRecorded] = tx.pending.pop(_PENDING)
    await repository.watch(tx, sorted({event.assignment_id for event in events}))
    new = [entry for event in events for entry in event.entries]
    await _judge_new(tx, new, replaced={entry.replaces for entry in new if entry.replaces is not None})


async def _judge_new(tx: Transaction, new: Sequence[Entry], *, replaced: set[EntryId]) -> None:
    telling = [entry for entry in new if _tells(entry) and entry.id not in replaced]
    concerned = {entry.assignment_id for entry in telling}
    concerned |= {entry.assignment_id for entry in new if entry.replaces is not None}
    if not concerned:
        return
    plans, findings = await _recorded(tx, telling)
    before = await repository.running(tx, sorted(concerned))
    running = _by_assignment(before)
    after: list[Episode] = []
    opening: list[Opening] = []
    for assignment_id in sorted(concerned):
        said = findings.get(assignment_id, [])
        judged = episodes.judge(running.get(assignment_id, ()), said, at=tx.now)
        firing = {(one.rule, one.activity_key) for one in said if one.fires}
        after += [_withdrawn(one, replaced, firing, tx) for one in judged.episodes]
        opening += [(plans[assignment_id], finding) for finding in judged.opening]
    await _keep(tx, before, after)
    await _open(tx, opening)


def _tells(entry: Entry) -> bool:
    return bool(entry.values) or entry.score is not None


async def _that_matter(tx: Transaction, telling: Sequence[Entry]) -> list[Entry]:
    """Return those entries that may begin an episode, being outside, or end one, being of a plan that has one."""
    ids = sorted({entry.assignment_id for entry in telling})
    plans = {one.id: one for one in await assignments.by_ids(tx, ids)}
    contents = await assignments.load_with_contents(tx, plans.values())
    running = _by_assignment(await repository.running(tx, ids))

    def is_outside(entry: Entry) -> bool:
        if is_high(entry):
            return True
        plan = plans[entry.assignment_id]
        day = calendar_of(plan.time_zone).local_date(entry.effective_at)
        activity = definition_of(plan, contents[plan.protocol_id], entry.activity_key, on=day)
        return (
            activity is not None
            and activity.measurement is not None
            and bool(out_of_range(entry, activity.measurement))
        )

    return [entry for entry in telling if entry.assignment_id in running or is_outside(entry)]


async def _recorded(
    tx: Transaction, telling: Sequence[Entry]
) -> tuple[dict[AssignmentId, Assignment], dict[AssignmentId, list[Finding]]]:
    """Return what the rules about values and scores say of new entries, by plan."""
    if not telling:
        return {}, {}
    plans = {one.id: one for one in await assignments.by_ids(tx, sorted({entry.assignment_id for entry in telling}))}
    contents = await assignments.load_with_contents(tx, plans.values())
    new_ids = {entry.id for entry in telling}
    places = {(entry.assignment_id, entry.activity_key): entry for entry in telling}
    standing: dict[tuple[AssignmentId, str], list[Entry]] = {}
    first = min(entry.effective_at for entry in telling)
    for entry in await entries.since(tx, list(plans.values()), effective_from=first):
        standing.setdefault((entry.assignment_id, entry.activity_key), []).append(entry)
    findings: dict[AssignmentId, list[Finding]] = {}
    for place, newest in places.items():
        plan = plans[place[0]]
        day = calendar_of(plan.time_zone).local_date(newest.effective_at)
        activity = definition_of(plan, contents[plan.protocol_id], place[1], on=day)
        if activity is not None:
            said = recorded_findings(standing.get(place, []), activity, new_ids=new_ids)
            findings.setdefault(plan.id, []).extend(said)
    return plans, findings


def _withdrawn(
    episode: Episode, replaced: set[EntryId], firing: set[tuple[str, str | None]], tx: Transaction
) -> Episode:
    """Return the episode ended when the entry that made it fire was corrected or undone, and nothing else fires it."""
    if episode.entry_id not in replaced or (episode.rule, episode.activity_key) in firing or episode.ended_at:
        return episode
    return episodes.withdraw(episode, at=tx.now)


async def _open(tx: Transaction, opening: Iterable[Opening]) -> None:
    alerts = [_alert(tx, assignment, finding) for assignment, finding in opening]
    if not alerts:
        return
    new = await repository.insert(tx, alerts)
    for one in (alert.episode for alert in alerts if alert.episode.id in new):
        await audit.record(tx, tx.actor, "alert.open", one.id, subject_id=one.patient_id, detail={"rule": one.rule})
        await tx.publish(AlertOpened(one.id, one.patient_id))


async def _keep(tx: Transaction, before: Iterable[Episode], after: Iterable[Episode]) -> None:
    was = {one.id: one for one in before}
    changed = [one for one in after if one != was[one.id]]
    if not changed:
        return
    await repository.save_many(tx, changed)
    await tell(tx, "alert.settle", [one for one in changed if one.revision != was[one.id].revision])


def _alert(tx: Transaction, assignment: Assignment, finding: Finding) -> Alert:
    severity = episodes.SEVERITIES[finding.rule]
    episode = Episode(
        id=AlertId(tx.new_id()),
        patient_id=assignment.patient_id,
        assignment_id=assignment.id,
        rule=finding.rule,
        activity_key=finding.activity_key,
        severity=severity,
        status="open",
        opened_at=tx.now,
        clear_since=None if finding.holds else tx.now,
        escalate_at=episodes.escalates_at(severity, opened_at=tx.now),
        entry_id=finding.entry_id,
    )
    return Alert(episode=episode, detail=finding.detail)


def _by_assignment(running: Iterable[Episode]) -> Mapping[UUID, list[Episode]]:
    found: dict[UUID, list[Episode]] = {}
    for one in running:
        found.setdefault(one.assignment_id, []).append(one)
    return found
