"""
The pool that sizes itself against every fixed size, on the same changing work.

`simulation`: the real pool and the real rule in virtual time, before a model of a server with two processors whose
numbers were measured (see `Processors`). `steady`: an hour of the same load, to count how often the size turns.
`real`: a started PostgreSQL on this machine. `cost`: what borrowing and giving back costs beside asyncpg's pool.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from healthprotocol.foundation.db.pool import Pool, PoolLimits, Refused
from pool_model import Processors, SimulatedServer
from tests.support import virtual_time

SIZES = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)
MOST = 64
FOREVER = float("inf")


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


class Seen(msgspec.Struct):
    """What one kind of pool did: latencies by phase, in seconds, a refusal counted as one that never ends."""

    latencies: dict[str, list[float]]
    refused: int = 0
    turns: int = 0
    sizes: list[tuple[float, int]] = []

    def p99(self, phase: str | None = None) -> float:
        found = self.latencies[phase] if phase else [one for each in self.latencies.values() for one in each]
        return sorted(found)[int(len(found) * 0.99)]


def limits(size: int | None) -> PoolLimits:
    """
    A fixed size is the same pool with nothing left to decide.

    Nobody is refused here, neither by ours nor by a fixed one: every wait is in the figures, however long.
    """
    patient = PoolLimits(least=2, most=MOST, queue=10**9, shed_after=FOREVER)
    return patient if size is None else msgspec.structs.replace(patient, least=size, most=size, longest_idle=FOREVER)


async def simulate(size: int | None, phases: tuple[Phase, ...], seed: int) -> Seen:
    """Run the phases in virtual time, with `size` fixed, or None for our rule."""
    draw = random.Random(seed)
    server = SimulatedServer(Processors(), random.Random(seed + 1))
    pools = [Pool(server.connect, limits(size), clock=virtual_time.now) for _ in range(max(p.workers for p in phases))]
    for pool in pools:
        await pool.open()
    seen = Seen({phase.name: [] for phase in phases})
    tasks: set[asyncio.Task[None]] = set()

    async def one(pool: Pool, phase: Phase, work: float, pause: float) -> None:
        began = virtual_time.now()
        try:
            lease = await pool.acquire(wait_seconds=3600)
        except Refused:
            seen.refused += 1
            seen.latencies[phase.name].append(FOREVER)
            return
        pool.asks(lease)
        await server.answer_first()
        pool.hears(lease)
        await server.compute(work)
        if pause:
            await asyncio.sleep(pause)
        pool.release(lease, is_clean=True)
        seen.latencies[phase.name].append(virtual_time.now() - began)

    def start(phase: Phase) -> None:
        pause = draw.expovariate(1 / phase.pause) if phase.pause else 0.0
        pool = pools[draw.randrange(phase.workers)]
        task = asyncio.create_task(one(pool, phase, draw.expovariate(1 / phase.work), pause))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    for phase in phases:
        ends, next_wave = virtual_time.now() + phase.seconds, virtual_time.now() + 5
        while (now := virtual_time.now()) < ends:
            seen.sizes.append((now, pools[0].figures().limit))
            if phase.wave and now >= next_wave:
                next_wave += 10
                for _ in range(phase.wave):
                    start(phase)
            start(phase)
            await asyncio.sleep(draw.expovariate(phase.rate))
    await asyncio.gather(*tasks)
    seen.turns = sum(pool.counts["turned"] for pool in pools)
    for pool in pools:
        await pool.close()
    return seen


def simulation(seeds: int) -> dict[str, float]:
    """Print the table, and return our p99 as a share of the best fixed size's, worst of the seeds."""
    worst = 0.0
    for seed in range(seeds):
        ours = virtual_time.run(simulate(None, PHASES, seed))
        rows = {str(size): virtual_time.run(simulate(size, PHASES, seed)) for size in SIZES}
        names = [phase.name for phase in PHASES]
        print(f"\nseed {seed}: p99 in ms" + "".join(f"{name:>14}" for name in names) + f"{'all':>12}{'refused':>9}")
        for name, one in {"ours": ours, **rows}.items():
            print(f"{name:>20}" + "".join(f"{one.p99(p) * 1e3:14.0f}" for p in names)
                  + f"{one.p99() * 1e3:12.0f}{one.refused:9}")  # fmt: skip
        print(f"turns: {ours.turns}, sizes: {sorted({size for _, size in ours.sizes})}")
        worst = max(worst, ours.p99() / min(one.p99() for one in rows.values()))
    return {"simulated_p99_of_best_fixed": worst}


STEADY = (
    Phase(name="processors", seconds=3600, rate=90, work=0.0145),
    Phase(name="near the edge", seconds=3600, rate=125, work=0.0145),
    Phase(name="pauses", seconds=3600, rate=60, work=0.002, pause=0.25),
)


def steady() -> dict[str, float]:
    """Return the highest number of turns in an hour of steady load, after the first five minutes."""
    most = 0
    for phase in STEADY:
        seen = virtual_time.run(simulate(None, (phase,), 7))
        late = [size for at, size in seen.sizes if at > 300]
        steps = [(b > a) - (b < a) for a, b in zip(late, late[1:], strict=False) if a != b]
        turns = sum(a != b for a, b in zip(steps, steps[1:], strict=False))
        print(f"steady {phase.name:>14}: turns {turns:3}, steps {len(steps):3}, sizes {min(late)}..{max(late)}, "
              f"p99 {seen.p99() * 1e3:.0f} ms")  # fmt: skip
        most = max(most, turns)
    return {"turns_in_a_steady_hour": most}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("only", nargs="*", choices=["simulation", "steady", "real", "cost", []])
    chosen = parser.parse_args()
    budgets = json.loads((Path(__file__).parent / "budgets.json").read_text())["pool"]
    measured: dict[str, float] = {}
    everything: dict[str, Any] = {"simulation": lambda: simulation(chosen.seeds), "steady": steady}
    for name, run in everything.items():
        if not chosen.only or name in chosen.only:
            began = time.perf_counter()
            measured |= run()
            print(f"{name} took {time.perf_counter() - began:.0f} s")
    is_broken = False
    for name, figure in measured.items():
        is_broken |= figure > budgets[name]
        print(f"{name:36} {figure:10.3f}   budget {budgets[name]}")
    return 1 if is_broken else 0


if __name__ == "__main__":
    sys.exit(main())
