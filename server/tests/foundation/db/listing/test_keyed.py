"""Lists of what is tied to one row of another table, found by a table of keys: on a real table."""

from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthprotocol.foundation.db.listing import (
    Join,
    Keys,
    Listing,
    ListingSpec,
    Page,
    QueryTooCostly,
    fetch_page,
    text,
    walking,
)
from healthprotocol.foundation.db.transaction import Transaction
from tests.foundation.db.listing.test_walking import (
    CALLS,
    FIELDS,
    HERE,
    SELECT,
    SIGNER,
    START,
    Flags,
    Reading,
    make_calls,
)
from tests.support.postgresql import Cluster

KEYS = Keys(
    "call_of_sea k",
    {
        "harbour.sea": "k.sea",
        "id": "k.call_id",
        "noted_at": "k.noted_at",
        "called_at": "k.called_at",
        "called_on": "k.called_on",
    },
    order="noted_at",
)
SPEC = ListingSpec(
    name="calls",
    fields={
        **FIELDS,
        "harbour.sea": text(
            "jh.sea",
            join=Join(
                "harbour jh where jh.id = c.harbour_id",
                listed="c.harbour_id = any(array(select jh.id from harbour jh where ?))",
                keys=KEYS,
            ),
        ),
    },
    default_order="noted_at desc",
    ranged_orders={"called_at": "called_at desc", "called_on": "called_on desc"},
)
WHERE = "c.id is not null and $1::text <> ''"


@pytest.fixture
async def calls(cluster: Cluster, database_name: str) -> AsyncIterator[Reading]:
    connection = await asyncpg.connect(cluster.admin_url(database_name))
    await make_calls(connection)
    await connection.execute(
        """
        create table call_of_sea (
          sea text, noted_at timestamptz, call_id uuid, called_at timestamptz, called_on date,
          primary key (sea, noted_at, call_id) include (called_at, called_on)
        );
        insert into call_of_sea
        select h.sea, c.noted_at, c.id, c.called_at, c.called_on from call c join harbour h on h.id = c.harbour_id;
        """
    )
    await connection.execute("vacuum (analyze) call_of_sea, call")
    yield Reading(connection, flags=Flags())
    await connection.close()


def parsed(source: str, order_by: str = "", **asked: Any) -> Listing:
    return SPEC.parse(filter=source, order_by=order_by, signer=SIGNER, organisation_id=HERE, now=START, **asked)


async def read(calls: Reading, source: str, order_by: str = "", *, is_all: bool = True, **asked: Any) -> Page[Any]:
    listing = parsed(source, order_by, **asked)
    return await fetch_page(cast("Transaction", calls), listing, SELECT, WHERE, "here", is_all=is_all)


async def there_and_back(calls: Reading, source: str, order_by: str = "") -> tuple[list[Any], list[Any]]:
    """All rows, by the pages from the first to the last, and by those from the last to the first."""
    there = [await read(calls, source, order_by, page_size=200)]
    while token := there[-1].next_page_token:
        there.append(await read(calls, source, order_by, page_size=200, page_token=token))
    back = [there[-1]]
    while token := back[-1].previous_page_token:
        back.append(await read(calls, source, order_by, page_size=200, page_token=token))
    return [row for page in there for row in page.items], [row for page in reversed(back) for row in page.items]


async def brute(calls: Reading, source: str, order_by: str = "") -> list[Any]:
    """All rows by one statement without keys, walks or pages."""
    sql, args = parsed(source, order_by).sql(SELECT, WHERE, 2)
    return await calls.connection.fetch(sql, "here", *args[:-1], CALLS)


# Half of all calls, one in two hundred, and none.
TIES = st.sampled_from(['= "Baltic"', '= "Sea 4"', '= "Sea 3"', 'IN ("Sea 4", "Sea 6")', 'IN ("Baltic", "Sea 8")'])
BOUNDS = st.tuples(
    st.sampled_from(["called_at >=", "called_at <", "called_on <=", "called_on >", "noted_at >=", "noted_at <"]),
    st.integers(0, 66),
)
ORDERS = st.sampled_from(["", "noted_at desc", "noted_at", "called_at", "called_at desc", "id desc", "id, noted_at"])


