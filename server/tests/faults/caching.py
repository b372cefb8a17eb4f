"""
Registers that many write and read through the cache, and what the history of it all must obey.

Every write of a register makes its value larger by one, so the value says how new it is. A history is right when each
read saw at least every write that was acknowledged to anybody BOUND_SECONDS before the read began, or to its own
process before it began, and nothing that was never committed. All processes run on one machine and take their times
from its one monotonic clock. Run as a process of its own it is one node.
"""

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Literal
from uuid import UUID

import asyncpg
import msgspec

from healthprotocol.foundation.cache import CacheOptions, CacheSpec, tag
from healthprotocol.foundation.cache.epochs import BOUND_SECONDS
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.crypto.root import LocalRootKey
from healthprotocol.foundation.db.transaction import Database, Transaction, open_pool
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.foundation.ids import OrganisationId
from tests.support.postgresql import PATIENCE_SECONDS, PATIENT

REGISTERS = 6
# What is never committed is this much larger.
UNCOMMITTED = 1_000_000

VALUE: CacheSpec[int] = CacheSpec(name="register", kind=int, shared=True)
PAIR: CacheSpec[tuple[int, int]] = CacheSpec(name="pair", kind=tuple[int, int])
AGING: CacheSpec[int] = CacheSpec(name="aging", kind=int, shared=True, fresh_seconds=0.5, stale_seconds=30)

_PAUSE_SECONDS = 0.004
_BETWEEN_WRITES_SECONDS = 0.15
_LOAD_SECONDS = 0.01
_chance = random.Random(7)


class Event(msgspec.Struct, array_like=True, frozen=True):
    """A write that was acknowledged `at`, a read that began `at`, or something that should not have happened."""

    kind: Literal["write", "read", "error"]
    node: str
    register: str
    value: int
    at: float
    detail: str = ""


class Node:
    """One process's share of the storm. `log` is told each event as it happens."""

    def __init__(self, name: str, database: Database, organisations: list[UUID], log: Callable[[Event], None]) -> None:
        self._name = name
        self._database = database
        # What one node does is always the same; when it gets to do it is not.
        self._chance = random.Random(name)
        self._registers = [(one, _id(number)) for one in organisations for number in range(REGISTERS)]
        self._log = log

    async def run(self, *, seconds: float, readers: int = 3, writers: int = 1) -> None:
        """Read and write for so long."""
        ends = monotonic() + seconds
        await asyncio.gather(
            *(self._until(ends, self._read) for _ in range(readers)),
            *(self._until(ends, self._write) for _ in range(writers)),
        )

    async def _until(self, ends: float, act: Callable[[], Awaitable[None]]) -> None:
        while monotonic() < ends:
            try:
                await act()
            except (_OfPurpose, Unavailable):
                # A pool that is short of connections says so, which is neither old nor wrong.
                continue
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody may see it
                detail = f"{error!r} {getattr(error, 'private', '')} {error.__cause__!r}"
                self._log(Event("error", self._name, "", 0, monotonic(), detail))

    async def _read(self) -> None:
        await asyncio.sleep(_PAUSE_SECONDS * self._chance.random())
        organisation_id, register = self._chance.choice(self._registers)
        how = self._chance.choice((self._read_one, self._read_one, self._read_apart, self._read_aging, self._read_pair))
        began = monotonic()
        for name, value in await how(organisation_id, register):
            self._log(Event("read", self._name, f"{organisation_id}/{name}", value, began, how.__name__))

    async def _read_one(self, organisation_id: UUID, register: UUID) -> list[tuple[UUID, int]]:
        async with self._database.transaction(OrganisationId(organisation_id)) as tx:
            return [(register, await cached(tx, VALUE, register))]

    async def _read_aging(self, organisation_id: UUID, register: UUID) -> list[tuple[UUID, int]]:
        async with self._database.transaction(OrganisationId(organisation_id)) as tx:
            return [(register, await cached(tx, AGING, register))]

    async def _read_apart(self, organisation_id: UUID, register: UUID) -> list[tuple[UUID, int]]:
        cache = self._database.cache.of(organisation_id)
        load = _loading(register)
        return [(register, await cache.get(VALUE, register, load, tags=[tag("register", register)]))]

    async def _read_pair(self, organisation_id: UUID, register: UUID) -> list[tuple[UUID, int]]:
        other = _id(0)

        async def both(tx: Transaction) -> tuple[int, int]:
            # Of two others' values: it depends on what they depend on, without saying so.
            return await cached(tx, VALUE, register), await cached(tx, VALUE, other)

        async with self._database.transaction(OrganisationId(organisation_id)) as tx:
            first, second = await tx.cache.get(PAIR, register, both)
        return [(register, first), (other, second)]

    async def _write(self) -> None:
        await asyncio.sleep(_BETWEEN_WRITES_SECONDS * self._chance.random())
        organisation_id, register = self._chance.choice(self._registers)
        is_committed = self._chance.random() < 0.8
        async with self._database.transaction(OrganisationId(organisation_id)) as tx:
            value = await tx.fetchval(
                "update register set value = value + $3 where organisation_id = $1 and id = $2 returning value",
                organisation_id, register, 1 if is_committed else UNCOMMITTED,
            )  # fmt: skip
            if not is_committed:
                await cached(tx, VALUE, register)
                raise _OfPurpose
            tx.invalidate(tag("register", register))
            if await cached(tx, VALUE, register) != value:
                self._log(Event("error", self._name, str(register), value, monotonic(), "does not see its own write"))
        self._log(Event("write", self._name, f"{organisation_id}/{register}", value, monotonic()))


