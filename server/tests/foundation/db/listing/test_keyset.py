"""Pages laid end to end are the whole list, in order, whatever the order asked for: on a real table."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthprotocol.foundation.crypto.hkdf import Signer
from healthprotocol.foundation.db.listing import (
    ListingSpec,
    Page,
    boolean,
    choice,
    integer,
    tags,
    text,
    timestamp,
    uuid,
)
from healthprotocol.foundation.db.listing import (
    date as date_field,
)
from healthprotocol.foundation.errors import BadRequest
from healthprotocol.foundation.ids import OrganisationId
from tests.support.postgresql import Cluster

HERE = OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
SIGNER = Signer(b"k" * 32)
STATES = ("active", "paused", "sunk")
BOATS = 60
SELECT = "select b.id, b.title, b.status, b.berths, b.built_on, b.seen_at from boat b"

SPEC = ListingSpec(
    name="boats",
    fields={
        "id": uuid("b.id", sortable=True),
        "title": text("b.title", sortable=True, contains=True),
        "status": choice("b.status", STATES, sortable=True),
        "berths": integer("b.berths", sortable=True),
        "built_on": date_field("b.built_on", sortable=True, nullable=True),
        "seen_at": timestamp("b.seen_at", sortable=True),
        "is_afloat": boolean("b.is_afloat"),
        "tags": tags("b.tags"),
    },
    default_order="title",
)


@pytest.fixture
async def boats(cluster: Cluster, database_name: str) -> AsyncIterator[asyncpg.Connection]:
    """Sixty boats with many ties and gaps: one connection that owns its table."""
    connection = await asyncpg.connect(cluster.admin_url(database_name))
    await connection.execute(
        """
        create table boat (
          id uuid primary key, title text not null, status text not null, berths int not null, built_on date,
          seen_at timestamptz not null, is_afloat boolean not null, tags text[] not null
        )
        """
    )
    dice = random.Random(7)
    rows = [
        (
            UUID(int=dice.getrandbits(128)),
            dice.choice(["Ebro", "ebro", "Po", "Rhône", "Ö", "Zambezi"]),
            dice.choice(STATES),
            dice.randrange(4),
            None if dice.random() < 0.3 else date(2026, 1, 1) + timedelta(days=dice.randrange(5)),
            datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=dice.randrange(3)),
            dice.random() < 0.5,
            dice.sample(["sail", "motor", "hospital"], dice.randrange(3)),
        )
        for _ in range(BOATS)
    ]
    await connection.copy_records_to_table("boat", records=rows)
    yield connection
    await connection.close()


async def paged(connection: asyncpg.Connection, *, page_size: int, order_by: str, where: str = "") -> list[UUID]:
    """Follow the page tokens to the end."""
    ids: list[UUID] = []
    token: str | None = None
    for _ in range(BOATS + 1):
        listing = SPEC.parse(
            filter=where,
            order_by=order_by,
            page_size=page_size,
            page_token=token,
            signer=SIGNER,
            organisation_id=HERE,
        )
        sql, args = listing.sql(SELECT, "b.berths >= $1", 2)
        page = listing.page(await connection.fetch(sql, 0, *args))
        token = page.next_page_token
        assert len(page.items) <= page_size
        ids += [row["id"] for row in page.items]
        if token is None:
            return ids
    raise AssertionError("the pages do not end")


_KEYS = st.sampled_from(["title", "status", "berths", "built_on", "seen_at", "id"])
_ORDERS = st.lists(st.tuples(_KEYS, st.sampled_from(["", " desc", " asc"])), max_size=4, unique_by=lambda key: key[0])
_MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class TestPages:
    @given(keys=_ORDERS, page_size=st.integers(1, 25))
    @_MANY
    async def test_laid_end_to_end_are_the_whole_list(
        self, boats: asyncpg.Connection, keys: list[tuple[str, str]], page_size: int
    ) -> None:
        order_by = ", ".join(name + direction for name, direction in keys)
        listing = SPEC.parse(order_by=order_by, signer=SIGNER, organisation_id=HERE)
        whole = await boats.fetch(f"{SELECT} order by {', '.join(key.sql for key in listing.order.keys)}")

        pages = await paged(boats, page_size=page_size, order_by=order_by)

        assert pages == [row["id"] for row in whole]

    @given(keys=_ORDERS, page_size=st.integers(1, 25))
    @_MANY
    async def test_lead_back_the_way_they_came(
        self, boats: asyncpg.Connection, keys: list[tuple[str, str]], page_size: int
    ) -> None:
        order_by = ", ".join(name + direction for name, direction in keys)

        async def turned(token: str | None) -> Page[Any]:
            listing = SPEC.parse(
                order_by=order_by, page_size=page_size, page_token=token, signer=SIGNER, organisation_id=HERE
            )
            sql, args = listing.sql(SELECT, "b.berths >= $1", 2)
            return listing.page(await boats.fetch(sql, 0, *args))

        there = [await turned(None)]
        while there[-1].next_page_token is not None:
            there.append(await turned(there[-1].next_page_token))
        back = [there[-1]]
        while back[-1].previous_page_token is not None:
            back.append(await turned(back[-1].previous_page_token))

        assert [page.items for page in reversed(back)] == [page.items for page in there]
        assert there[0].previous_page_token is None

    async def test_a_row_added_before_the_page_moves_nothing(self, boats: asyncpg.Connection) -> None:
        first = SPEC.parse(order_by="title", page_size=10, signer=SIGNER, organisation_id=HERE)
        sql, args = first.sql(SELECT, "true", 1)
        seen = first.page(await boats.fetch(sql, *args))
        await boats.execute("insert into boat values (gen_random_uuid(), 'AAA', 'active', 0, null, now(), true, '{}')")

        second = SPEC.parse(
            order_by="title", page_size=10, page_token=seen.next_page_token, signer=SIGNER, organisation_id=HERE
        )
        sql, args = second.sql(SELECT, "true", 1)
        following = second.page(await boats.fetch(sql, *args))

        titles = [row["title"] for row in (*seen.items, *following.items)]
        assert "AAA" not in titles
        assert len({row["id"] for row in (*seen.items, *following.items)}) == 20


_TEXTS = st.sampled_from(["Ebro", "Po", "x", "", "%", "'; drop table boat; --", "\\", '"'])
_DATES = st.dates(date(2026, 1, 1), date(2026, 1, 6)).map(str)


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


_COMPARISONS = st.one_of(
    st.builds("title {} {}".format, st.sampled_from(["=", "!=", ":"]), _TEXTS.map(_quoted)),
    st.builds("status {} {}".format, st.sampled_from(["=", "!="]), st.sampled_from(STATES)),
    st.builds("berths {} {}".format, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.integers(-1, 5)),
    st.builds("built_on {} {}".format, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), _DATES),
    st.builds("is_afloat = {}".format, st.sampled_from(["true", "false"])),
    st.builds("tags:{}".format, st.sampled_from(["sail", "motor", "submarine"])),
    st.just("built_on:*"),
)
_FILTERS = st.recursive(
    _COMPARISONS,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("NOT ({})".format, inner),
    ),
    max_leaves=8,
)


async def _selected(connection: asyncpg.Connection, where: str) -> set[UUID]:
    return set(await paged(connection, page_size=200, order_by="", where=where))


class TestFilters:
    @given(where=_FILTERS)
    @_MANY
    async def test_a_filter_and_its_opposite_part_the_list(self, boats: asyncpg.Connection, where: str) -> None:
        held = await _selected(boats, where)
        others = await _selected(boats, f"NOT ({where})")

        assert len(held) + len(others) == BOATS
        assert not held & others

    @given(one=_COMPARISONS, other=_COMPARISONS)
    @_MANY
    async def test_and_is_both_and_or_is_either(self, boats: asyncpg.Connection, one: str, other: str) -> None:
        first, second = await _selected(boats, one), await _selected(boats, other)

        assert await _selected(boats, f"{one} AND {other}") == first & second
        assert await _selected(boats, f"{one} OR {other}") == first | second

    @given(where=st.text(alphabet=st.characters(), max_size=60))
    @_MANY
    async def test_no_text_reaches_the_database_as_sql(self, boats: asyncpg.Connection, where: str) -> None:
        try:
            await _selected(boats, where)
        except BadRequest:
            return

        assert await boats.fetchval("select count(*) from boat") == BOATS

    async def test_comparisons_of_dates_are_those_of_the_calendar(self, boats: asyncpg.Connection) -> None:
        chain = [await _selected(boats, f"built_on <= 2026-01-0{day}") for day in range(1, 7)]

        assert all(smaller <= larger for smaller, larger in pairwise(chain))
        assert len(chain[-1]) == await boats.fetchval("select count(built_on) from boat")
