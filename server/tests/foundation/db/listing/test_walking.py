"""Lists whose filter gives a range to one field and whose order goes by another that rises with it: on a real table."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthprotocol.foundation.crypto.hkdf import Signer
from healthprotocol.foundation.db.listing import (
    Join,
    ListingSpec,
    Page,
    QueryTooCostly,
    choice,
    date,
    fetch_page,
    text,
    timestamp,
    uuid,
    walking,
)
from healthprotocol.foundation.db.listing.description import described
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import BadRequest
from healthprotocol.foundation.ids import OrganisationId
from tests.support.postgresql import Cluster

HERE = OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
SIGNER = Signer(b"k" * 32)
START = datetime(2026, 1, 1, tzinfo=UTC)
CALLS = 4_000
SELECT = "select c.id, c.harbour_id, c.state, c.called_on, c.called_at, c.noted_at from call c"
FIELDS = {
    "id": uuid("c.id", sortable=True),
    "harbour_id": uuid("c.harbour_id"),
    "harbour.sea": text(
        "jh.sea",
        join=Join(
            "harbour jh where jh.id = c.harbour_id",
            listed="c.harbour_id = any(array(select jh.id from harbour jh where ?))",
        ),
    ),
    "state": choice("c.state", ("docked", "waiting"), sortable=True),
    "called_on": date("c.called_on", nullable=True),
    "called_at": timestamp("c.called_at", sortable=True),
    "noted_at": timestamp("c.noted_at", sortable=True),
}
SPEC = ListingSpec(
    name="calls",
    fields=FIELDS,
    default_order="noted_at desc",
    ranged_orders={"called_at": "called_at desc", "called_on": "called_on desc"},
)


class Reading(msgspec.Struct):
    """As much of a transaction as a list asks for; `rows` counts what its statements visited, the kept and the rest."""

    connection: asyncpg.Connection
    rows: int = 0
    tenant: OrganisationId = HERE
    flags: Any = None

    async def fetch(self, sql: str, *args: object) -> list[Any]:
        await self._count(sql, args)
        return await self.connection.fetch(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        if not sql.startswith("explain"):
            await self._count(sql, args)
        return await self.connection.fetchval(sql, *args)

    async def _count(self, sql: str, args: tuple[object, ...]) -> None:
        found = await self.connection.fetchval("explain (analyze, format json, timing off) " + sql, *args)
        self.rows += _visited(msgspec.json.decode(found)[0]["Plan"])


class Flags:
    """All of them on."""

    def is_on(self, _: object) -> bool:
        return True


def _visited(plan: dict[str, Any]) -> int:
    inner = plan.get("Plans", [])
    below = sum(_visited(each) for each in inner)
    is_scan = "Scan" in plan["Node Type"] and not plan["Node Type"].startswith(("Bitmap Index", "Subquery"))
    return below + (int(plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) if is_scan else 0)


async def make_calls(connection: asyncpg.Connection) -> None:
    """Make calls at harbours, one a minute, each noted some seconds later and a few of them days later."""
    await connection.execute(
        """
        create table harbour (id uuid primary key, sea text not null);
        create table call (
          id uuid primary key, harbour_id uuid not null, state text not null, called_on date,
          called_at timestamptz not null, noted_at timestamptz not null
        );
        create index on call (called_at, id);
        create index on call (noted_at, id);
        create index on call (state, id);
        create index on call (called_on, id) where called_on is not null;
        create index on call (harbour_id, noted_at);
        """
    )
    dice = random.Random(7)
    rows: list[tuple[object, ...]] = []
    for number in range(CALLS):
        called_at = START + timedelta(minutes=number)
        late = timedelta(days=2) if dice.random() < 0.01 else timedelta(seconds=dice.randrange(50))
        rows.append(
            (
                UUID(int=dice.getrandbits(128)),
                UUID(int=number % 200),
                dice.choice(("docked", "waiting")),
                None if dice.random() < 0.1 else called_at.date(),
                called_at,
                called_at + late,
            )
        )
    await connection.copy_records_to_table("call", records=rows)
    await connection.executemany(
        "insert into harbour values ($1, $2)", [(UUID(int=n), "Baltic" if n % 2 else f"Sea {n}") for n in range(200)]
    )
    await connection.execute("analyze")


@pytest.fixture
async def calls(cluster: Cluster, database_name: str) -> AsyncIterator[Reading]:
    """Calls at harbours, one a minute, each noted some seconds later and a few of them days later."""
    connection = await asyncpg.connect(cluster.admin_url(database_name))
    await make_calls(connection)
    yield Reading(connection, flags=Flags())
    await connection.close()


async def read(calls: Reading, source: str, order_by: str = "", **asked: Any) -> Page[Any]:
    listing = SPEC.parse(filter=source, order_by=order_by, signer=SIGNER, organisation_id=HERE, now=START, **asked)
    return await fetch_page(cast("Transaction", calls), listing, SELECT, "c.id is not null and $1::text <> ''", "here")


async def whole(calls: Reading, source: str, order_by: str = "", **asked: Any) -> list[UUID]:
    """Follow the pages to the end."""
    ids: list[UUID] = []
    token: str | None = None
    for _ in range(CALLS):
        page = await read(calls, source, order_by, page_token=token, **asked)
        ids += [row["id"] for row in page.items]
        token = page.next_page_token
        if token is None:
            return ids
    raise AssertionError("the pages do not end")


def order_of(source: str, order_by: str = "") -> str:
    return SPEC.parse(filter=source, order_by=order_by, signer=SIGNER, organisation_id=HERE, now=START).order.text


class TestTheUsualOrder:
    @pytest.mark.parametrize(
        ("source", "order"),
        [
            ("", "noted_at desc, id desc"),
            ("called_at >= now", "called_at desc, id desc"),
            ("called_at < now AND state = docked", "called_at desc, id desc"),
            ("called_on = today", "called_on desc, id desc"),
            ("state = docked AND (called_on > today AND called_on < today + 3d)", "called_on desc, id desc"),
            ("called_on > today AND called_at > now", "called_at desc, id desc"),
            ("called_at >= now AND noted_at >= now", "noted_at desc, id desc"),
            ("called_at >= now OR state = docked", "noted_at desc, id desc"),
            ("NOT called_at >= now", "noted_at desc, id desc"),
            ("called_at != now", "noted_at desc, id desc"),
            ("called_on:*", "noted_at desc, id desc"),
        ],
    )
    def test_is_that_of_the_field_whose_range_every_row_is_in(self, source: str, order: str) -> None:
        twice = [order_of(source) for _ in range(2)]

        assert twice == [order, order]

    def test_gives_way_to_the_one_asked_for(self) -> None:
        assert order_of("called_at >= now", "noted_at") == "noted_at, id"

    def test_is_told_to_who_reads_the_document(self) -> None:
        said = described(SPEC)["order_by"]["description"]

        assert "`noted_at desc`; with a range of `called_at` in the filter `called_at desc`;" in said

    def test_may_name_what_a_caller_may_not_sort_by(self) -> None:
        with pytest.raises(BadRequest):
            order_of("", "called_on")

    @pytest.mark.parametrize("orders", [{"called_at": "noted_at"}, {"called_at": "captain"}, {"captain": "captain"}])
    def test_must_begin_with_the_field(self, orders: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="must begin with it"):
            ListingSpec(name="calls", fields=FIELDS, default_order="noted_at desc", ranged_orders=orders)

    async def test_pages_a_field_that_can_be_missing(self, calls: Reading) -> None:
        source = "called_on >= today + 1d AND called_on < today + 2d"

        found = await whole(calls, source, page_size=150)

        rows = await calls.connection.fetch("select id from call where called_on = '2026-01-02' order by id desc")
        assert found == [row["id"] for row in rows]


class TestAPageToken:
    async def test_is_bound_to_the_order_that_the_filter_chose(self, calls: Reading) -> None:
        page = await read(calls, "called_at >= now", page_size=2)
        other = ListingSpec(name=SPEC.name, fields=FIELDS, default_order="noted_at desc")

        with pytest.raises(BadRequest) as caught:
            other.parse(
                filter="called_at >= now",
                page_token=page.next_page_token,
                page_size=2,
                signer=SIGNER,
                organisation_id=HERE,
            )

        assert caught.value.violations[0].code == "page_token_invalid"


_BOUNDS = st.tuples(
    st.sampled_from(["called_at >=", "called_at <", "called_on <=", "called_on >", "noted_at >=", "noted_at <"]),
    st.integers(0, 66),
)
_ORDERS = st.sampled_from(["", "noted_at desc", "noted_at", "called_at", "called_at desc", "id", "state desc"])


class TestAnOrderAwayFromTheRange:
    @given(bounds=st.lists(_BOUNDS, min_size=1, max_size=3), order_by=_ORDERS)
    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    async def test_is_answered_in_full_or_refused_and_never_walks_far(
        self, calls: Reading, bounds: list[tuple[str, int]], order_by: str
    ) -> None:
        source = " AND ".join(
            f"{field} today + {hours // 24}d" if "_on" in field else f"{field} now + {hours}h"
            for field, hours in bounds
        )
        listing = SPEC.parse(filter=source, order_by=order_by, signer=SIGNER, organisation_id=HERE, now=START)
        sql, args = listing.sql(SELECT, "$1::text <> ''", 2)
        every = await calls.connection.fetch(sql, "here", *args[:-1], CALLS)
        calls.rows = 0

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(walking, "NEAREST", 30)
            patch.setattr(walking, "FARTHEST", 300)
            try:
                page = await read(calls, source, order_by, page_size=10)
            except QueryTooCostly:
                assert listing.contended
            else:
                assert page.items == every[:10]
                assert (page.next_page_token is not None) == (len(every) > 10)

        if listing.contended:
            assert calls.rows <= 2 * 30 + 5 * 302

    async def test_leads_to_the_same_pages_there_and_back(
        self, calls: Reading, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(walking, "NEAREST", 7)
        source, order = "called_at >= now + 60h", "noted_at desc"
        rows = await calls.connection.fetch(
            "select id from call where called_at >= $1 order by noted_at desc, id desc", START + timedelta(hours=60)
        )

        there = [await read(calls, source, order, page_size=100)]
        while token := there[-1].next_page_token:
            there.append(await read(calls, source, order, page_size=100, page_token=token))
        back = [there[-1]]
        while token := back[-1].previous_page_token:
            back.append(await read(calls, source, order, page_size=100, page_token=token))

        assert [row["id"] for page in there for row in page.items] == [row["id"] for row in rows]
        assert [page.items for page in reversed(back)] == [page.items for page in there]

    async def test_of_many_rows_far_away_is_refused_with_what_to_do(
        self, calls: Reading, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(walking, "FARTHEST", 500)

        with pytest.raises(QueryTooCostly) as caught:
            await read(calls, "called_at < now + 20h", "noted_at desc")

        assert caught.value.violations[0].pointer == "/order_by"
        assert caught.value.public["costly_fields"] == ["called_at"]
        assert caught.value.public["narrow_by"] == ["harbour_id"]
        assert "order by called_at" in str(caught.value)

    async def test_of_few_rows_far_away_is_sorted(self, calls: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(walking, "FARTHEST", 500)
        source = "called_at >= now + 3h AND called_at < now + 5h"

        found = await whole(calls, source, "noted_at desc", page_size=50)

        assert len(found) == 120

    async def test_beside_an_id_is_walked_as_ever(self, calls: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(walking, "FARTHEST", 50)
        source = f'called_at < now + 20h AND harbour_id = "{UUID(int=3)}"'

        assert len(await whole(calls, source, "noted_at desc")) == 6


class TestWhatIsTiedToAnotherRow:
    async def test_is_walked_while_there_is_much_of_it(self, calls: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(walking, "NEAREST", 100)
        page = await read(calls, 'harbour.sea = "Baltic"', page_size=20)

        rows = await calls.connection.fetch(
            """
            select c.id from call c join harbour h on h.id = c.harbour_id where h.sea = 'Baltic'
            order by c.noted_at desc, c.id desc limit 20
            """
        )
        assert [row["id"] for row in page.items] == [row["id"] for row in rows]
        # Each of a hundred rows at most, and as often its harbour.
        assert calls.rows <= 101 + 100 * 2

    @pytest.mark.parametrize(("sea", "count"), [("Sea 4", 20), ("Sea 3", 0)])
    async def test_is_found_by_the_join_where_there_is_little(
        self, calls: Reading, monkeypatch: pytest.MonkeyPatch, sea: str, count: int
    ) -> None:
        monkeypatch.setattr(walking, "NEAREST", 10)
        monkeypatch.setattr(walking, "FARTHEST_TIED", 100)

        page = await read(calls, f'harbour.sea = "{sea}"', count_up_to=100)

        assert (len(page.items), page.total) == (count, count)

    async def test_pages_there_and_back(self, calls: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(walking, "NEAREST", 10)
        monkeypatch.setattr(walking, "FARTHEST_TIED", 100)
        source = 'harbour.sea = "Baltic" AND called_at < now + 30h'

        found = await whole(calls, source, page_size=200)

        assert len(found) == len(set(found)) == 900


class TestACount:
    @pytest.mark.parametrize(("most", "said"), [(5_000, (1_200, None)), (1_000, (None, 1_000))])
    async def test_of_one_range_is_of_all_of_it(
        self, calls: Reading, most: int, said: tuple[int | None, int | None]
    ) -> None:
        page = await read(calls, "called_at < now + 20h", "noted_at", count_up_to=most)

        assert (page.total, page.total_at_least) == said

    async def test_of_ranges_that_overlap_little_is_exact_or_refused(
        self, calls: Reading, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(walking, "FARTHEST", 500)
        source = "called_at >= now + 40h AND noted_at >= now + 30h"

        few = await read(calls, source, count_up_to=100)
        with pytest.raises(QueryTooCostly) as caught:
            await read(calls, source, count_up_to=1_500)

        assert few.total_at_least == 100
        assert caught.value.violations[0].pointer == "/count_up_to"
