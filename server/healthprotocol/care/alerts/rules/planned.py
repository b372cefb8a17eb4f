"""
Rules about what was due: missed in a row, adherence, silence.

Source: care rules §6; what counts is §5.1. The figures are the defaults of this installation, the same for all.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from healthprotocol.care.alerts.model import AlertDetail, Finding
from healthprotocol.care.entries.model import Occurrence

MISSED_IN_ROW = 3
ADHERENCE_BELOW = 0.5
ADHERENCE_OVER = timedelta(days=7)
ADHERENCE_LEAST_DUE = 5
SILENT_FOR = timedelta(days=3)

_COUNTED = frozenset({"completed", "skipped", "missed"})


def planned_findings(
    occurrences: Iterable[Occurrence], *, last_entry_at: datetime | None, at: datetime
) -> list[Finding]:
    """
    Return what every rule about the plan says at `at`, of the occurrences of one assignment in planned order.

    `last_entry_at` is when anything was last recorded for the plan, None when nothing ever was. While a patient is
    silent the others say nothing new: they would only repeat it, activity by activity.

    Source: care rules §6.
    """
    counted = [one for one in occurrences if one.state in _COUNTED]
    silent = no_entry(counted, last_entry_at=last_entry_at, at=at)
    by_activity: dict[str, list[Occurrence]] = {}
    for one in counted:
        by_activity.setdefault(one.activity_key, []).append(one)
    others = [missed_in_row(those) for those in by_activity.values()]
    others.append(adherence_low(counted, at=at))
    return [silent, *(_muted(one, is_muted=silent.fires) for one in others)]


def missed_in_row(counted: Sequence[Occurrence], *, least: int = MISSED_IN_ROW) -> Finding:
    """
    Say whether the newest `least` or more occurrences of one activity were missed, one after the other.

    `counted` is in planned order, not empty, and holds what was completed, skipped or missed: what did not apply
    neither breaks a row nor lengthens it. Something skipped with a reason breaks it: the patient spoke.

    Source: care rules §6, "n missed in a row".
    """
    row = 0
    for one in reversed(counted):
        if one.state != "missed":
            break
        row += 1
    holds = row >= least
    newest = counted[-1]
    return Finding(
        rule="missed_in_row",
        activity_key=newest.activity_key,
        holds=holds,
        fires=holds,
        detail=AlertDetail(title=newest.title, missed=row),
    )


def adherence_low(counted: Iterable[Occurrence], *, at: datetime) -> Finding:
    """
    Say whether less than half was completed of what closed in the last seven days, when that was at least five.

    Source: care rules §6, "adherence below x over d days with at least m due"; the ratio is that of §5.1.
    """
    closed = [one for one in counted if at - ADHERENCE_OVER < one.closes_at <= at]
    completed = sum(one.state == "completed" for one in closed)
    ratio = completed / len(closed) if closed else None
    holds = ratio is not None and len(closed) >= ADHERENCE_LEAST_DUE and ratio < ADHERENCE_BELOW
    detail = AlertDetail(ratio=ratio, due=len(closed), days=ADHERENCE_OVER.days)
    return Finding(rule="adherence_low", activity_key=None, holds=holds, fires=holds, detail=detail)


def no_entry(counted: Iterable[Occurrence], *, last_entry_at: datetime | None, at: datetime) -> Finding:
    """
    Say whether nothing was recorded for three days in which something could have been, and something closed.

    The silence begins with the last entry, or with the first missed occurrence after it that could be done: who was
    asked for nothing was not silent.

    Source: care rules §6, "no entry for d days".
    """
    missed = [
        one for one in counted if one.state == "missed" and (last_entry_at is None or one.closes_at > last_entry_at)
    ]
    opened_at = min((one.opens_at for one in missed), default=at)
    since = opened_at if last_entry_at is None else max(opened_at, last_entry_at)
    holds = since <= at - SILENT_FOR and any(one.closes_at > at - SILENT_FOR for one in missed)
    detail = AlertDetail(days=max((at - since).days, 0), since=since, missed=len(missed))
    return Finding(rule="no_entry", activity_key=None, holds=holds, fires=holds, detail=detail)


def next_look_at(occurrences: Iterable[Occurrence], *, last_entry_at: datetime | None, at: datetime) -> datetime | None:
    """
    Return when a rule about the plan may next say something else without an entry, None when it never will.

    That is when the next window closes, when a silence that has begun has lasted, and when what closed leaves the
    days that are looked back on.

    Source: care rules §6, "by a job as windows close".
    """
    instants: list[datetime] = [] if last_entry_at is None else [last_entry_at + SILENT_FOR]
    for one in occurrences:
        if one.state == "not_applicable":
            continue
        instants += [one.closes_at, one.closes_at + ADHERENCE_OVER]
        if one.state == "missed":
            instants += [one.opens_at + SILENT_FOR, one.closes_at + SILENT_FOR]
    return min((instant for instant in instants if instant > at), default=None)


def _muted(finding: Finding, *, is_muted: bool) -> Finding:
    if not is_muted or not finding.fires:
        return finding
    return Finding(rule=finding.rule, activity_key=finding.activity_key, holds=True, fires=False, detail=finding.detail)
