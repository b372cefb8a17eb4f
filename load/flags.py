"""
What a feature flag costs a request: one answer from memory, by what was decided about the flag, in processor time.

The best of several runs, since whatever else the machine does only adds to it. `imported_ms` is what the OpenFeature
SDK would cost a server's start, which is why only code that speaks OpenFeature imports it.
Run with: PYTHONPATH=server .venv/bin/python load/flags.py
"""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import process_time
from uuid import UUID

from healthprotocol.foundation.flags.declaration import About, Registry, boolean
from healthprotocol.foundation.flags.evaluation import Table, compile_table
from healthprotocol.foundation.flags.exposure import Exposures
from healthprotocol.foundation.flags.model import Caller, Requirement, Rule, Stage, State
from healthprotocol.foundation.flags.runtime import Flags

ABOUT: About = {"owner": "load", "description": "For measuring.", "created_on": date(2026, 11, 22)}
FLAG, OTHER = boolean("load.flag", **ABOUT), boolean("load.other", **ABOUT)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ORGANISATION = UUID(int=7)
REQUESTS, ASKED_A_REQUEST, RUNS = 20_000, 3, 7
MANY = tuple(UUID(int=number) for number in range(1_000, 1_100))

STATES = {
    "declared_us": State(),
    "killed_us": State(is_killed=True),
    "percentage_us": State(rules=(Rule(variant="on", percentage=10),)),
    "rollout_us": State(rollout=Stage(id=UUID(int=1), variant="on", percentage=50)),
    # A requirement, a hundred organisations, a role, an account, a schedule, two percentages and a rollout.
    "everything_us": State(
        requires=(Requirement(key=OTHER.key, variants=("off",)),),
        rules=(
            Rule(variant="on", organisations=MANY),
            Rule(variant="on", roles=("nobody",), accounts=MANY),
            Rule(variant="on", from_at=NOW - timedelta(days=1), until_at=NOW + timedelta(days=1), percentage=0.001),
        ),
        rollout=Stage(id=UUID(int=1), variant="on", percentage=50),
    ),
}


class Fixed:
    """One table for all."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, organisation_id: UUID) -> Table:  # noqa: ARG002 - the same for all
        """Return it."""
        return self._table

    async def load(self, organisation_id: UUID) -> None:
        """It is here."""


def main() -> int:
    """Print each figure beside its budget; return 1 when one is broken."""
    budgets = json.loads((Path(__file__).parent / "budgets.json").read_text("utf-8"))["flags"]
    measured = {name: asked(state) for name, state in STATES.items()}
    measured["imported_ms"] = imported()
    for name, value in measured.items():
        print(f"{name:16} {value:8.2f}  budget {budgets[name]}")
    return int(any(value > budgets[name] for name, value in measured.items()))


def asked(state: State) -> float:
    """Return the microseconds of one answer: a new caller each request, who is asked about three times."""
    registry = Registry([FLAG, OTHER])
    flags = Flags(registry, Fixed(compile_table(registry, {FLAG.key: state})))
    callers = [Caller(ORGANISATION, UUID(int=number), "clinician") for number in range(REQUESTS)]
    best = float("inf")
    for _ in range(RUNS):
        began = process_time()
        for caller in callers:
            exposures = Exposures()
            for _again in range(ASKED_A_REQUEST):
                flags.decide(FLAG, caller, NOW, exposures)
        best = min(best, process_time() - began)
    return best / (REQUESTS * ASKED_A_REQUEST) * 1e6


def imported() -> float:
    """Return the milliseconds that importing the provider takes a fresh process, over an empty one."""
    code = (
        "import time; began = time.process_time(); import healthprotocol.foundation.flags.provider; "
        "print(time.process_time() - began)"
    )
    took = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
        for _ in range(3)
    ]
    return min(took) * 1000


if __name__ == "__main__":
    raise SystemExit(main())