class TestWhatIsFoundByItsKeys:
    @given(tie=TIES, bounds=st.lists(BOUNDS, max_size=2), order_by=ORDERS)
    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    async def test_is_what_is_found_without_them_there_and_back(
        self, calls: Reading, tie: str, bounds: list[tuple[str, int]], order_by: str
    ) -> None:
        said = [
            f"{field} today + {hours // 24}d" if "_on" in field else f"{field} now + {hours}h"
            for field, hours in bounds
        ]
        source = " AND ".join([f"harbour.sea {tie}", *said])
        every = await brute(calls, source, order_by)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(walking, "NEAREST", 30)
            patch.setattr(walking, "MOST_KEYS", 500)
            try:
                there, back = await there_and_back(calls, source, order_by)
            except QueryTooCostly:
                # Of too many, beside a range of what the order does not begin with.
                assert "Baltic" in tie
                assert said
            else:
                assert there == every
                assert back == every

    @pytest.mark.parametrize("sea", ["Baltic", "Sea 4"])
    async def test_costs_a_page_in_their_order_whether_few_or_most(self, calls: Reading, sea: str) -> None:
        first = await read(calls, f'harbour.sea = "{sea}"', page_size=5)
        calls.rows = 0
        second = await read(calls, f'harbour.sea = "{sea}"', page_size=5, page_token=first.next_page_token)
        earlier = await read(calls, f'harbour.sea = "{sea}" AND noted_at < now + 40h', page_size=5)

        assert len(second.items) == len(earlier.items) == 5
        # A key and a row for each of two times six.
        assert calls.rows <= 2 * 12

    async def test_of_few_is_sorted_by_them_in_another_order(
        self, calls: Reading, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(walking, "NEAREST", 10)
        source = 'harbour.sea = "Sea 4" AND called_at < now + 10d'
        every = await brute(calls, source)
        calls.rows = 0

        page = await read(calls, source, page_size=5)

        assert page.items == every[:5]
        # Ten are walked, for the place and for the rows with their harbours; then all twenty keys twice, and six rows.
        assert calls.rows <= 11 + 2 * 11 + 2 * 20 + 6

    async def test_of_many_is_walked_in_another_order(self, calls: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(walking, "NEAREST", 5)
        monkeypatch.setattr(walking, "MOST_KEYS", 100)
        source = 'harbour.sea = "Baltic" AND called_at < now + 10d'
        every = await brute(calls, source)

        page = await read(calls, source, page_size=20)

        assert page.items == every[:20]

    @pytest.mark.parametrize(("most", "said"), [(5_000, (2_000, None)), (1_000, (None, 1_000))])
    async def test_is_counted_by_them(self, calls: Reading, most: int, said: tuple[int | None, int | None]) -> None:
        page = await read(calls, 'harbour.sea = "Baltic"', page_size=5, count_up_to=most)

        assert (page.total, page.total_at_least) == said
        assert calls.rows <= 2 * 6 + most + 1

    @pytest.mark.parametrize(
        "source",
        [
            'harbour.sea = "Sea 4" AND state = docked',
            'harbour.sea = "Sea 4" OR called_at < now',
            'NOT harbour.sea = "Sea 4"',
            'harbour.sea != "Sea 4"',
            'harbour.sea = "Sea 4" AND harbour.sea = "Sea 6"',
            f'harbour.sea = "Sea 4" AND harbour_id = "{UUID(int=4)}"',
            "called_at < now",
        ],
    )
    async def test_is_not_what_they_do_not_hold_the_whole_of(self, calls: Reading, source: str) -> None:
        assert parsed(source).shape.keys is None
        assert (await read(calls, source, page_size=100)).items == (await brute(calls, source))[:100]

    async def test_is_not_what_the_caller_sees_a_part_of(self, calls: Reading) -> None:
        await calls.connection.execute("truncate call_of_sea")

        page = await read(calls, 'harbour.sea = "Sea 4"', is_all=False)

        assert len(page.items) == 20
