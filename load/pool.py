"""
The pool that sizes itself against every fixed size, on the same changing work.

`simulation`: the real pool and the real rule in virtual time, before a model of a server with two processors whose
numbers were measured (`pool_model.py`). `steady`: an hour of the same load, to count how often the size turns. `real`:
a started PostgreSQL on this machine and asyncpg's pool in every size. `cost`: borrowing and giving back, beside
asyncpg's. Nobody is refused in these: every wait is in the figures, however long.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

import pool_real
from healthprotocol.foundation.db.pool import Pool, PoolLimits
from healthprotocol.foundation.db.pool.control import TICK_SECONDS
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
        patient = PoolLimits(least=2, most=MOST, queue=10**9, shed_after=FOREVER)
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
        lease = await pool.acquire(wait_seconds=36_000)
        pool.asks(lease)
        await self._server.answer_first()
        pool.hears(lease)
        await self._server.compute(work)
        if pause:
            await asyncio.sleep(pause)
        pool.release(lease, is_clean=True)
        self.latencies[name].append(self._clock() - began)


def simulation(seeds: int) -> dict[str, float]:
    """Print the table, and return our p99 as a share of the best fixed size's, worst of the seeds."""
    worst = 0.0
    for seed in range(seeds):
        rows = {size: virtual_time.run(Simulation(size, PHASES, seed).run()) for size in (None, *SIZES)}
        print(f"\nseed {seed}, p99 ms" + "".join(f"{phase.name:>14}" for phase in PHASES) + f"{'all':>12}")
        for size, one in rows.items():
            cells = "".join(f"{one.p99(phase.name) * 1e3:14.0f}" for phase in PHASES)
            print(f"{size or 'ours':>14}{cells}{one.p99() * 1e3:12.0f}")
        print("our sizes:", sorted({size for _, size in rows[None].sizes}))
        worst = max(worst, rows[None].p99() / min(one.p99() for size, one in rows.items() if size))
    return {"simulated_p99_of_best_fixed": worst}


def steady() -> dict[str, float]:
    """Return the highest number of turns in an hour of steady load, after its first five minutes."""
    most = 0
    for phase in STEADY:
        one = virtual_time.run(Simulation(None, (phase,), 7).run())
        late = [size for at, size in one.sizes if at > SETTLED_SECONDS]
        steps = [(b > a) - (b < a) for a, b in pairwise(late) if a != b]
        turns = sum(a != b for a, b in pairwise(steps))
        print(
            f"{phase.name:>14}: {turns} turns, {len(steps)} steps, sizes {min(late)} to {max(late)}, "
            f"p99 {one.p99() * 1e3:.0f} ms"
        )
        most = max(most, turns)
    return {"turns_in_a_steady_hour": most}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=["simulation", "steady", "real", "cost"])
    chosen = parser.parse_args()
    budgets = json.loads((Path(__file__).parent / "budgets.json").read_text())["pool"]
    parts: dict[str, Callable[[], dict[str, float]]] = {
        "cost": pool_real.cost,
        "steady": steady,
        "simulation": lambda: simulation(chosen.seeds),
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
