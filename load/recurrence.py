"""
How long recurrence takes on one core: a year of 12 activities three times a day, and one day of it.

Each figure is the processor time of the best of several runs, since whatever else the machine does only adds to it; the
first run, with cold caches, is printed too. Run with: PYTHONPATH=server .venv/bin/python load/recurrence.py
"""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import process_time
from uuid import UUID

from healthprotocol.care.assignments.model import Assignment, AssignmentId
from healthprotocol.care.assignments.rules.lifecycle import first_segment, last_day
from healthprotocol.care.entries.rules.occurrences import occurrences
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.model import Activity, Phase, ProtocolContent, ProtocolId, Schedule
from healthprotocol.care.protocols.rules.expansion import Frame, planned_between
from healthprotocol.care.protocols.rules.schedule_check import check_schedule
from healthprotocol.foundation.ids import AccountId, OrganisationId

ACTIVITIES, TIMES, DAYS = 12, 3, 365
STARTS_ON = date(2026, 1, 1)
ENDS_ON = STARTS_ON + timedelta(days=DAYS - 1)
ONE_DAY = STARTS_ON + timedelta(days=340)
ZONE = "America/New_York"
AT = datetime(2026, 7, 1, tzinfo=UTC)
RUNS = 15

SCHEDULES = [
    Schedule(time_of_day=(time(7, minute), time(13, minute), time(20, minute)), period=1, period_unit="d")
    for minute in range(ACTIVITIES)
]
CONTENT = ProtocolContent(
    title="A year",
    duration_days=DAYS,
    phases=(
        Phase(
            title="All of it",
            start_day=1,
            length_days=DAYS,
            activities=tuple(
                Activity(key=f"activity-{number}", kind="task", title="To do", schedule=schedule)
                for number, schedule in enumerate(SCHEDULES)
            ),
        ),
    ),
)
ASSIGNMENT = Assignment(
    id=AssignmentId(UUID(int=1)),
    organisation_id=OrganisationId(UUID(int=2)),
    protocol_id=ProtocolId(UUID(int=3)),
    patient_id=PatientId(UUID(int=4)),
    status="active",
    assigned_at=AT,
    assigned_by=AccountId(UUID(int=5)),
    starts_on=STARTS_ON,
    ends_on=last_day(STARTS_ON, duration_days=DAYS),
    time_zone=ZONE,
    segments=(first_segment(version=1, starts_on=STARTS_ON),),
)
FRAME = Frame(time_zone=ZONE, anchor_on=STARTS_ON, last_on=ENDS_ON, ends_on=ENDS_ON)
LONGEST_COUNT = Schedule(period=15, period_unit="min", count=35_040, day_of_week=("mon", "tue", "wed", "thu", "fri"))
HOSTILE = Schedule(period=0.000001, period_unit="s", count=1_000_000_000, frequency=1_000_000_000)


def planned(from_on: date, to_on: date) -> int:
    return sum(len(planned_between(one, FRAME, from_on=from_on, to_on=to_on)) for one in SCHEDULES)


def computed(from_on: date, to_on: date) -> int:
    found = occurrences(ASSIGNMENT, {1: CONTENT}, from_on=from_on, to_on=to_on, standing={}, at=AT)
    return sum(1 for _ in found)


def measurements() -> Iterator[tuple[str, int, Callable[[], int]]]:
    """Yield each budget's name, how much is expected to be found, and what to run."""
    year, day = ACTIVITIES * TIMES * DAYS, ACTIVITIES * TIMES
    yield "year_planned_ms", year, lambda: planned(STARTS_ON, ENDS_ON)
    yield "year_occurrences_ms", year, lambda: computed(STARTS_ON, ENDS_ON)
    yield "day_planned_ms", day, lambda: planned(ONE_DAY, ONE_DAY)
    yield "day_occurrences_ms", day, lambda: computed(ONE_DAY, ONE_DAY)
    yield (
        "last_day_of_longest_count_ms",
        96,
        lambda: len(planned_between(LONGEST_COUNT, FRAME, from_on=ENDS_ON, to_on=ENDS_ON)),
    )
    yield "hostile_check_ms", 3, lambda: len(check_schedule(HOSTILE, phase_length_days=DAYS, duration_days=DAYS))


def milliseconds(run: Callable[[], int], *, expected: int) -> float:
    began = process_time()
    found = run()
    took = (process_time() - began) * 1_000
    if found != expected:
        raise SystemExit(f"expected {expected}, found {found}: the measurement measures something else")
    return took


def main() -> int:
    budgets = json.loads((Path(__file__).parent / "budgets.json").read_text())["recurrence"]
    is_broken = False
    for name, expected, run in measurements():
        first, *others = (milliseconds(run, expected=expected) for _ in range(RUNS))
        best = min(others)
        is_broken |= best > budgets[name]
        print(f"{name:32} {best:8.3f} ms   first {first:8.3f} ms   budget {budgets[name]:6} ms   of {expected}")
    return 1 if is_broken else 0


if __name__ == "__main__":
    sys.exit(main())
