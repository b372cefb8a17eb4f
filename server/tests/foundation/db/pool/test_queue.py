"""Who is served next: classes in order, age lifts, nobody below the critical class starves."""

import asyncio

from healthprotocol.foundation.db.pool.queue import AGE_SECONDS, Priority, Waiter, WaitQueue


def waiter(priority: Priority, since: float) -> Waiter:
    return Waiter(priority, since, asyncio.get_running_loop().create_future())


def anybody(_priority: Priority) -> bool:
    return True


async def served(queue: WaitQueue, now: float) -> list[tuple[Priority, float]]:
    order: list[tuple[Priority, float]] = []
    while (first := queue.first(now, anybody)) is not None:
        queue.remove(first)
        order.append((first.priority, first.since))
    return order


class TestFirst:
    async def test_classes_go_in_order_and_each_in_order_of_arrival(self) -> None:
        queue = WaitQueue()
        for priority in (Priority.BACKGROUND, Priority.INTERACTIVE, Priority.CRITICAL):
            for since in (0.2, 0.3):
                queue.add(waiter(priority, since))

        order = await served(queue, now=0.5)

        assert order == [
            (Priority.CRITICAL, 0.2),
            (Priority.CRITICAL, 0.3),
            (Priority.INTERACTIVE, 0.2),
            (Priority.INTERACTIVE, 0.3),
            (Priority.BACKGROUND, 0.2),
            (Priority.BACKGROUND, 0.3),
        ]

    async def test_age_lifts_the_background_past_those_who_came_later(self) -> None:
        queue = WaitQueue()
        queue.add(waiter(Priority.BACKGROUND, 0.0))
        queue.add(waiter(Priority.INTERACTIVE, 2 * AGE_SECONDS))
        queue.add(waiter(Priority.CRITICAL, 2 * AGE_SECONDS))

        order = await served(queue, now=2.1 * AGE_SECONDS)

        assert [priority for priority, _ in order] == [
            Priority.CRITICAL,
            Priority.BACKGROUND,
            Priority.INTERACTIVE,
        ]

    async def test_a_class_that_may_not_be_served_holds_nobody_up(self) -> None:
        queue = WaitQueue()
        queue.add(waiter(Priority.INTERACTIVE, 0.0))
        queue.add(waiter(Priority.CRITICAL, 1.0))

        first = queue.first(1.0, lambda priority: priority is Priority.CRITICAL)
        nobody = queue.first(1.0, lambda _: False)

        assert first is not None
        assert first.priority is Priority.CRITICAL
        assert nobody is None


class TestCounting:
    async def test_who_leaves_is_counted_out_once(self) -> None:
        queue = WaitQueue()
        one = waiter(Priority.INTERACTIVE, 1.0)
        queue.add(one)
        queue.add(waiter(Priority.BACKGROUND, 0.5))

        assert queue.oldest_since() == 0.5
        assert queue.oldest_since(Priority.INTERACTIVE) == 1.0
        assert (queue.ahead_of(Priority.INTERACTIVE), queue.ahead_of(Priority.BACKGROUND)) == (1, 2)
        assert queue.remove(one)
        assert not queue.remove(one)
        assert len(queue) == 1
        assert queue.oldest_since(Priority.INTERACTIVE) is None
