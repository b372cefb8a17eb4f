"""Many who read over HTTP at the same time and remember what they were told, while what answers them is killed."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx2
import msgspec

from healthprotocol.trust.audit.model import StoredEvent
from tests.foundation.jobs.workers import eventually

AT_ONCE = 12
# Longer than anything that is waited for on the way: who hears nothing for so long hangs.
LONGEST_SECONDS = 40
_PAUSE_SECONDS = 0.05
_LOCK = 190_019

# Every event is kept from its commit for as long as somebody else holds the lock: there a kill can strike.
_LINGER = f"""
create function linger_at_commit() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared({_LOCK});
  return null;
end $$;
create constraint trigger lingers after insert on audit_event deferrable initially deferred
  for each row execute function linger_at_commit();
"""
_WAITING = "select count(*) from pg_locks where not granted and (relation = 'audit_event'::regclass or objid = $1)"


class Told(msgspec.Struct, frozen=True):
    """What became of one read: `status` None when the connection broke before it was answered."""

    request_id: str
    status: int | None
    has_data: bool


class Readers:
    """AT_ONCE clients, each with one read after the other, the same ones in every run."""

    def __init__(self, http: httpx2.AsyncClient, paths: Sequence[str], *, seed: int) -> None:
        self.told: list[Told] = []
        self.hung: list[str] = []
        self._http = http
        self._paths = paths
        self._seed = seed
        self._is_over = False

    @property
    def port(self) -> int:
        """Where they read."""
        port = self._http.base_url.port
        assert port is not None
        return port

    @property
    def answered(self) -> int:
        """How many reads were answered with data."""
        return sum(one.has_data for one in self.told)

    @property
    def unanswered(self) -> int:
        """How many were not."""
        return len(self.told) - self.answered

    async def have_read(self, more: int) -> None:
        """Return when so many more reads are answered with data than now."""
        wanted = self.answered + more

        async def have() -> bool:
            return self.answered >= wanted

        await eventually(have)

    async def have_been_refused(self, before: int) -> None:
        """Return when more reads than `before` have been left without data."""

        async def have() -> bool:
            return self.unanswered > before

        await eventually(have)

    async def is_served(self) -> bool:
        """Return whether somebody serves at the readers' address."""
        try:
            return (await self._http.get("/livez")).status_code == 200
        except httpx2.TransportError:
            return False

    async def stand_still(self) -> None:
        """Return when nobody is answered any more, for what all wait for is held."""
        before, polls = -1, 0

        async def nothing_moves() -> bool:
            nonlocal before, polls
            polls = polls + 1 if before == len(self.told) else 0
            before = len(self.told)
            return polls >= AT_ONCE

        await eventually(nothing_moves)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["Readers"]:
        """Read for the length of the block; what was asked by then is waited for."""
        tasks = [asyncio.create_task(self._read_on(number)) for number in range(AT_ONCE)]
        try:
            yield self
        finally:
            self._is_over = True
            await asyncio.wait_for(asyncio.gather(*tasks), LONGEST_SECONDS * 2)

    async def _read_on(self, number: int) -> None:
        chance, count = random.Random(f"{self._seed} {number}"), 0
        while not self._is_over:
            count += 1
            one = await self._read(f"read-{number:02}-{count:06}", chance.choice(self._paths))
            self.told.append(one)
            if not one.has_data:
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _read(self, request_id: str, path: str) -> Told:
        try:
            answer = await self._http.get(f"/api/v1{path}", headers={"x-request-id": request_id})
        except httpx2.TimeoutException:
            self.hung.append(request_id)
            return Told(request_id, None, has_data=False)
        except httpx2.TransportError:
            return Told(request_id, None, has_data=False)
        is_problem = answer.headers["content-type"] == "application/problem+json"
        return Told(request_id, answer.status_code, has_data=not is_problem)


class Log:
    """The audit log as its administrator sees it, and how its writers are held where a kill is to strike them."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def prepare(self) -> None:
        """Let commits be held."""
        async with self._connected() as connection:
            await connection.execute(_LINGER)

    @asynccontextmanager
    async def holding_a_group(self, readers: Readers, *, at_commit: bool) -> AsyncIterator[None]:
        """
        Hold a group of events while it is written, or in its commit, for the length of the block.

        The first event is written alone. So it is held until all others wait behind it, let go, and the next one held.
        """
        async with self._connected() as first, self._connected() as second, self._connected() as watcher:

            async def wait_for(count: int) -> None:
                async def so_many() -> bool:
                    return await watcher.fetchval(_WAITING, _LOCK) >= count

                await eventually(so_many)

            begun, then = first.transaction(), second.transaction()
            await begun.start()
            await first.execute("lock table audit_event in share mode")
            await readers.stand_still()
            await wait_for(1)
            await then.start()
            # It queues up behind the event that waits, and before those that have not come yet.
            next_lock = asyncio.create_task(second.execute("lock table audit_event in share mode"))
            await wait_for(2)
            await begun.rollback()
            await next_lock
            await wait_for(1)
            if at_commit:
                await first.execute("select pg_advisory_lock($1)", _LOCK)
                await then.rollback()
                await wait_for(1)
            yield

    async def events(self) -> list[tuple[StoredEvent, bytes, int]]:
        """Return each event of a read, with its leaf and how many events its transaction wrote."""
        async with self._connected() as connection:
            rows = await connection.fetch(
                """
                select organisation_id, at, id, actor_id, actor_role, session_hash, action, object_type, object_id,
                  subject_id, subject_ids, outcome, purpose, request_id, address_ct, detail_ct, salt, epoch, leaf,
                  count(*) over (partition by xmin::text) as together
                from audit_event where request_id like 'read-%'
                """
            )
        return [_event(dict(row)) for row in rows]

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        connection = await asyncpg.connect(self._url)
        try:
            yield connection
        finally:
            # The server may be dead by now: there is nobody to say goodbye to.
            connection.terminate()


def _event(row: dict[str, Any]) -> tuple[StoredEvent, bytes, int]:
    leaf, together = row.pop("leaf"), row.pop("together")
    row["subject_ids"] = tuple(row["subject_ids"])
    return StoredEvent(**row), leaf, together
