"""
The pool that sizes itself against every fixed size, on the same changing work.

`day`: the real pool and the real rule in virtual time, before a model of a server with two processors whose numbers
were measured (`pool_model.py`), on work of five kinds one after the other. `mixes`: the same on works drawn by chance;
each size, and ours, is compared with the size that was the best for that very work, as only hindsight could tell.
`steady`: an hour of the same load, to count how often the size turns. `real`: a started PostgreSQL on this machine and
asyncpg's pool in every size. `cost`: borrowing and giving back, beside asyncpg's. Nobody is refused in these: every
wait is in the figures, however long.
"""

import argparse
import asyncio
import json
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import msgspec

import pool_real
from healthprotocol.foundation.db.pool import Pool, PoolLimits, Refused
from healthprotocol.foundation.db.pool.control import TICK_SECONDS, rule_of
from pool_model import Processors, SimulatedServer
from tests.support import virtual_time

SIZES = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)
MOST = 64
FOREVER = float("inf")
SETTLED_SECONDS = 300


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """
    A stretch of work: how long, how many a second over all processes, and what one needs.

    `wave` are so many at once every ten seconds. `work` is processor time and `pause` what it waits for something else
    (a lock, a disk, another service), both in seconds and exponential around it.
    """

    name: str
    seconds: float
    rate: float
    work: float
    pause: float = 0.0
    wave: int = 0
    workers: int = 1


PHASES = (
    Phase(name="idle", seconds=60, rate=5, work=0.004),
    Phase(name="burst", seconds=90, rate=115, work=0.0145, wave=60),
    Phase(name="idle again", seconds=30, rate=5, work=0.004),
    Phase(name="slow queries", seconds=90, rate=100, work=0.002, pause=0.25),
    Phase(name="many workers", seconds=90, rate=115, work=0.0145, wave=60, workers=4),
)
STEADY = (
    Phase(name="processors", seconds=3600, rate=90, work=0.0145),
    Phase(name="near the edge", seconds=3600, rate=125, work=0.0145),
    Phase(name="pauses", seconds=3600, rate=60, work=0.002, pause=0.25),
)


class Simulation:
    """One run of the phases with `size` fixed, or None for our rule. The same seed makes the same work for all."""

    def __init__(self, size: int | None, phases: Sequence[Phase], seed: int) -> None:
        self.latencies: dict[str, list[float]] = {phase.name: [] for phase in phases}
        self.sizes: list[tuple[float, int]] = []
        self._phases = phases
        self._draw = random.Random(seed)
        self._seed = seed
        rule = rule_of(max(phase.workers for phase in phases))
        patient = PoolLimits(least=2, most=MOST, queue=10**9, shed_after=FOREVER, rule=rule)
        fixed = msgspec.structs.replace(patient, least=size or 2, most=size or MOST, longest_idle=FOREVER)
        self._limits = patient if size is None else fixed
        self._pools: list[Pool] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> "Simulation":
        self._clock = asyncio.get_running_loop().time
        self._server = SimulatedServer(Processors(), random.Random(self._seed + 1))
        for _ in range(max(phase.workers for phase in self._phases)):
            pool = Pool(self._server.connect, self._limits, clock=self._clock)
            await pool.open()
            self._pools.append(pool)
        for phase in self._phases:
            await self._go_through(phase)
        await asyncio.gather(*self._tasks)
        for pool in self._pools:
            await pool.close()
        return self

    def p99(self, phase: str | None = None) -> float:
        chosen = [phase] if phase else list(self.latencies)
        found = sorted(one for name in chosen for one in self.latencies[name])
        return found[int(len(found) * 0.99)]

    async def _go_through(self, phase: Phase) -> None:
        ends, next_wave = self._clock() + phase.seconds, self._clock() + 5
        while (now := self._clock()) < ends:
            if not self.sizes or now - self.sizes[-1][0] >= TICK_SECONDS:
                self.sizes.append((now, self._pools[0].figures().limit))
            if phase.wave and now >= next_wave:
                next_wave += 10
                for _ in range(phase.wave):
                    self._start(phase)
            self._start(phase)
            await asyncio.sleep(self._draw.expovariate(phase.rate))

    def _start(self, phase: Phase) -> None:
        pause = self._draw.expovariate(1 / phase.pause) if phase.pause else 0.0
        pool = self._pools[self._draw.randrange(phase.workers)]
        task = asyncio.create_task(self._one(pool, phase.name, self._draw.expovariate(1 / phase.work), pause))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _one(self, pool: Pool, name: str, work: float, pause: float) -> None:
        began = self._clock()
        try:
            lease = await pool.acquire(wait_seconds=36_000)
        except Refused:
            self.latencies[name].append(math.inf)
            return
        pool.asks(lease)
        await self._server.answer_first()
        pool.hears(lease)
        await self._server.compute(work)
        if pause:
            await asyncio.sleep(pause)
        pool.release(lease, is_clean=True)
        self.latencies[name].append(self._clock() - began)


def mix(seed: int) -> tuple[Phase, ...]:
    """Return four minutes of work drawn by chance: up to 0.85 of the processors, and up to 26 slow ones at a time."""
    draw = random.Random(1000 + seed)
    return tuple(_drawn(draw, number) for number in range(4))


