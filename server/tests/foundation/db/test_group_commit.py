"""Those who wait at the same time share one write, nobody is told before it stands, and none suffers for another."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from healthprotocol.foundation.db.group_commit import GroupCommit
from healthprotocol.foundation.errors import Unavailable


class Log:
    """What was written, in groups; each write lasts until it is let go."""

    def __init__(self) -> None:
        self.groups: list[tuple[UUID, list[str]]] = []
        self.go = asyncio.Event()
        self.go.set()

    async def write(self, owner: UUID, items: Sequence[str]) -> None:
        await self.go.wait()
        if "poison" in items:
            raise ValueError("poison")
        if "away" in items:
            raise Unavailable(retry_after_seconds=1)
        self.groups.append((owner, list(items)))


OWNER = uuid4()


class TestAdd:
    async def test_who_comes_alone_is_written_at_once(self) -> None:
        log = Log()

        await GroupCommit(log.write).add(OWNER, ["one"])

        assert log.groups == [(OWNER, ["one"])]

    async def test_who_comes_during_a_write_is_in_the_next_one_together(self) -> None:
        log, group = Log(), None
        group = GroupCommit(log.write)
        log.go.clear()
        acts = [group.add(OWNER, [str(number)]) for number in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        late = [group.add(OWNER, [f"late {number}"]) for number in range(3)]
        await asyncio.sleep(0)
        assert not any(act.done() for act in (*acts, *late))

        log.go.set()
        await asyncio.gather(*acts, *late)

        assert [items for _, items in log.groups] == [["0", "1", "2", "3", "4"], ["late 0", "late 1", "late 2"]]

    async def test_owners_are_never_in_one_write(self) -> None:
        log, other = Log(), uuid4()
        group = GroupCommit(log.write)

        await asyncio.gather(group.add(OWNER, ["ours"]), group.add(other, ["theirs"]))

        assert sorted(log.groups, key=str) == sorted([(OWNER, ["ours"]), (other, ["theirs"])], key=str)

    async def test_what_cannot_be_written_fails_alone(self) -> None:
        log = Log()
        group = GroupCommit(log.write)

        ends = await asyncio.gather(
            group.add(OWNER, ["good"]), group.add(OWNER, ["poison"]), group.add(OWNER, ["fine"]), return_exceptions=True
        )

        assert [type(end) for end in ends] == [type(None), ValueError, type(None)]
        assert [items for _, items in log.groups] == [["good"], ["fine"]]

    async def test_all_fail_when_the_server_is_away(self) -> None:
        group = GroupCommit(Log().write)

        ends = await asyncio.gather(group.add(OWNER, ["good"]), group.add(OWNER, ["away"]), return_exceptions=True)

        assert [type(end) for end in ends] == [Unavailable, Unavailable]

    async def test_too_many_are_refused(self) -> None:
        log = Log()
        log.go.clear()
        group = GroupCommit(log.write, most=2)
        acts = [group.add(OWNER, ["waits"]) for _ in range(2)]
        await asyncio.sleep(0)

        with pytest.raises(Unavailable):
            await asyncio.gather(*(group.add(OWNER, ["more"]) for _ in range(4)))

        log.go.set()
        await asyncio.gather(*acts)
        await group.close()

    async def test_who_goes_away_is_written_all_the_same(self) -> None:
        log = Log()
        log.go.clear()
        group = GroupCommit(log.write)
        act = group.add(OWNER, ["seen"])
        await asyncio.sleep(0)
        act.cancel()

        log.go.set()
        await group.close()

        assert log.groups == [(OWNER, ["seen"])]
