"""What borrowing promises, in virtual time: order, limits, refusals at once, and that nothing is ever lost."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from healthprotocol.foundation.db.pool import Lease, Pool, PoolLimits, Priority, Refused
from tests.foundation.db.pool.server import FakeServer
from tests.support import virtual_time

Act = Callable[[Pool, FakeServer], Awaitable[Any]]


def with_pool(act: Act, *, server: FakeServer | None = None, **limits: Any) -> Any:
    """Run `act` with a pool before a fake server, both in virtual time."""
    server = server or FakeServer()

    async def run() -> Any:
        pool = Pool(server.connect, PoolLimits(**limits), clock=virtual_time.now)
        await pool.open()
        try:
            return await act(pool, server)
        finally:
            await pool.close()
            assert server.open == set()

    return virtual_time.run(run())


async def use(pool: Pool, seconds: float, priority: Priority = Priority.INTERACTIVE, **more: Any) -> float:
    """Borrow, work, give back; return how long the wait was."""
    began = virtual_time.now()
    lease = await pool.acquire(priority, **more)
    waited = virtual_time.now() - began
    try:
        pool.asks(lease)
        await asyncio.sleep(0.0001)
        pool.hears(lease)
        await asyncio.sleep(seconds)
    finally:
        pool.release(lease, is_clean=True)
    return waited


async def all_of(pool: Pool, number: int, priority: Priority = Priority.INTERACTIVE) -> list[Lease]:
    return [await pool.acquire(priority) for _ in range(number)]


class TestAcquire:
    def test_the_last_one_used_is_lent_first(self) -> None:
        async def act(pool: Pool, _server: FakeServer) -> None:
            leases = await all_of(pool, 3)
            for lease in leases:
                pool.release(lease, is_clean=True)

            again = await pool.acquire()

            assert again.connection is leases[-1].connection
            pool.release(again, is_clean=True)

        with_pool(act, most=4)

    def test_grows_to_what_the_work_needs_and_closes_it_later(self) -> None:
        async def act(pool: Pool, server: FakeServer) -> None:
            tasks: list[asyncio.Task[float]] = []
            for _ in range(400):
                tasks.append(asyncio.create_task(use(pool, 0.25)))
                await asyncio.sleep(0.0125)
            await asyncio.gather(*tasks)
            await asyncio.sleep(0.5)
            busy = pool.figures()
            await asyncio.sleep(600)
            idle = pool.figures()

            assert busy.limit >= 20
            assert server.highest <= 31
            assert (idle.open, idle.limit) == (2, 2)
            assert busy.counts["refused_late"] == 0

        with_pool(act, most=30, least=2)

    def test_waits_no_longer_than_it_is_told(self) -> None:
        async def act(pool: Pool, _server: FakeServer) -> None:
            held = await all_of(pool, 1)
            began = virtual_time.now()
            with pytest.raises(Refused, match="late"):
                await pool.acquire(wait_seconds=0.3)
            assert virtual_time.now() - began == pytest.approx(0.3)
            pool.release(held[0], is_clean=True)

        with_pool(act, most=1)


class TestClasses:
    def test_critical_work_is_served_while_everything_else_is_lent(self) -> None:
        async def act(pool: Pool, server: FakeServer) -> None:
            held = await all_of(pool, 4)

            waited = await use(pool, 0.0, Priority.CRITICAL)

            assert waited <= 2 * server.open_seconds
            for lease in held:
                pool.release(lease, is_clean=True)

        with_pool(act, most=4)

    def test_the_background_never_has_the_last_quarter(self) -> None:
        async def act(pool: Pool, server: FakeServer) -> None:
            held = await all_of(pool, 3, Priority.BACKGROUND)
            fourth = asyncio.create_task(use(pool, 0.0, Priority.BACKGROUND))
            await asyncio.sleep(0.05)

            waited = await use(pool, 0.0)

            assert not fourth.done()
            assert waited <= 2 * server.open_seconds
            for lease in held:
                pool.release(lease, is_clean=True)
            await fourth

        with_pool(act, most=4, least=4)

    def test_the_background_is_served_in_the_end_under_a_flood(self) -> None:
        async def act(pool: Pool, _server: FakeServer) -> None:
            late = asyncio.Event()

            async def flood() -> None:
                while not late.is_set():
                    asyncio.create_task(use(pool, 0.1, wait_seconds=1000)).add_done_callback(lambda _: None)
                    await asyncio.sleep(0.04)

            flooding = asyncio.create_task(flood())
            await asyncio.sleep(10)
            waited = await use(pool, 0.0, Priority.BACKGROUND, wait_seconds=1000)
            still_waiting = pool.figures().waiting
            late.set()
            await flooding
            await asyncio.sleep(30)

            assert 1.0 < waited < 10.0
            assert still_waiting > 20

        with_pool(act, most=2, queue=1000, shed_after=1000.0)


class TestRefusals:
    def test_when_the_queue_is_full(self) -> None:
        async def act(pool: Pool, _server: FakeServer) -> None:
            held = await all_of(pool, 1)
            waiting = [asyncio.create_task(use(pool, 0.0)) for _ in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(Refused, match="full"):
                await pool.acquire()
            pool.release(held[0], is_clean=True)
            await asyncio.gather(*waiting)

        with_pool(act, most=1, queue=3)

    def test_when_the_first_in_the_queue_has_waited_too_long_but_never_of_critical_work(self) -> None:
        async def act(pool: Pool, _server: FakeServer) -> None:
            held = await all_of(pool, 2)
            waiting = asyncio.create_task(use(pool, 0.0))
            await asyncio.sleep(0.6)
            began = virtual_time.now()
            with pytest.raises(Refused, match="shed") as refused:
                await pool.acquire()
            assert virtual_time.now() == began
            assert refused.value.retry_after_seconds >= 1.0
            assert await use(pool, 0.0, Priority.CRITICAL) < 0.1
            for lease in held:
                pool.release(lease, is_clean=True)
            await waiting

        with_pool(act, most=2)

    def test_when_the_queue_could_not_be_served_before_the_deadline(self) -> None:
        async def act(pool: Pool, _server: FakeServer) -> None:
            flood = [asyncio.create_task(use(pool, 0.5, wait_seconds=1000)) for _ in range(100)]
            await asyncio.sleep(3)
            began = virtual_time.now()
            with pytest.raises(Refused, match="hopeless"):
                await pool.acquire(wait_seconds=2)
            assert virtual_time.now() == began
            await asyncio.gather(*flood)

        with_pool(act, most=2, queue=1000, shed_after=1000.0)

    def test_everybody_when_it_closes(self) -> None:
        async def act(pool: Pool, _server: FakeServer) -> None:
            held = await all_of(pool, 1)
            waiting = asyncio.create_task(pool.acquire())
            await asyncio.sleep(0)
            closing = asyncio.create_task(pool.close())
            with pytest.raises(Refused, match="closed"):
                await waiting
            with pytest.raises(Refused, match="closed"):
                await pool.acquire()
            assert not closing.done()
            pool.release(held[0], is_clean=True)
            await closing

        with_pool(act, most=1)


class TestTheServer:
    def test_that_restarts_is_found_again_by_those_who_wait(self) -> None:
        async def act(pool: Pool, server: FakeServer) -> None:
            await asyncio.gather(*(use(pool, 0.1) for _ in range(4)))
            server.error = ConnectionRefusedError()
            server.restart()
            waiting = asyncio.create_task(use(pool, 0.0))
            await asyncio.sleep(1.0)
            server.error = None

            assert await waiting < 2.0
            assert pool.figures().counts["lost"] >= 1

        with_pool(act, most=4)

    def test_that_stays_away_is_told_at_once_and_found_when_it_is_back(self) -> None:
        async def act(pool: Pool, server: FakeServer) -> None:
            server.error = ConnectionRefusedError()
            server.restart()
            with pytest.raises(Refused, match="late"):
                await pool.acquire(wait_seconds=2.5)
            began = virtual_time.now()
            with pytest.raises(Refused, match="unreachable"):
                await pool.acquire()
            assert virtual_time.now() == began
            server.error = None
            await asyncio.sleep(6)

            assert await use(pool, 0.0) == pytest.approx(0.0)

        with_pool(act, most=4)

    def test_that_does_not_know_us_is_told_at_once(self) -> None:
        async def act(pool: Pool, server: FakeServer) -> None:
            server.error = asyncpg.InvalidPasswordError("no")
            server.restart()
            with pytest.raises(Refused, match="unreachable"):
                await pool.acquire(wait_seconds=60)
            server.error = None
            await asyncio.sleep(1)

        with_pool(act, most=4)

    def test_that_has_no_more_connections_lowers_the_bound_for_a_while(self) -> None:
        async def act(pool: Pool, _server: FakeServer) -> None:
            flood = [asyncio.create_task(use(pool, 0.2, wait_seconds=100)) for _ in range(60)]
            await asyncio.sleep(2)
            short = pool.figures()
            await asyncio.gather(*flood)
            await asyncio.sleep(35)

            assert (short.open, short.bound) == (5, 4)
            assert pool.figures().bound == 20

        with_pool(act, server=FakeServer(most=5), most=20, queue=1000, shed_after=1000.0)

    def test_one_dead_connection_makes_the_idle_ones_prove_themselves(self) -> None:
        async def act(pool: Pool, server: FakeServer) -> None:
            leases = await all_of(pool, 4)
            for lease in leases:
                pool.release(lease, is_clean=True)
            leases[0].connection.is_mute = True
            leases[3].connection.terminate()

            again = await pool.acquire()
            await asyncio.sleep(3)

            assert leases[0].connection.is_closed()
            assert leases[1].connection.said == ["select 1"]
            assert pool.figures().counts["lost"] == 1
            pool.release(again, is_clean=True)

        with_pool(act, most=4, least=4)


class TestConnections:
    def test_one_that_is_not_clean_is_mended_before_it_is_lent_again(self) -> None:
        async def act(pool: Pool, _server: FakeServer) -> None:
            lease = await pool.acquire()
            pool.release(lease, is_clean=False)
            again = await pool.acquire()

            assert again.connection is lease.connection
            assert again.connection.said == ["rollback"]
            pool.release(again, is_clean=True)

        with_pool(act, most=1)

    def test_one_that_cannot_be_mended_is_dropped(self) -> None:
        async def act(pool: Pool, _server: FakeServer) -> None:
            lease = await pool.acquire()
            lease.connection.is_mute = True
            pool.release(lease, is_clean=False)
            again = await pool.acquire(wait_seconds=10)

            assert again.connection is not lease.connection
            pool.release(again, is_clean=True)

        with_pool(act, most=1)

    def test_each_is_retired_at_its_age_and_not_all_at_once(self) -> None:
        async def act(pool: Pool, server: FakeServer) -> None:
            retired_at: set[int] = set()
            began = server.opened
            for second in range(3600):
                before = pool.counts["retired"]
                await asyncio.gather(*(use(pool, 0.01) for _ in range(4)))
                await asyncio.sleep(1)
                if pool.counts["retired"] > before:
                    retired_at.add(second)

            assert pool.counts["retired"] >= 4
            assert len(retired_at) >= 3
            assert server.opened - began <= 16

        with_pool(act, most=4, least=4, longest_life=1800.0)

    def test_one_that_lay_idle_is_asked_whether_it_lives(self) -> None:
        async def act(pool: Pool, server: FakeServer) -> None:
            await use(pool, 0.0)
            next(iter(server.open)).is_mute = True
            await asyncio.sleep(40)

            assert await use(pool, 0.0) < 0.1
            assert server.opened == 2

        with_pool(act, most=4, least=1)


class TestPulse:
    def test_is_not_that_of_many_who_begin_at_once(self) -> None:
        """Each waits for the others in this process; the server answers each of them in a tenth of a millisecond."""

        async def act(pool: Pool, _server: FakeServer) -> float:
            leases = await all_of(pool, 4)
            for lease in leases:
                pool.asks(lease)
            await asyncio.sleep(0.0001)
            for lease in leases:
                pool.hears(lease)
                # What this process does with each answer before it looks at the next.
                await asyncio.sleep(0.01)
                pool.release(lease, is_clean=True)
            await asyncio.sleep(0.2)
            return pool.figures().pulse

        assert with_pool(act) < 0.0002

    def test_of_one_who_never_heard_an_answer_does_not_end_the_following(self) -> None:
        async def act(pool: Pool, _server: FakeServer) -> float:
            lost = await pool.acquire()
            pool.asks(lost)
            pool.release(lost, is_clean=False)
            await use(pool, 0.01)
            await asyncio.sleep(0.2)
            return pool.figures().pulse

        assert with_pool(act) == pytest.approx(0.0001)
