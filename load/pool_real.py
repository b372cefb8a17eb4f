"""The pool before a started PostgreSQL on this machine, beside asyncpg's pool in every fixed size."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg
import msgspec
import uvloop

from healthprotocol.foundation.db.embedded import EmbeddedServer
from healthprotocol.foundation.db.pool import Pool, PoolLimits
from healthprotocol.foundation.db.pool.postgresql import open_pool

SIZES = (1, 2, 4, 8, 12, 16, 24, 32, 48)
MOST = 48
LOANS = 20_000
CHEAP = "select 1"
WORK = "select sum(i) from generate_series(1, 60000) i"
SLOW = "select pg_sleep(0.1)"
BEGIN = "begin; set local app.organisation = '00000000-0000-0000-0000-000000000000'"

Use = Callable[[str], Awaitable[None]]


class Phase(msgspec.Struct, frozen=True):
    """A stretch of work: its statement, how many a second, and how many at once every two seconds."""

    name: str
    seconds: float
    statement: str
    rate: float
    wave: int = 0


def phases(capacity: float) -> tuple[Phase, ...]:
    """Return the work for a server that does `capacity` of WORK a second on four connections."""
    return (
        Phase("idle", 3, CHEAP, 20),
        Phase("burst", 8, WORK, 0.75 * capacity, wave=int(0.25 * capacity)),
        Phase("slow queries", 6, SLOW, 200),
        Phase("burst again", 8, WORK, 0.75 * capacity, wave=int(0.25 * capacity)),
    )


@asynccontextmanager
async def ours(url: str) -> AsyncIterator[Use]:
    limits = PoolLimits(queue=10**6, shed_after=1e9)
    pool: Pool = await open_pool(url, size=MOST, statement_timeout_seconds=60, limits=limits)

    async def use(statement: str) -> None:
        lease = await pool.acquire(wait_seconds=600)
        pool.asks(lease)
        await lease.connection.execute(BEGIN)
        pool.hears(lease)
        await lease.connection.fetchval(statement)
        await lease.connection.execute("commit")
        pool.release(lease, is_clean=True)

    yield use
    counts = pool.figures().counts
    print(f"      ours grew {counts['grew']}, shrank {counts['shrank']}, turned {counts['turned']} times")
    await pool.close()


@asynccontextmanager
async def fixed(url: str, size: int) -> AsyncIterator[Use]:
    pool = await asyncpg.create_pool(url, min_size=size, max_size=size, reset=_nothing)

    async def use(statement: str) -> None:
        connection = await pool.acquire()
        await connection.execute(BEGIN)
        await connection.fetchval(statement)
        await connection.execute("commit")
        await pool.release(connection)

    yield use
    await pool.close()


async def drive(use: Use, work: tuple[Phase, ...], seed: int) -> dict[str, list[float]]:
    """Send the phases whether or not the last is answered, and return every latency in seconds."""
    draw = random.Random(seed)
    seen: dict[str, list[float]] = {phase.name: [] for phase in work}
    tasks: set[asyncio.Task[None]] = set()

    async def one(phase: Phase) -> None:
        began = perf_counter()
        await use(phase.statement)
        seen[phase.name].append(perf_counter() - began)

    def start(phase: Phase) -> None:
        task = asyncio.create_task(one(phase))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    for phase in work:
        at, ends = perf_counter(), perf_counter() + phase.seconds
        next_wave = at + 1
        while at < ends:
            await asyncio.sleep(max(0.0, at - perf_counter()))
            if phase.wave and at >= next_wave:
                next_wave += 2
                for _ in range(phase.wave):
                    start(phase)
            start(phase)
            at += draw.expovariate(phase.rate)
    while tasks:
        await asyncio.wait(tasks)
    return seen


def p99(seen: list[float]) -> float:
    return sorted(seen)[int(len(seen) * 0.99)]


async def _compare(url: str) -> dict[str, float]:
    work = phases(await _capacity(url))
    rows: dict[str, dict[str, list[float]]] = {}
    for size in (None, *SIZES):
        async with ours(url) if size is None else fixed(url, size) as use:
            rows[str(size or "ours")] = await drive(use, work, seed=3)
    print(f"{'p99 ms':>10}" + "".join(f"{phase.name:>14}" for phase in work) + f"{'all':>10}")
    total: dict[str, float] = {}
    for name, seen in rows.items():
        total[name] = p99([one for each in seen.values() for one in each])
        print(
            f"{name:>10}" + "".join(f"{p99(each) * 1e3:14.0f}" for each in seen.values()) + f"{total[name] * 1e3:10.0f}"
        )
    own = total.pop("ours")
    return {"real_p99_of_best_fixed": own / min(total.values())}


async def _capacity(url: str) -> float:
    seconds = 3.0
    async with fixed(url, 4) as use:
        ends, done = perf_counter() + seconds, 0

        async def worker() -> None:
            nonlocal done
            while perf_counter() < ends:
                await use(WORK)
                done += 1

        await asyncio.gather(*(worker() for _ in range(4)))
    print(f"capacity: {done / seconds:.0f} transactions a second on four connections")
    return done / seconds


async def _cost(url: str) -> dict[str, float]:
    own = await open_pool(url, size=4, statement_timeout_seconds=5)
    other = await asyncpg.create_pool(url, min_size=1, max_size=4, reset=_nothing)
    best = {"ours": float("inf"), "asyncpg": float("inf")}
    # In turns, so that whatever else this machine does meets both.
    for _ in range(7):
        began = perf_counter()
        for _ in range(LOANS):
            own.release(await own.acquire(wait_seconds=2, request_id="r"), is_clean=True)
        best["ours"] = min(best["ours"], (perf_counter() - began) / LOANS)
        began = perf_counter()
        for _ in range(LOANS):
            await other.release(await other.acquire(timeout=2))
        best["asyncpg"] = min(best["asyncpg"], (perf_counter() - began) / LOANS)
    await own.close()
    await other.close()
    print(f"acquire and release: ours {best['ours'] * 1e6:.1f} us, asyncpg {best['asyncpg'] * 1e6:.1f} us")
    return {"cost_of_asyncpgs": best["ours"] / best["asyncpg"]}


async def _nothing(_connection: Any) -> None:
    """The server's settings are local to each transaction."""


def _with_server(measure: Callable[[str], Awaitable[dict[str, float]]]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder), durable=False) as server:
        return uvloop.run(measure(server.url))


def compare() -> dict[str, float]:
    """Print the table, and return our p99 as a share of the best fixed size's."""
    return _with_server(_compare)


def cost() -> dict[str, float]:
    """Return what a loan of ours costs as a share of one of asyncpg's."""
    return _with_server(_cost)