class _OfPurpose(Exception):
    """A transaction that fails because it is to."""


async def cached(tx: Transaction, spec: CacheSpec[int], register: UUID) -> int:
    """Read a register through the cache."""
    return await tx.cache.get(spec, register, _loading(register), tags=[tag("register", register)])


def _loading(register: UUID) -> Callable[[Transaction], Awaitable[int]]:
    async def load(tx: Transaction) -> int:
        value = await tx.fetchval(
            "select value from register where organisation_id = $1 and id = $2", tx.tenant, register
        )
        # Time for somebody to change it, before and after which a careless cache would look.
        await asyncio.sleep(_LOAD_SECONDS * _chance.random())
        return value

    return load


def violations(events: Iterable[Event], *, bound_seconds: float = BOUND_SECONDS) -> list[str]:
    """Return what a history should not contain."""
    known = list(events)
    writes: dict[str, list[Event]] = {}
    for event in known:
        if event.kind == "write":
            writes.setdefault(event.register, []).append(event)
    found = [f"{event.node}: {event.detail}" for event in known if event.kind == "error"]
    reads = (event for event in known if event.kind == "read")
    return found + [fault for read in reads if (fault := _fault(read, writes.get(read.register, ()), bound_seconds))]


def _fault(read: Event, writes: Sequence[Event], bound_seconds: float) -> str | None:
    anybody = max((one.value for one in writes if one.at < read.at - bound_seconds), default=0)
    own = max((one.value for one in writes if one.at < read.at and one.node == read.node), default=0)
    if read.value >= UNCOMMITTED:
        return f"{read.node}: read what was never committed ({read.detail})"
    if read.value < anybody:
        return f"{read.node}: stale past the bound by {anybody - read.value} writes ({read.detail})"
    if read.value < own:
        return f"{read.node}: did not see its own write ({read.detail})"
    return None


async def make_registers(admin_url: str, organisations: Iterable[UUID]) -> None:
    """Add the table of registers to a database, with REGISTERS of them for each organisation."""
    connection = await asyncpg.connect(admin_url)
    await connection.execute(
        "create table register (organisation_id uuid, id uuid, value bigint, primary key (organisation_id, id))"
    )
    await connection.execute("select hp_protect('register')")
    for organisation_id in organisations:
        await connection.executemany(
            "insert into register values ($1, $2, 0)", [(organisation_id, _id(number)) for number in range(REGISTERS)]
        )
    await connection.close()


def deaf(database: Database, *, dropped: float, delayed: float) -> None:
    """Have a node miss a part of what it is told, and hear another part up to three seconds late."""
    cache: Any = database.cache
    for name in ("_heard", "_heard_marks"):
        hear = getattr(cache, name)

        def hears(word: Any, hear: Callable[[Any], None] = hear) -> None:
            chance = _chance.random()
            if chance < dropped:
                return
            if chance < dropped + delayed:
                asyncio.get_running_loop().call_later(3 * _chance.random(), hear, word)
            else:
                hear(word)

        setattr(cache, name, hears)


def _id(number: int) -> UUID:
    return UUID(int=0x0190_0000_0000_7000_8000_0000_0000_0000 + number)


async def main(url: str, root_key: str, redis_url: str, name: str, seconds: str, *organisations: str) -> None:
    """Be one node, and write what happens to standard output."""
    keys = KeyRing(LocalRootKey.load(Path(root_key), inside_checkout=True))
    pool = await open_pool(url, size=10, statement_timeout_seconds=20, limits=PATIENT)
    options = CacheOptions(redis_url=redis_url or None, listens=True)
    database = Database(pool, keys=keys, wait_seconds=PATIENCE_SECONDS, cache=options)
    deaf(database, dropped=0.3, delayed=0.3)

    def log(event: Event) -> None:
        sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
        sys.stdout.buffer.flush()

    node = Node(name, database, [UUID(one) for one in organisations], log)
    await node.run(seconds=float(seconds), readers=6, writers=2)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
