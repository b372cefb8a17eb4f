"""
When a RADAR item is asked, as a schedule of ours.

Source: care rules §2.4 (offsets_minutes); the RADAR-base protocol schemas 0.0.2 to 0.1.5.
"""

from healthprotocol.care.protocols.model import PeriodUnit, Reminder, Schedule
from healthprotocol.care.protocols.rules.exchange.limits import MAX_SHOWN_MEMBER
from healthprotocol.care.protocols.rules.exchange.nodes import Node

_UNITS: dict[str, PeriodUnit] = {
    "min": "min", "mins": "min", "minute": "min", "minutes": "min", "hour": "h", "hours": "h",
    "day": "d", "days": "d", "week": "wk", "weeks": "wk", "month": "mo", "months": "mo", "year": "a", "years": "a",
}  # fmt: skip
_MINUTES: dict[str, int] = {"min": 1, "h": 60, "d": 1_440, "wk": 10_080}
# Only for windows, where a day more or less does no harm; never for when something is asked.
_ABOUT_MINUTES: dict[str, int] = {**_MINUTES, "mo": 30 * 1_440, "a": 365 * 1_440}
_ABOUT_DAYS: dict[str, float] = {"min": 1 / 1_440, "h": 1 / 24, "d": 1, "wk": 7, "mo": 30, "a": 365}

MAX_WINDOW_MINUTES = 527_040
MAX_REMINDER_MINUTES = 20_160
MAX_REMINDERS = 10
MAX_OFFSETS = 100


def read_schedule(item: Node, *, duration_days: int) -> Schedule | None:
    """
    Return when an item of `protocols[]` is asked.

    None when it is never asked within `duration_days`, or when it is refused; the report tells which.
    """
    protocol = item.get("protocol")
    if protocol is None or not isinstance(protocol.value, dict):
        item.refused("required", "The item does not say when it is asked.", at="protocol")
        return None
    offsets = _offsets(protocol, duration_days=duration_days)
    period = _period(protocol, duration_days=duration_days)
    window = _window(protocol)
    reminders = _reminders(protocol)
    minutes = item.number("estimatedCompletionTime")
    if item.report.is_refused or not offsets:
        return None
    if "referenceTimestamp" in protocol:
        protocol.adjusted("anchor", "Counted from the first day of each assignment, not from the date given here.")
    known = {"repeatProtocol", "repeatQuestionnaire", "completionWindow", "reminders"}
    for name, member in protocol.members():
        if name not in known:
            member.kept(name if name.isidentifier() and len(name) <= MAX_SHOWN_MEMBER else "an unknown member")
    return Schedule(
        period=period[0] if period else None,
        period_unit=period[1] if period else None,
        offsets_minutes=offsets,
        window_minutes=window,
        reminders=reminders,
        duration=minutes or None,
        duration_unit="min" if minutes else None,
    )


def _offsets(protocol: Node, *, duration_days: int) -> tuple[int, ...]:
    """Return the minutes from the cycle's first midnight, those past the protocol's end left out."""
    times = protocol.get("repeatQuestionnaire")
    if times is None:
        protocol.refused("required", "The times of the questionnaire are missing.", at="repeatQuestionnaire")
        return ()
    unit = _unit(times)
    if unit is None:
        return ()
    if unit not in _MINUTES:
        times.refused("unit", "Times counted in months or years have no fixed place.", at="unit")
        return ()
    found: dict[int, None] = {}
    for number in times.items("unitsFromZero"):
        amount = Node({"": number.value}, number.report, file=number.file, pointer=number.pointer).integer("")
        if amount is None or amount < 0:
            number.refused("out_of_range", "A time from midnight is a whole number from 0.")
            return ()
        if amount * _MINUTES[unit] >= duration_days * 1_440:
            number.kept("a time past the end of the protocol")
        else:
            found[amount * _MINUTES[unit]] = None
    if len(found) > MAX_OFFSETS:
        times.refused("too_many", f"At most {MAX_OFFSETS} times in a cycle are possible.", at="unitsFromZero")
    return tuple(found)


def _period(protocol: Node, *, duration_days: int) -> tuple[float, PeriodUnit] | None:
    """Return how often the cycle comes again; None when it does not come again within the protocol."""
    repeat = protocol.get("repeatProtocol")
    if repeat is None:
        protocol.refused("required", "How often the item is repeated is missing.", at="repeatProtocol")
        return None
    unit = _unit(repeat)
    amount = repeat.integer("amount")
    if unit is None or amount is None:
        if amount is None and not repeat.report.is_refused:
            repeat.refused("required", "The number of units is missing.", at="amount")
        return None
    if amount <= 0:
        repeat.refused("out_of_range", "A cycle must be longer than nothing.", at="amount")
        return None
    return None if amount * _ABOUT_DAYS[unit] >= duration_days else (float(amount), unit)


def _window(protocol: Node) -> int | None:
    window = protocol.get("completionWindow")
    if window is None:
        return None
    unit, amount = _unit(window), window.integer("amount")
    if unit is None or amount is None or amount <= 0:
        if not window.report.is_refused:
            window.adjusted("window", "No length: the item stays open to the end of its day.")
        return None
    minutes = amount * _ABOUT_MINUTES[unit]
    if minutes > MAX_WINDOW_MINUTES:
        window.adjusted("too_large", "The window is longer than a protocol may last; it was cut to 366 days.")
    elif unit not in _MINUTES:
        window.adjusted("about", "A month is taken as 30 days and a year as 365.")
    return min(minutes, MAX_WINDOW_MINUTES)


def _reminders(protocol: Node) -> tuple[Reminder, ...]:
    reminders = protocol.get("reminders")
    if reminders is None:
        return ()
    if isinstance(reminders.value, list):
        found = [_listed_reminder(each) for each in protocol.objects("reminders")]
        after = [minutes for minutes in found if minutes is not None]
    else:
        repeat, amount = reminders.integer("repeat") or 0, reminders.integer("amount") or 0
        if repeat <= 0 or amount <= 0:
            return ()
        unit = _unit(reminders)
        each = amount * _ABOUT_MINUTES[unit] if unit else 0
        # One more than is possible shows below that there were too many.
        after = [each * number for number in range(1, min(repeat, MAX_REMINDERS + 1) + 1)]
    possible = [minutes for minutes in dict.fromkeys(after) if abs(minutes) <= MAX_REMINDER_MINUTES][:MAX_REMINDERS]
    if len(possible) < len(after):
        reminders.adjusted("too_many", "At most 10 reminders within 14 days are sent; the others are left out.")
    return tuple(Reminder(after_minutes=minutes) for minutes in possible)


def _listed_reminder(reminder: Node) -> int | None:
    notification = reminder.get("notification")
    if notification is not None:
        notification.kept("the words of a reminder")
    offset = reminder.get("offset")
    if offset is None:
        return None
    unit, amount = _unit(offset), offset.integer("amount")
    return None if unit is None or amount is None else amount * _ABOUT_MINUTES[unit]


def _unit(node: Node) -> PeriodUnit | None:
    """Return a unit of time, refusing what is none."""
    word = node.word("unit")
    unit = _UNITS.get((word or "").lower())
    if unit is None:
        node.refused("unit", "The unit must be min, hour, day, week, month or year.", at="unit")
    return unit
