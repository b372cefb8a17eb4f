"""
A second implementation of recurrence: slow, and written from the rules alone.

It walks every day from the anchor, asks of each whether the schedule plans it, and throws away what is outside. It
shares no code with `healthprotocol.care.protocols.rules` but the shape of what it returns.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from healthprotocol.care.protocols.model import Schedule
from healthprotocol.care.protocols.rules.frame import Frame, Planned

DAY = timedelta(days=1)
SECONDS = {"s": 1, "min": 60, "h": 3_600}
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAY_PARTS = {
    "WAKE": "07:00", "MORN": "08:00", "MORN.early": "06:00", "MORN.late": "10:00", "NOON": "12:00", "AFT": "15:00",
    "AFT.early": "13:00", "AFT.late": "16:00", "EVE": "19:00", "EVE.early": "18:00", "EVE.late": "21:00",
    "NIGHT": "22:00", "HS": "22:00", "PHS": "23:00", "CM": "07:30", "CD": "12:30", "CV": "18:30",
}  # fmt: skip


def brute_force(schedule: Schedule, frame: Frame) -> list[Planned]:
    """Return everything a checked schedule plans in its frame, sorted by planned local time."""
    zone = ZoneInfo(frame.time_zone)
    until_at = _until(schedule, frame, zone)
    since = frame.anchor_on
    if schedule.bounds_period is not None and schedule.bounds_period.start is not None:
        since = max(since, schedule.bounds_period.start)
    drafts = _elapsed(schedule, frame, zone) if schedule.period_unit in SECONDS else _calendar(schedule, frame)
    kept = [
        draft
        for draft in drafts
        if draft.planned_local.date() >= since and (until_at is None or draft.planned_at < until_at)
    ]
    if schedule.count is not None:
        kept = kept[: schedule.count]
    last_on = min(frame.last_on, frame.ends_on)
    return [_cut(draft, frame, zone) for draft in kept if draft.planned_local.date() <= last_on]


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Find the instant by trying the offsets of the days around; in a gap the earlier one goes on."""
    offsets = [
        (local + shift).replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta(0) for shift in (-DAY, DAY)
    ]
    tries = [local.replace(tzinfo=UTC) - offset for offset in offsets]
    exact = [at for at in tries if at.astimezone(zone).replace(tzinfo=None, fold=0) == local]
    return min(exact) if exact else tries[0]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return instant(datetime.combine(day, time()), zone)


def month_later(day: date, months: int) -> date:
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _until(schedule: Schedule, frame: Frame, zone: ZoneInfo) -> datetime | None:
    if schedule.bounds_period is not None and schedule.bounds_period.end is not None:
        return midnight(schedule.bounds_period.end + DAY, zone)
    length = schedule.bounds_duration or (schedule.bounds_range.high if schedule.bounds_range is not None else None)
    if length is None:
        return None
    if length.unit in SECONDS:
        return midnight(frame.anchor_on, zone) + timedelta(
            microseconds=round(Fraction(str(length.value)) * SECONDS[length.unit] * 1_000_000)
        )
    if length.unit in {"mo", "a"}:
        return midnight(month_later(frame.anchor_on, round(length.value) * (12 if length.unit == "a" else 1)), zone)
    return midnight(frame.anchor_on + timedelta(days=round(length.value * (7 if length.unit == "wk" else 1))), zone)


