"""
How fast the reads are on the data set, from one web worker, one request after the other.

Start it first with `load/dataset.py serve --data-dir DIR`. Service time is the client's; processor time is the
server's own. What the server refuses as too costly is said, and is no failure. Exit code 1: a budget is broken.
Run with: PYTHONPATH=server .venv/bin/python load/reads.py --data-dir DIR [--only WORD] [--rounds N]
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

import msgspec

from healthprotocol.foundation.db.embedded import EmbeddedServer
from measuring.cases import Case, dear_cases, list_cases, search_cases, tied_cases
from measuring.costs import Cost, Meter, between
from measuring.door import Door
from population.clinics import PASSWORD

BUDGETS = json.loads((Path(__file__).parent / "budgets.json").read_text())["reads"]
WARM = 3
# Of the dearest there are fewer rounds than wanted, but enough for one in twenty.
SECONDS_A_CASE, LEAST_ROUNDS = 3.0, 20
_GOOD, _REFUSED = 200, 422


class Figure(msgspec.Struct, frozen=True):
    """One case as it was measured."""

    case: Case
    times_ms: list[float]
    cost: Cost

    @property
    def p95_ms(self) -> float:
        """The time that one in twenty exceeds."""
        return quantiles(self.times_ms, n=20, method="inclusive")[-1]

    @property
    def is_within(self) -> bool:
        """Whether it keeps to the budget of its kind."""
        budget = BUDGETS[self.case.kind]
        return self.p95_ms <= budget["p95_ms"] and max(self.times_ms) <= budget["worst_ms"]

    def __str__(self) -> str:
        cost = self.cost
        return (
            f"{'  ' if self.is_within else '! '}{self.case.name:62} {median(self.times_ms):8.2f} {self.p95_ms:8.2f} "
            f"{max(self.times_ms):8.2f}   {cost.server_cpu_ms:7.2f} {cost.database_cpu_ms:7.2f} "
            f"{cost.statements:5} {cost.buffers:8,}"
        )


async def measured(meter: Meter, doors: dict[str, Door], case: Case, *, rounds: int) -> Figure | None:
    """
    Ask `rounds` times, after some that are not counted: the first to come loads keys and plans.

    Returns None when the server refuses the query as too costly, and says how to narrow it.
    """
    door = doors[case.who]
    turns = cycle([(path, query) for path in case.paths or (case.path,) for query in case.queries])
    for path, query in islice(turns, WARM):
        answer = door.get(path, query, past_caches=case.past_caches)
    if answer.status == _REFUSED and answer.json["type"].endswith("/query-too-costly"):
        return None
    before = await meter.read()
    times: list[float] = []
    ends = perf_counter() + SECONDS_A_CASE
    for path, query in islice(turns, rounds):
        if perf_counter() > ends and len(times) >= LEAST_ROUNDS:
            break
        answer = door.get(path, query, past_caches=case.past_caches)
        if answer.status != _GOOD:
            raise SystemExit(f"{case.name}: {answer.status} {answer.body[:300]!r}")
        times.append(answer.milliseconds)
    return Figure(case, times, between(before, await meter.read(), requests=len(times)))


def table(figures: list[Figure]) -> str:
    """Return each kind of read beside its budget: the middle of its cases, the worst p95 of a case, the worst time."""
    lines = [f"{'':18} {'cases':>5} {'p50':>8} {'p95':>8} {'budget':>7} {'worst':>8} {'budget':>7}   milliseconds"]
    for kind, budget in BUDGETS.items():
        ones = [one for one in figures if one.case.kind == kind]
        if not ones:
            continue
        p95, worst = max(one.p95_ms for one in ones), max(max(one.times_ms) for one in ones)
        is_within = p95 <= budget["p95_ms"] and worst <= budget["worst_ms"]
        lines.append(
            f"{kind:18} {len(ones):5} {median(median(one.times_ms) for one in ones):8.2f} {p95:8.2f} "
            f"{budget['p95_ms']:7} {worst:8.2f} {budget['worst_ms']:7}   {'kept' if is_within else 'BROKEN'}"
        )
    return "\n".join(lines)


async def run(data_dir: Path, *, port: int, rounds: int, only: str) -> list[Figure]:
    """Measure every case whose name holds `only`."""
    server = EmbeddedServer(data_dir)
    url = server.url_of_running("healthprotocol")
    if url is None:
        raise SystemExit("the data set does not run: start it with `load/dataset.py serve`")
    meter = Meter(url, cluster=server.directory, port=port)
    await meter.open()
    doors = {
        role: Door(port, email=f"{role}@clinic-0000.example", password=PASSWORD)
        for role in ("clinician", "auditor", "admin")
    }
    at = datetime.fromisoformat((data_dir / "dataset.at").read_text())
    figures: list[Figure] = []
    print(
        f"  {'':62} {'p50 ms':>8} {'p95 ms':>8} {'worst':>8}   {'web CPU':>7} {'pg CPU':>7} {'stmts':>5} {'buffers':>8}"
    )
    for case in _cases(doors, at):
        if only in case.name:
            figure = await measured(meter, doors, case, rounds=rounds)
            print(figure or f"  {case.name:62} refused: too costly", flush=True)
            figures += [figure] if figure else []
    await meter.close()
    return figures


def _cases(doors: dict[str, Door], at: datetime) -> Iterator[Case]:
    yield from dear_cases(doors, at=at)
    yield from search_cases(doors)
    yield from list_cases(doors)
    yield from tied_cases(doors)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8180)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    figures = asyncio.run(run(given.data_dir.resolve(), port=given.port, rounds=given.rounds, only=given.only))
    broken = [one for one in figures if not one.is_within]
    print(f"\n{table(figures)}\n{len(figures)} cases, {len(broken)} over their budget")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
