"""
Ratios, weeks and streaks, read from day counts.

Of several activities, assignments or patients a ratio is that of the sums, not the mean of ratios.
Source: care rules §5.1 and §5.2.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from healthprotocol.care.adherence.model import ActivityAdherence, Adherence, DayCount, Tally, WeekAdherence
from healthprotocol.care.adherence.rules.counting import add


def adherence(counts: Iterable[DayCount], *, from_on: date, to_on: date) -> Adherence:
    """
    Return adherence over the local dates `from_on` … `to_on`, both inclusive; counts of other days are left out.

    Activities come by key, weeks by date.

    Source: care rules §5.1 and §5.2.
    """
    within = [count for count in counts if from_on <= count.day <= to_on]
    total = tally(within)
    by_activity: dict[str, Tally] = {}
    by_week: dict[date, Tally] = {}
    for count in within:
        by_activity[count.activity_key] = add(by_activity.get(count.activity_key, Tally()), count)
        monday = week_of(count.day)
        by_week[monday] = add(by_week.get(monday, Tally()), count)
    return Adherence(
        from_on=from_on,
        to_on=to_on,
        completed=total.completed,
        skipped=total.skipped,
        missed=total.missed,
        ratio=ratio(total),
        on_time_ratio=on_time_ratio(total),
        by_activity=tuple(_of_activity(key, by_activity[key]) for key in sorted(by_activity)),
        by_week=tuple(_of_week(monday, by_week[monday]) for monday in sorted(by_week)),
        streak_days=streak_days(within),
    )


def tally(counts: Iterable[DayCount]) -> Tally:
    """Return the sum of day counts."""
    total = Tally()
    for count in counts:
        total = add(total, count)
    return total


def ratio(total: Tally) -> float | None:
    """Return completed / (completed + skipped + missed), from 0.0 to 1.0, or None when nothing was due. §5.1."""
    return total.completed / total.due if total.due else None


def on_time_ratio(total: Tally) -> float | None:
    """Return the share that was completed and not late, from 0.0 to 1.0, or None when nothing was due. §5.1."""
    return total.on_time / total.due if total.due else None


def streak_days(counts: Iterable[DayCount]) -> int:
    """
    Return how many days with something due were done in full, back from the last such day to one that was not.

    Days with nothing due neither break the streak nor lengthen it. Something skipped was not done.

    Source: care rules §5.2.
    """
    days: dict[date, Tally] = {}
    for count in counts:
        days[count.day] = add(days.get(count.day, Tally()), count)
    streak = 0
    for day in sorted(days, reverse=True):
        if days[day].completed < days[day].due:
            break
        streak += days[day].due > 0
    return streak


def week_of(day: date) -> date:
    """Return the Monday that begins the ISO week of a date."""
    return day - timedelta(days=day.weekday())


def _of_activity(activity_key: str, total: Tally) -> ActivityAdherence:
    return ActivityAdherence(
        activity_key=activity_key,
        completed=total.completed,
        skipped=total.skipped,
        missed=total.missed,
        ratio=ratio(total),
        on_time_ratio=on_time_ratio(total),
    )


def _of_week(monday: date, total: Tally) -> WeekAdherence:
    year, week, _ = monday.isocalendar()
    return WeekAdherence(
        week=f"{year}-W{week:02}",
        starts_on=monday,
        completed=total.completed,
        skipped=total.skipped,
        missed=total.missed,
        ratio=ratio(total),
        on_time_ratio=on_time_ratio(total),
    )