def _drawn(draw: random.Random, number: int) -> Phase:
    kind = draw.choice(["quiet", "burst", "slow", "both"])
    workers = draw.choice([1, 1, 1, 2, 4])
    name = f"{kind} {number + 1}"
    if kind == "quiet":
        return Phase(name=name, seconds=60, rate=draw.uniform(5, 40), work=0.004, workers=workers)
    if kind == "slow":
        pause = draw.uniform(0.05, 0.4)
        rate = draw.uniform(4, 26) / pause
        return Phase(name=name, seconds=60, rate=rate, work=0.002, pause=pause, workers=workers)
    work, share, pause = draw.uniform(0.004, 0.02), draw.uniform(0.5, 0.85), 0.0
    if kind == "both":
        work, share, pause = work / 2, share * 0.7, draw.uniform(0.005, 0.05)
    wave = draw.choice([0, 30, 60])
    return Phase(name=name, seconds=60, rate=2 * share / work, work=work, pause=pause, wave=wave, workers=workers)


def _p99s(what: tuple[int | None, tuple[Phase, ...], int]) -> dict[str, float]:
    """Return the p99 of a size in each phase, and in all."""
    size, phases, seed = what
    one = virtual_time.run(Simulation(size, phases, seed).run())
    return {phase.name: one.p99(phase.name) for phase in phases} | {"all": one.p99()}


def _each_size(phases: tuple[Phase, ...], seed: int) -> dict[int | None, dict[str, float]]:
    sizes = (None, *SIZES)
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        found: Iterable[dict[str, float]] = processes.map(_p99s, [(size, phases, seed) for size in sizes])
        return dict(zip(sizes, found, strict=True))


def day(seeds: int) -> dict[str, float]:
    """Print the table, and return our p99 as a share of the best fixed size's, worst of the seeds."""
    worst = 0.0
    for seed in range(seeds):
        rows = _each_size(PHASES, seed)
        print(f"\nseed {seed}, p99 ms" + "".join(f"{name:>14}" for name in rows[None]))
        for size, row in rows.items():
            print(f"{size or 'ours':>14}" + "".join(f"{one * 1e3:14.0f}" for one in row.values()), flush=True)
        worst = max(worst, rows[None]["all"] / min(row["all"] for size, row in rows.items() if size))
    return {"day_p99_of_best_fixed": worst}


def mixes(number: int) -> dict[str, float]:
    """
    Print for each work how ours did beside the best size for it, and over all works the mean of what each size lost.

    Returns our mean (geometric) as a share of that of the best fixed size, and our worst work.
    """
    lost: dict[int | None, list[float]] = {size: [] for size in (None, *SIZES)}
    for seed in range(number):
        rows = {size: row["all"] for size, row in _each_size(mix(seed), seed).items()}
        best = min((size for size in SIZES), key=lambda size: rows[size])
        for size, one in rows.items():
            lost[size].append(one / rows[best])
        kinds = ", ".join(phase.name for phase in mix(seed))
        print(
            f"work {seed} ({kinds}): ours {rows[None] * 1e3:.0f} ms, best {best} with {rows[best] * 1e3:.0f}",
            flush=True,
        )
    means = {size: math.exp(sum(map(math.log, each)) / len(each)) for size, each in lost.items()}
    for size, mean in means.items():
        print(f"{size or 'ours':>6} {mean:10.3f} times the best of each work, {max(lost[size]):10.2f} at worst")
    own = means.pop(None)
    return {"mixes_lost_of_best_fixed": own / min(means.values()), "mixes_worst_of_best": max(lost[None])}


def _turns(phase: Phase) -> tuple[int, str]:
    one = virtual_time.run(Simulation(None, (phase,), 7).run())
    late = [size for at, size in one.sizes if at > SETTLED_SECONDS]
    steps = [(b > a) - (b < a) for a, b in pairwise(late) if a != b]
    turns = sum(a != b for a, b in pairwise(steps))
    sizes = f"sizes {min(late)} to {max(late)}"
    return turns, f"{phase.name:>14}: {turns} turns, {len(steps)} steps, {sizes}, p99 {one.p99() * 1e3:.0f} ms"


def steady() -> dict[str, float]:
    """Return the highest number of turns in an hour of steady load, after its first five minutes."""
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        found = list(processes.map(_turns, STEADY))
    for _, said in found:
        print(said)
    return {"turns_in_a_steady_hour": max(turns for turns, _ in found)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--mixes", type=int, default=8)
    parser.add_argument("--only", choices=["day", "mixes", "steady", "real", "cost"])
    chosen = parser.parse_args()
    budgets = json.loads((Path(__file__).parent / "budgets.json").read_text())["pool"]
    parts: dict[str, Callable[[], dict[str, float]]] = {
        "cost": pool_real.cost,
        "steady": steady,
        "day": lambda: day(chosen.seeds),
        "mixes": lambda: mixes(chosen.mixes),
        "real": pool_real.compare,
    }
    measured: dict[str, float] = {}
    for name, run in parts.items():
        if chosen.only in {None, name}:
            began = time.perf_counter()
            measured |= run()
            print(f"{name} took {time.perf_counter() - began:.0f} s\n")
    is_broken = False
    for name, figure in measured.items():
        is_broken |= figure > budgets[name]
        print(f"{name:34} {figure:8.3f}   budget {budgets[name]}")
    return 1 if is_broken else 0


if __name__ == "__main__":
    sys.exit(main())
