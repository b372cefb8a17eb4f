"""What a transaction announces: each thing once, with the commit, at a cost that grows as it does."""

from uuid import UUID

import msgspec
import pytest

from healthprotocol.foundation.db.announcements import announce
from healthprotocol.foundation.db.feed import Announcement
from healthprotocol.foundation.db.transaction import Database, Transaction
from tests.support.people import Organisation

MANY = 2_000


class Compared(UUID):
    """An id that counts how often it is compared with another."""

    times = 0

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return super().__eq__(other)

    def __hash__(self) -> int:
        return super().__hash__()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[list[Announcement]]:
    """Return the messages that transactions hand to PostgreSQL from now on."""
    found: list[list[Announcement]] = []
    execute = Transaction.execute

    async def kept(tx: Transaction, sql: str, *args: object) -> str:
        if "pg_notify" in sql:
            found.extend(msgspec.json.decode(one, type=list[Announcement]) for one in args[1])  # pyright: ignore[reportGeneralTypeIssues]
        return await execute(tx, sql, *args)

    monkeypatch.setattr(Transaction, "execute", kept)
    return found


class TestAnnounce:
    async def test_says_the_same_once_in_the_order_said(
        self, database: Database, organisation: Organisation, sent: list[list[Announcement]]
    ) -> None:
        first, second = UUID(int=1), UUID(int=2)

        async with database.transaction(organisation.id) as tx:
            for one in (first, second, first, second, second):
                await announce(tx, "thing.updated", one)
            await announce(tx, "thing.updated", first, subject_id=second)

        assert [[(one.object_id, one.subject_id) for one in part] for part in sent] == [
            [(first, None), (second, None), (first, second)]
        ]

    async def test_says_nothing_of_what_was_undone(
        self, database: Database, organisation: Organisation, sent: list[list[Announcement]]
    ) -> None:
        async def fail(tx: Transaction) -> None:
            async with tx.attempt():
                await announce(tx, "thing.updated", UUID(int=2))
                raise ValueError("no")

        async with database.transaction(organisation.id) as tx:
            await announce(tx, "thing.updated", UUID(int=1))
            with pytest.raises(ValueError, match="no"):
                await fail(tx)

        assert [one.object_id for part in sent for one in part] == [UUID(int=1)]

    async def test_of_many_compares_none_with_all_others(
        self, database: Database, organisation: Organisation, sent: list[list[Announcement]]
    ) -> None:
        ids = [Compared(int=number) for number in range(MANY)]
        Compared.times = 0

        async with database.transaction(organisation.id) as tx:
            for one in (*ids, *ids):
                await announce(tx, "thing.updated", one)

        assert sum(map(len, sent)) == MANY
        assert Compared.times < 10 * MANY
