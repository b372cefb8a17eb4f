"""Every field of every list is served by an index, at a size that PostgreSQL takes for ten million rows."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from healthprotocol.api.routing import Endpoint
from healthprotocol.app import endpoints
from healthprotocol.foundation.db.listing import Field, Kind, ListingSpec, walking
from healthprotocol.foundation.db.listing.fields import HAS, PREFIX, PRESENT
from healthprotocol.foundation.db.listing.reading import MOST_COST
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import Forbidden
from healthprotocol.foundation.ids import new_id
from healthprotocol.trust.permissions import rules as permissions
from tests.support.door import Door, opened
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database

from .conftest import Crowded
from .plans import Asked, Catalogue, nodes, read_plans

LISTS = sorted((one for one in endpoints() if one.listing is not None), key=lambda one: one.path)
# Lists that are computed, not read: there is no statement to plan.
COMPUTED = {"list_occurrences"}
# Values that nearly all rows have: walking the rows in order finds them at once, and no index is worth its writes.
FREQUENT = {("entries", "outcome", "completed"), ("entries", "late", "false"), ("audit_events", "outcome", "success")}
# Of a month that has rows: an id says its time, and its time the partition.
ID = str(new_id(datetime.now(UTC) - timedelta(days=3)))
VALUES = {
    Kind.TEXT: '"Walk 7"',
    Kind.UUID: f'"{ID}"',
    Kind.DATE: "today - 3d",
    Kind.TIMESTAMP: "now - 72h",
    Kind.INTEGER: "3",
    Kind.TAGS: '"tag7"',
    Kind.WORDS: '"walk"',
}
SECRETS = {"email": '"elbe@river.example"', "phone": '"+4930123456"', "identifier": '"urn:s1|A-1"'}


@pytest.fixture
async def asking(cluster: Cluster, crowded: Crowded, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator["Asking"]:
    async with _asking(cluster, crowded.name, crowded.organisation, monkeypatch) as one:
        yield one


@asynccontextmanager
async def _asking(
    cluster: Cluster, name: str, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator["Asking"]:
    database = await open_database(cluster, name)
    seen: list[Asked] = []
    fetch = Transaction.fetch

    async def spy(tx: Transaction, sql: str, *args: object) -> list[Any]:
        if "\norder by" in sql and sql.rindex("\nlimit ") > sql.rindex("\norder by"):
            seen.append(await read_plans(tx.connection, sql, args))
        return await fetch(tx, sql, *args)

    monkeypatch.setattr(Transaction, "fetch", spy)
    roles = {role: getattr(organisation, role) for role in ("admin", "clinician", "auditor", "coordinator")}
    async with opened(database, roles) as door:
        yield Asking(door, database, organisation, seen)
    await database.close()


class Asking(msgspec.Struct, frozen=True):
    """Lists over HTTP, with the plans of what they ran."""

    door: Door
    database: Database
    organisation: Organisation
    seen: list[Asked]

    async def plans(self, endpoint: Endpoint, **query: str) -> tuple[Asked, dict[str, Any]]:
        self.seen.clear()
        answer = await self.door.http.get(
            endpoint.path, params=query, headers={"authorization": f"Bearer {self._role(endpoint)}"}
        )
        assert answer.status_code == 200, answer.text
        spec = endpoint.listing
        assert spec is not None
        found = [one for one in self.seen if one.sql.count("limit $")]
        # Where a list is walked first, what comes last is what answers.
        return found[-1], answer.json()

    async def catalogue(self) -> Catalogue:
        async with self.database.transaction(self.organisation.id) as tx:
            return await Catalogue.of(tx.connection)

    def _role(self, endpoint: Endpoint) -> str:
        for role in ("admin", "clinician", "auditor", "coordinator"):
            try:
                permissions.require(getattr(self.organisation, role), str(endpoint.policy))
            except Forbidden:
                continue
            return role
        raise AssertionError(f"nobody may ask {endpoint.path}")


def filters_of(spec: ListingSpec) -> list[tuple[str, str]]:
    """Every field with a filter on it and the word that the plan must name: a column or a function."""
    found: list[tuple[str, str]] = []
    for name, field in spec.fields.items():
        found += [(source, column_of(spec, field)) for source in _sources(spec, name, field)]
    return found


def column_of(spec: ListingSpec, field: Field) -> str:
    if field.part_of:
        field = spec.compounds[field.part_of].field
    function = re.search(r"hp_\w+", field.match)
    return function[0] if function else field.expression.rpartition(".")[2]


def _sources(spec: ListingSpec, name: str, field: Field) -> list[str]:
    if field.part_of:
        first, second = spec.compounds[field.part_of].parts
        return [f'{first} = "Elbe" AND {second} = 1980-02-03']
    if field.kind is Kind.CHOICE:
        return [f'{name} = "{value}"' for value in field.values if (spec.name, name, value) not in FREQUENT]
    if field.kind is Kind.BOOLEAN:
        return [f"{name} = {value}" for value in ("true", "false") if (spec.name, name, value) not in FREQUENT]
    value = SECRETS[name.rpartition(".")[2]] if field.blind else VALUES[field.kind]
    if field.operators[0] == HAS:
        return [f"{name}:{value}"]
    sources = [f"{name} = {value}", f"{name} IN ({value}, {value})"]
    if PREFIX in field.operators:
        sources.append(f'{name} = "Walk 7*"')
    if field.kind in {Kind.DATE, Kind.TIMESTAMP}:
        sources.append(f"{name} >= {value}")
    return sources + ([f"{name}:*"] if PRESENT in field.operators else [])


def test_knows_every_list() -> None:
    lists = {one.name for one in endpoints() if one.is_list}

    assert lists == {one.name for one in LISTS} | COMPUTED
    assert len(LISTS) >= 8


@pytest.mark.parametrize("endpoint", LISTS, ids=lambda one: one.name)
class TestEveryField:
    async def test_is_found_by_an_index(
        self, asking: Asking, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert endpoint.listing is not None
        # So that what is tied to another row is not found on the way, as among few rows it would be.
        monkeypatch.setattr(walking, "NEAREST", 1)
        monkeypatch.setattr(walking, "FARTHEST_TIED", 2)
        catalogue = await asking.catalogue()

        faults: list[str] = []
        for source, column in filters_of(endpoint.listing):
            asked, _ = await asking.plans(endpoint, filter=source)
            if not source.endswith(":*") and not catalogue.is_found_by(asked.condition, column):
                faults.append(f"{source}: no index is entered by {column}")
            if scanned := catalogue.scanned(asked.page):
                faults.append(f"{source}: reads all of {scanned}")
            if asked.page["Total Cost"] > MOST_COST:
                faults.append(f"{source}: costs {asked.page['Total Cost']:,.0f}")

        assert faults == []

    async def test_orders_pages_both_ways_without_sorting(self, asking: Asking, endpoint: Endpoint) -> None:
        spec = endpoint.listing
        assert spec is not None
        catalogue = await asking.catalogue()

        faults: list[str] = []
        for name in [name for name, field in spec.fields.items() if field.sortable]:
            for order in (name, f"{name} desc"):
                query = {"order_by": order, "page_size": "5"}
                first, answer = await asking.plans(endpoint, **query)
                second, answer = await asking.plans(endpoint, **query, page_token=answer["next_page_token"])
                back, _ = await asking.plans(endpoint, **query, page_token=answer["previous_page_token"])
                for plan in (first.page, second.page, back.page):
                    found = [*catalogue.scanned(plan), *catalogue.sorts(plan)]
                    if found or plan["Total Cost"] > MOST_COST:
                        faults.append(f"{order}: {found}, costs {plan['Total Cost']:,.0f}")

        assert faults == []


RANGED = [one for one in LISTS if one.listing is not None and one.listing.ranged_orders]


@pytest.mark.parametrize("endpoint", RANGED, ids=lambda one: one.name)
class TestARangeOfAMoment:
    @pytest.mark.parametrize("sign", [">=", "<"])
    async def test_is_walked_by_its_own_index(self, asking: Asking, endpoint: Endpoint, sign: str) -> None:
        spec = endpoint.listing
        assert spec is not None
        catalogue = await asking.catalogue()

        faults: list[str] = []
        for name in spec.ranged_orders:
            source = f"{name} {sign} {VALUES[spec.fields[name].kind]}"
            asked, answer = await asking.plans(endpoint, filter=source, page_size="5")
            pages = [asked.page]
            if "next_page_token" in answer:
                following, _ = await asking.plans(
                    endpoint, filter=source, page_size="5", page_token=answer["next_page_token"]
                )
                pages.append(following.page)
            for plan in pages:
                if not catalogue.is_found_by(plan, column_of(spec, spec.fields[name])):
                    faults.append(f"{source}: no index is entered by it")
                if found := [*catalogue.scanned(plan), *catalogue.sorts(plan)]:
                    faults.append(f"{source}: {found}")

        assert faults == []

    async def test_is_walked_so_far_and_no_further_in_another_order(self, asking: Asking, endpoint: Endpoint) -> None:
        spec = endpoint.listing
        assert spec is not None
        name = next(iter(spec.ranged_orders))
        source = f"{name} < {VALUES[spec.fields[name].kind]}"

        await asking.plans(endpoint, filter=source, order_by=spec.default_order)

        reach, page = asking.seen
        assert "\noffset $" in reach.sql
        assert column_of(spec, spec.fields[name]) not in reach.sql[reach.sql.rindex("\nwhere") :]
        assert "\noffset $" not in page.sql


class TestEntriesOfAProtocol:
    @pytest.mark.parametrize(
        "bound", ["", " AND recorded_at < now", " AND effective_at < now - 72h", " AND planned_on < today - 3d"]
    )
    @pytest.mark.parametrize("order_by", ["", "recorded_at", "effective_at desc"])
    async def test_are_found_by_their_keys_and_each_row_by_its_own(
        self, asking: Asking, monkeypatch: pytest.MonkeyPatch, bound: str, order_by: str
    ) -> None:
        monkeypatch.setattr(walking, "NEAREST", 1)
        endpoint = next(one for one in LISTS if one.name == "list_entries")

        asked, _ = await asking.plans(
            endpoint, filter=f'assignment.protocol_id = "{ID}"{bound}', order_by=order_by, page_size="5"
        )

        used = {node["Relation Name"]: node for node in nodes(asked.page) if "Relation Name" in node}
        keys = used.pop("entry_of_protocol")
        assert keys["Node Type"] == "Index Only Scan"
        assert "protocol_id" in keys["Index Cond"]
        catalogue = await asking.catalogue()
        rows = [node for name, node in used.items() if name not in catalogue.empty]
        assert rows
        assert {node["Index Name"].removeprefix(node["Relation Name"]) for node in rows} == {"_pkey"}


class TestThePlannedFault:
    async def test_a_field_without_an_index_is_seen(
        self, cluster: Cluster, crowded: Crowded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        endpoint = next(one for one in LISTS if one.name == "list_patients")
        admin = await asyncpg.connect(cluster.admin_url(crowded.name))
        await admin.execute("begin; drop index patient_time_zone")
        await admin.execute("commit")
        async with _asking(cluster, crowded.name, crowded.organisation, monkeypatch) as asking:
            asked, _ = await asking.plans(endpoint, filter='time_zone = "Zone/3"')
            catalogue = await asking.catalogue()
        await admin.execute("create index patient_time_zone on patient (organisation_id, time_zone, id)")
        await admin.execute("update pg_class set reltuples = 10000000 where relname = 'patient_time_zone'")
        await admin.close()

        assert not catalogue.is_found_by(asked.condition, "time_zone")

    async def test_no_gin_index_serves_a_condition_beside_a_policy(self, asking: Asking) -> None:
        async with asking.database.transaction(asking.organisation.id) as tx:
            sql = "select p.id from protocol p where p.organisation_id = $1 and {} \norder by p.id"
            words = await read_plans(tx.connection, sql.format("p.wording @@ 'walk'::tsquery"), (tx.tenant,))
            catalogue = await Catalogue.of(tx.connection)

        # Should a later PostgreSQL call this operator leakproof, the functions of 0020 may go.
        assert not catalogue.is_found_by(words.condition, "wording")

    async def test_the_functions_that_stand_in_for_it_enter_it(self, cluster: Cluster, crowded: Crowded) -> None:
        admin = await asyncpg.connect(cluster.admin_url(crowded.name))
        catalogue = await Catalogue.of(admin)
        await admin.execute("set role hp_owner")
        by_words = "p.wording @@ (hp_lexeme($1) && 'walk:*'::tsquery)"
        by_subject = "e.subject_ids <> '{}' and e.subject_ids @> array[$1::uuid]"
        words = await read_plans(admin, f"select p.id from protocol p where {by_words}\norder by p.id", ("@x",))
        shown = await read_plans(admin, f"select e.id from audit_event e where {by_subject}\norder by e.id", (ID,))
        await admin.close()

        assert catalogue.is_found_by(words.condition, "wording")
        assert catalogue.is_found_by(shown.condition, "subject_ids")
