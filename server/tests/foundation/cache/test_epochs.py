"""What a process believes of epochs, for how long, and how many questions that takes."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from healthprotocol.foundation.cache.entry import Name
from healthprotocol.foundation.cache.epochs import EpochBook

NAMES: list[Name] = [(UUID(int=1), f"noun:{UUID(int=number)}") for number in range(20)]
A, B = NAMES[:2]
BOUND = 2.0
PATIENCE_SECONDS = 60


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def book_of(clock: Clock | None = None) -> EpochBook:
    """A book whose time stands still unless the test moves it, however long this machine takes."""
    return EpochBook(bound_seconds=BOUND, monotonic=clock or Clock())


class Truth:
    """Epochs as they stand in the database; each question takes a moment and is counted."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.epochs: dict[Name, int] = {}
        self.questions: list[list[Name]] = []
        self._seconds = seconds

    async def __call__(self, names: Sequence[Name]) -> list[int]:
        self.questions.append(list(names))
        seen = [self.epochs.get(name, 0) for name in names]
        await asyncio.sleep(self._seconds)
        return seen


class TestBelief:
    async def test_ends_at_the_bound(self) -> None:
        clock, truth = Clock(), Truth()
        book = book_of(clock)

        await book.check([A], truth)
        clock.now += BOUND
        before = book.agrees({A: 0})
        clock.now += 0.01

        assert (before, book.agrees({A: 0})) == (True, None)

    async def test_ends_with_a_word_of_a_change(self) -> None:
        book, truth = book_of(), Truth()

        await book.check([A, B], truth)
        book.heard([A])

        assert (book.agrees({A: 0}), book.agrees({B: 0})) == (None, True)

    async def test_ends_for_everything_when_the_connection_is_lost(self) -> None:
        book, truth = book_of(), Truth()

        await book.check([A, B], truth)
        book.lost()

        assert (book.agrees({A: 0}), book.agrees({B: 0})) == (None, None)

    @pytest.mark.parametrize("word", ["heard", "lost"])
    async def test_does_not_begin_with_an_answer_from_before_a_change(self, word: str) -> None:
        book, truth = book_of(), Truth(seconds=0.05)

        question = asyncio.create_task(book.check([A], truth))
        await asyncio.sleep(0.01)
        truth.epochs[A] = 1
        book.heard([A]) if word == "heard" else book.lost()
        await question

        assert book.agrees({A: 0}) is None

    async def test_does_not_go_back_to_an_older_answer(self) -> None:
        clock = Clock()
        book = book_of(clock)

        book.learn({A: 2}, asked_at=clock.now)
        book.learn({A: 1}, asked_at=clock.now - 0.01)

        assert (book.agrees({A: 1}), book.agrees({A: 2})) == (False, True)

    async def test_is_never_that_of_another_epoch(self) -> None:
        book, truth = book_of(), Truth()
        truth.epochs[A] = 7

        await book.check([A, B], truth)

        assert book.agrees({A: 6, B: 0}) is False


class TestQuestion:
    async def test_is_one_for_all_who_ask_at_the_same_moment(self) -> None:
        book, truth = book_of(), Truth(seconds=0.02)

        await asyncio.gather(*(book.check([name], truth) for name in NAMES))

        assert len(truth.questions) == 2
        assert {name for question in truth.questions for name in question} == set(NAMES)

    async def test_is_for_what_was_of_use_of_late(self) -> None:
        book, truth = book_of(), Truth()

        await book.check(NAMES, truth)
        book.agrees({A: 0, B: 0})

        assert book.in_use() == [A, B]

    async def test_that_fails_is_asked_by_the_others_for_themselves(self) -> None:
        book, truth = book_of(), Truth()

        async def fail(names: Sequence[Name]) -> list[int]:
            await asyncio.sleep(0.02)
            raise InterruptedError

        failing = asyncio.create_task(book.check([A], fail))
        await asyncio.sleep(0.01)
        await book.check([A], truth)

        with pytest.raises(InterruptedError):
            await failing
        assert book.agrees({A: 0}) is True

    async def test_of_somebody_who_is_cancelled_strands_nobody(self) -> None:
        book, truth = book_of(), Truth()

        async def hang(names: Sequence[Name]) -> list[int]:
            await asyncio.sleep(3600)
            return []

        hanging = asyncio.create_task(book.check([A], hang))
        await asyncio.sleep(0.01)
        waiting = asyncio.create_task(book.check([A], truth))
        await asyncio.sleep(0.01)
        hanging.cancel()
        await waiting

        assert book.agrees({A: 0}) is True

    async def test_that_hangs_is_not_waited_for_longer_than_the_bound(self) -> None:
        book, truth = EpochBook(bound_seconds=0.05, monotonic=Clock()), Truth()

        async def hang(names: Sequence[Name]) -> list[int]:
            await asyncio.sleep(3600)
            return []

        hanging = asyncio.create_task(book.check([A], hang))
        await asyncio.sleep(0.01)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await book.check([A], truth)
        hanging.cancel()

        assert book.agrees({A: 0}) is True