def _origins(schedule: Schedule, frame: Frame) -> Iterator[tuple[int, date]]:
    """Yield (cycle, day) for each day that the schedule plans from, one day after the other."""
    anchor, day, cycle = frame.anchor_on, frame.anchor_on, 0
    recurs = schedule.period is not None or schedule.time_of_day or schedule.when or schedule.day_of_week
    period = schedule.period or 1
    while day <= frame.last_on + 2 * DAY:
        is_listed = not schedule.day_of_week or WEEKDAYS[day.weekday()] in schedule.day_of_week
        if not recurs:
            is_planned = day == anchor
        elif schedule.period_unit in {"mo", "a"}:
            months = round(period) * (12 if schedule.period_unit == "a" else 1)
            is_planned = day == month_later(anchor, cycle * months)
        elif schedule.period_unit == "wk" and schedule.day_of_week:
            monday = anchor - timedelta(days=anchor.weekday())
            is_planned = ((day - monday).days // 7) % round(period) == 0
        else:
            step = round(period * (7 if schedule.period_unit == "wk" else 1))
            is_planned = (day - anchor).days % step == 0
        if is_planned and is_listed:
            yield cycle, day
        cycle += is_planned
        day += DAY


def _times(schedule: Schedule) -> list[tuple[timedelta, int]]:
    times: set[timedelta] = set()
    for at in schedule.time_of_day:
        times.add(timedelta(hours=at.hour, minutes=at.minute, seconds=at.second))
    for part in schedule.when:
        meals = {"M": ["CM"], "D": ["CD"], "V": ["CV"]}
        names = [part]
        if part in {"C", "AC", "PC"}:
            names = ["CM", "CD", "CV"]
        elif part[:2] in {"AC", "PC"}:
            names = meals[part[2]]
        sign = -1 if part.startswith("AC") else 1
        for name in names:
            at = time.fromisoformat(DAY_PARTS[name])
            times.add(timedelta(hours=at.hour, minutes=at.minute + sign * (schedule.offset or 0)))
    for minutes in schedule.offsets_minutes:
        times.add(timedelta(minutes=minutes))
    if times:
        return [(at, 1) for at in sorted(times)]
    return [(timedelta(0), slot + 1) for slot in range(schedule.frequency or 1)]


def _calendar(schedule: Schedule, frame: Frame) -> list[Planned]:
    found: dict[tuple[datetime, int], Planned] = {}
    for cycle, day in _origins(schedule, frame):
        for at, slot in _times(schedule):
            local = datetime.combine(day, time()) + at
            if (local, slot) not in found:
                found[local, slot] = _draft(schedule, frame, (cycle, day), local=local, slot=slot)
    return [found[key] for key in sorted(found)]


def _draft(schedule: Schedule, frame: Frame, origin: tuple[int, date], *, local: datetime, slot: int) -> Planned:
    zone = ZoneInfo(frame.time_zone)
    cycle, day = origin
    planned_at = instant(local, zone)
    is_timed = schedule.time_of_day or schedule.when or schedule.offsets_minutes
    grown_day = _grown(schedule, frame, cycle, day)
    grown_local = local + (grown_day - day)
    if schedule.window_minutes is not None:
        closes_at = instant(grown_local, zone) + timedelta(minutes=schedule.window_minutes)
    elif is_timed or schedule.day_of_week or schedule.period is None:
        closes_at = midnight(grown_local.date() + DAY, zone)
        if closes_at <= planned_at:
            closes_at = midnight(grown_local.date() + 2 * DAY, zone)
    elif schedule.period_unit in {"mo", "a"}:
        months = round(schedule.period) * (12 if schedule.period_unit == "a" else 1)
        growth = round((schedule.period_max or schedule.period) - schedule.period) * (months // round(schedule.period))
        closes_at = midnight(month_later(frame.anchor_on, (cycle + 1) * months + growth), zone)
    else:
        step = round(schedule.period * (7 if schedule.period_unit == "wk" else 1))
        closes_at = midnight(grown_day + timedelta(days=step), zone)
    return Planned(local, slot, planned_at, planned_at - timedelta(minutes=schedule.lead_minutes or 0), closes_at)


def _grown(schedule: Schedule, frame: Frame, cycle: int, day: date) -> date:
    if schedule.period_max is None or schedule.period is None:
        return day
    growth = schedule.period_max - schedule.period
    if schedule.period_unit in {"mo", "a"}:
        size = 12 if schedule.period_unit == "a" else 1
        return month_later(frame.anchor_on, round((cycle * schedule.period + growth) * size))
    return day + timedelta(days=round(growth * (7 if schedule.period_unit == "wk" else 1)))


def _elapsed(schedule: Schedule, frame: Frame, zone: ZoneInfo) -> list[Planned]:
    assert schedule.period is not None
    assert schedule.period_unit is not None
    size = SECONDS[schedule.period_unit] * 1_000_000
    step = Fraction(round(Fraction(str(schedule.period)) * size), schedule.frequency or 1)
    growth = timedelta()
    if schedule.period_max is not None:
        growth = timedelta(microseconds=round(Fraction(str(schedule.period_max - schedule.period)) * size))
    start_at, end_at = midnight(frame.anchor_on, zone), midnight(frame.last_on + DAY, zone)
    found: list[Planned] = []
    seen: set[datetime] = set()
    elapsed = Fraction(0)
    while (planned_at := start_at + timedelta(microseconds=int(elapsed))) < end_at:
        elapsed += step
        local = planned_at.astimezone(zone).replace(tzinfo=None, fold=0)
        if schedule.day_of_week and WEEKDAYS[local.weekday()] not in schedule.day_of_week:
            continue
        closes_at = start_at + timedelta(microseconds=int(elapsed)) + growth
        if schedule.window_minutes is not None:
            closes_at = planned_at + timedelta(minutes=schedule.window_minutes) + growth
        opens_at = planned_at - timedelta(minutes=schedule.lead_minutes or 0)
        found.append(Planned(local, 2 if local in seen else 1, planned_at, opens_at, closes_at))
        seen.add(local)
    return found


def _cut(draft: Planned, frame: Frame, zone: ZoneInfo) -> Planned:
    closes_at = min(draft.closes_at, midnight(frame.ends_on + DAY, zone))
    opens_at = min(draft.opens_at, closes_at)
    return Planned(draft.planned_local, draft.slot, draft.planned_at, opens_at, closes_at)
