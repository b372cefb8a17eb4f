"""How much of what was due was done. Pure values; rollups are a cache of them."""

from datetime import date

import msgspec

from healthprotocol.care.assignments.model import AssignmentId


class DayCount(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    What became of the occurrences of one activity planned on one local date, of those whose window has closed.

    `on_time` counts the completed ones that are not late. Days with nothing to count have no row.
    """

    assignment_id: AssignmentId
    activity_key: str
    day: date
    completed: int = 0
    skipped: int = 0
    missed: int = 0
    on_time: int = 0


class Tally(msgspec.Struct, frozen=True, gc=False):
    """Counts that can be added up. `on_time` is part of `completed`."""

    completed: int = 0
    skipped: int = 0
    missed: int = 0
    on_time: int = 0

    @property
    def due(self) -> int:
        """How many occurrences count."""
        return self.completed + self.skipped + self.missed


class ActivityAdherence(msgspec.Struct, frozen=True, kw_only=True):
    """Adherence to one activity, over all assignments that were looked at."""

    activity_key: str
    completed: int
    skipped: int
    missed: int
    ratio: float | None
    on_time_ratio: float | None


class WeekAdherence(msgspec.Struct, frozen=True, kw_only=True):
    """Adherence in one ISO week of the patient's local dates, such as `2026-W10`, which begins on `starts_on`."""

    week: str
    starts_on: date
    completed: int
    skipped: int
    missed: int
    ratio: float | None
    on_time_ratio: float | None


class Adherence(msgspec.Struct, frozen=True, kw_only=True):
    """
    Adherence over local dates, both inclusive.

    A ratio is None when nothing was due, because an empty week is not a missed week. `streak_days` is how many days
    with something due, up to the last such day, were done in full.
    """

    from_on: date
    to_on: date
    completed: int
    skipped: int
    missed: int
    ratio: float | None
    on_time_ratio: float | None
    by_activity: tuple[ActivityAdherence, ...]
    by_week: tuple[WeekAdherence, ...]
    streak_days: int
