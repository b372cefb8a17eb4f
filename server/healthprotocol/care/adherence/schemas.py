"""The shapes of adherence over HTTP."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from healthprotocol.api.paging import Page
from healthprotocol.care.adherence.model import WeekAdherence
from healthprotocol.care.adherence.rules.ratios import on_time_ratio, ratio
from healthprotocol.care.adherence.service import DayAdherence, Ranked, Report


class ActivityAdherenceOut(msgspec.Struct, kw_only=True, frozen=True):
    """Adherence to one activity; `title` null for sums over patients, whose plans may call it differently."""

    activity_key: str
    title: str | None
    completed: int
    skipped: int
    missed: int
    ratio: float | None
    on_time_ratio: float | None


class AdherenceOut(msgspec.Struct, kw_only=True, frozen=True, rename={"from_on": "from", "to_on": "to"}):
    """Adherence over local dates, both inclusive; a ratio is null when nothing was due."""

    from_on: date
    to_on: date
    completed: int
    skipped: int
    missed: int
    ratio: float | None
    on_time_ratio: float | None
    by_activity: tuple[ActivityAdherenceOut, ...]
    by_week: tuple[WeekAdherence, ...]
    by_day: tuple[DayAdherence, ...]
    streak_days: int
    as_of: datetime


class RankedOut(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One row of a ranking."""

    id: UUID
    title: str
    completed: int
    skipped: int
    missed: int
    ratio: float | None
    on_time_ratio: float | None
    patient_id: UUID | None = None
    protocol_id: UUID | None = None


class AdherenceQuery(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}
):
    """Local dates, both inclusive; `at` shows how it stood then (staff only)."""

    first: date | None = None
    last: date | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None


class SumQuery(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}
):
    """Local dates, both inclusive, by default the last 90 days."""

    first: date | None = None
    last: date | None = None


class RankingQuery(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}
):
    """What to add up by, over which local dates (by default the last 14), and in which order."""

    group_by: Literal["assignment", "patient", "protocol"] = "assignment"
    order_by: Literal["ratio", "ratio desc", "missed desc"] = "ratio"
    page_size: Annotated[int, Meta(ge=1, le=200)] = 50
    first: date | None = None
    last: date | None = None


def report(value: Report) -> AdherenceOut:
    """Return the shape of adherence."""
    a = value.adherence
    return AdherenceOut(
        from_on=a.from_on,
        to_on=a.to_on,
        completed=a.completed,
        skipped=a.skipped,
        missed=a.missed,
        ratio=a.ratio,
        on_time_ratio=a.on_time_ratio,
        by_activity=tuple(
            ActivityAdherenceOut(title=value.titles.get(one.activity_key), **msgspec.structs.asdict(one))
            for one in a.by_activity
        ),
        by_week=a.by_week,
        by_day=value.by_day,
        streak_days=a.streak_days,
        as_of=value.as_of,
    )


def ranking(value: Sequence[Ranked]) -> Page[RankedOut]:
    """Return the shape of a ranking."""
    return Page(
        items=[
            RankedOut(
                id=row.id,
                title=named.title,
                completed=row.tally.completed,
                skipped=row.tally.skipped,
                missed=row.tally.missed,
                ratio=ratio(row.tally),
                on_time_ratio=on_time_ratio(row.tally),
                patient_id=named.patient_id,
                protocol_id=named.protocol_id,
            )
            for row, named in value
        ]
    )
