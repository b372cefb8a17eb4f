"""What lists send to PostgreSQL: few texts, none of them a caller's, and no more of them for a longer page."""

import re
from datetime import date
from typing import Any, LiteralString
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthprotocol.api.routing import Endpoint
from healthprotocol.app import endpoints
from healthprotocol.care.assignments import service as assignments
from healthprotocol.care.assignments.model import NewAssignment
from healthprotocol.care.entries import service as entries
from healthprotocol.care.entries.model import GivenValue, NewEntry
from healthprotocol.care.entries.service import Item
from healthprotocol.care.patients import service as patients
from healthprotocol.care.patients.model import Demographics
from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import Activity, Measurement, Phase, ProtocolContent, Schedule, ValueRange
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.listing import Asked, Field, Kind, Listing, ListingSpec
from healthprotocol.foundation.db.listing.fields import ABSENT, HAS, IN, PREFIX, PRESENT
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.errors import BadRequest, Forbidden
from healthprotocol.trust.permissions import rules as permissions
from tests.support.door import opened
from tests.support.people import Organisation
from tests.support.postgresql import Cluster, open_database

from .conftest import Crowded

LISTS = sorted((one for one in endpoints() if one.listing is not None), key=lambda one: one.path)
SPECS = {spec.name: spec for spec in (one.listing for one in LISTS) if spec is not None}
# Which table each spec speaks of, by the name that its expressions use.
TABLES: dict[str, LiteralString] = {
    "patients": "patient p",
    "protocols": "protocol p",
    "assignments": "assignment a",
    "entries": "entry e",
    "alerts": "alert a",
    "audit_events": "audit_event e",
    "accounts": "account a",
    "tokens": "api_token t",
}
HOSTILE = [
    "'; drop table patient; --", '"', "\\", "' or 1=1 --", "1); select pg_sleep(9); --", "$1", "%s", "{0}", "\u2019",
    "x' union select null --", "*/", "/*", ";", "''", '\\"', "E'\\x27'", "0x27", "NULL", "true) or (true", "::text",
    "*", "a*", "\u0000", "\ud800", "\uff07", "$$", "\u202e", "%27", "today - 1d", "IN (1)", "a\u00adb", "\x1b",
]  # fmt: skip
PROPER = {
    Kind.UUID: ["01890a5d-ac96-774b-bcce-b302099a8057"],
    Kind.DATE: ["2026-03-07", "today - 30d", "0001-01-01", "9999-12-31"],
    Kind.TIMESTAMP: ["2026-03-07T13:00:00Z", "now - 24h", "today"],
    Kind.INTEGER: ["3", "-9223372036854775808", "9223372036854775807"],
    Kind.BOOLEAN: ["true", "false"],
}
ROLES = ("admin", "clinician", "auditor", "coordinator")
# Beside the words of the spec, all that a statement is made of.
LANGUAGE = set(
    re.findall(
        r"\w+",
        "select from where and or not exists is null true distinct order by desc limit any array strpos lower in uuid "
        "text date timestamptz bigint boolean bytea organisation_id",
    )
)
SIGNS = re.compile(r"[\s().,*=<>:+\-~@\[\]]*")
BOUNDED = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def value_of(field: Field) -> st.SearchStrategy[str]:
    """A value that the field takes, and the more hostile the more it takes."""
    if field.kind is Kind.CHOICE:
        return st.sampled_from([quoted(value) for value in field.values])
    if field.kind in PROPER:
        return st.sampled_from([value if value[0] in "tn-" else quoted(value) for value in PROPER[field.kind]])
    texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12))
    # A star at the end of a text asks for another comparison, so it is kept away where the shape must not differ.
    return texts.filter(lambda text: not text.endswith("*")).map(quoted)


@st.composite
def terms(draw: st.DrawFn, spec: ListingSpec) -> tuple[str, list[st.SearchStrategy[str]]]:
    """A comparison with holes, and what may fill each of them."""
    name = draw(st.sampled_from(sorted(spec.fields)))
    field = spec.fields[name]
    if field.part_of:
        parts = spec.compounds[field.part_of].parts
        return " AND ".join(f"{part} = %s" for part in parts), [value_of(spec.fields[part]) for part in parts]
    operator = draw(st.sampled_from(field.operators))
    if operator in {PRESENT, ABSENT}:
        return f"{name} {operator}" if operator == ABSENT else f"{name}:*", []
    if operator == PREFIX:
        texts = st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=9)).filter(lambda one: one[-1] != "\\")
        return f"{name} = %s", [texts.map(lambda text: quoted(text)[:-1] + '*"')]
    if operator == IN:
        return f"{name} IN (%s, %s)", [value_of(field), value_of(field)]
    return f"{name}:%s" if operator == HAS else f"{name} {operator} %s", [value_of(field)]


@st.composite
def requests(draw: st.DrawFn) -> tuple[ListingSpec, str, list[str], str]:
    """A list, one filter of it filled in several ways, and an order."""
    spec = SPECS[draw(st.sampled_from(sorted(SPECS)))]
    drawn = draw(st.lists(terms(spec), min_size=1, max_size=3))
    template = draw(st.sampled_from([" AND ", " OR ", " AND NOT "])).join(f"({text})" for text, _ in drawn)
    holes = [hole for _, found in drawn for hole in found]
    fillings = [template % tuple(draw(hole) for hole in holes) for _ in range(4)]
    sortable = sorted(name for name, field in spec.fields.items() if field.sortable)
    order = draw(st.lists(st.sampled_from(sortable), max_size=2, unique=True))
    return spec, template, fillings, ", ".join(name + draw(st.sampled_from(["", " desc"])) for name in order)


def words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_]\w*", text))


def own_words(spec: ListingSpec) -> set[str]:
    """What the spec's author wrote."""
    found = words(TABLES[spec.name])
    for field in [*spec.fields.values(), *[compound.field for compound in spec.compounds.values()]]:
        found |= words(field.expression + " " + field.match)
        found |= set() if field.join is None else words(field.join.source)
    return found


async def asked(tx: Transaction, spec: ListingSpec, source: str, order: str) -> Listing | None:
    """The checked request, or None when it was refused as one that is not understood."""
    try:
        return await spec.ask(tx, Asked(filter=source, order_by=order, page_size=7))
    except BadRequest:
        return None


async def run(tx: Transaction, spec: ListingSpec, listing: Listing) -> str:
    """Have PostgreSQL prepare and run the statement of a request; return its text."""
    alias = TABLES[spec.name].rpartition(" ")[2]
    sql, args = listing.sql("select 1 from " + TABLES[spec.name], alias + ".organisation_id = $1", 2)
    # As the application does: PostgreSQL prepares a text that it has not met, and is given the values apart from it.
    await tx.connection.fetch(sql, tx.tenant, *args)
    return sql


class TestAStatement:
    @given(request=requests())
    @BOUNDED
    async def test_is_taken_by_postgresql_and_has_one_text_whatever_the_values(
        self, database: Database, organisation: Organisation, request: tuple[ListingSpec, str, list[str], str]
    ) -> None:
        spec, _, fillings, order = request
        async with database.transaction(organisation.id, actor=organisation.admin) as tx:
            texts = [await run(tx, spec, one) for source in fillings if (one := await asked(tx, spec, source, order))]

        assert len(set(texts)) <= 1

    @given(request=requests())
    @BOUNDED
    async def test_has_no_word_and_no_sign_but_ours(
        self, database: Database, organisation: Organisation, request: tuple[ListingSpec, str, list[str], str]
    ) -> None:
        spec, _, fillings, order = request
        async with database.transaction(organisation.id, actor=organisation.admin) as tx:
            listings = [one for source in fillings if (one := await asked(tx, spec, source, order))]
        for listing in listings:
            sql, args = listing.sql("select from " + TABLES[spec.name], "organisation_id = $1", 2)
            assert words(sql) <= own_words(spec) | LANGUAGE
            assert SIGNS.fullmatch(re.sub(r"\$\d+|\w+", "", sql))
            assert set(re.findall(r"\$(\d+)", sql)) == {str(number + 1) for number in range(len(args) + 1)}

    @given(
        name=st.sampled_from(sorted(SPECS)),
        source=st.lists(
            st.one_of(
                st.sampled_from([*HOSTILE, *sorted({name for spec in SPECS.values() for name in spec.fields})]),
                st.sampled_from([" AND ", " OR ", "NOT ", " = ", ":", " IN ", "(", ")", ",", '"', "'", "*", " null"]),
            ),
            max_size=9,
        ).map("".join),
    )
    @BOUNDED
    async def test_is_not_made_of_what_is_no_filter(
        self, database: Database, organisation: Organisation, name: str, source: str
    ) -> None:
        async with database.transaction(organisation.id, actor=organisation.admin) as tx:
            listing = await asked(tx, SPECS[name], source, "")
            if listing is not None:
                sql = await run(tx, SPECS[name], listing)
                assert words(sql) <= own_words(SPECS[name]) | LANGUAGE | {"1"}

    async def test_has_one_text_a_field_whatever_is_looked_for_in_it(
        self, database: Database, organisation: Organisation
    ) -> None:
        fields = [
            (spec, name, field)
            for spec in SPECS.values()
            for name, field in spec.fields.items()
            if field.kind in {Kind.TEXT, Kind.TAGS, Kind.WORDS} and not field.part_of
        ]
        texts: set[str] = set()
        async with database.transaction(organisation.id, actor=organisation.admin) as tx:
            for spec, name, field in fields:
                for operator in set(field.operators) & {"=", HAS}:
                    for value in HOSTILE:
                        if listing := await asked(tx, spec, f"{name} {operator} {quoted(value)}", ""):
                            texts.add(await run(tx, spec, listing))

        # A text a field, and one for what begins so: none more for all those values.
        assert len(fields) <= len(texts) <= 2 * len(fields)


def role_for(organisation: Organisation, endpoint: Endpoint) -> str:
    """Somebody who may see the list."""
    for role in ROLES:
        try:
            permissions.require(getattr(organisation, role), str(endpoint.policy))
        except Forbidden:
            continue
        return role
    raise AssertionError(f"nobody may ask {endpoint.path}")


# What they show is ciphertext, so their rows are made through the services; the rows of the others are many anyway.
SEALED = {"list_patients", "list_entries", "list_alerts"}
CONTENT = ProtocolContent(
    title="Heart",
    duration_days=60,
    phases=(
        Phase(
            title="All",
            start_day=1,
            length_days=60,
            activities=(
                Activity(
                    key="bp",
                    kind="measurement",
                    title="Pressure",
                    schedule=Schedule(),
                    measurement=Measurement(
                        code="8480-6", display="Systolic", unit="mm[Hg]", alert_thresholds=ValueRange(high=180)
                    ),
                ),
            ),
        ),
    ),
)


async def watched(tx: Transaction, actor: Actor, *, people: int) -> None:
    """Make people with a plan each, an entry each, and an alert each, because its value is too high."""
    made = await protocols.create(tx, actor, CONTENT)
    await protocols.publish(tx, actor, made.protocol_id)
    items: list[Item] = []
    for number in range(people):
        person = Demographics(given_name="A", family_name=f"Elbe {number}", birth_date=date(1980, 1, 1))
        patient = await patients.create(tx, actor, person)
        wanted = NewAssignment(protocol_id=made.protocol_id, patient_id=patient.id, starts_on=tx.now.date())
        assignment = await assignments.assign(tx, actor, wanted)
        entry = NewEntry(
            client_id=uuid4(),
            assignment_id=assignment.id,
            activity_key="bp",
            outcome="completed",
            effective_at=tx.now,
            values=(GivenValue(code="8480-6", value=190, unit="mm[Hg]"),),
        )
        items.append(Item(None, entry))
    assert all(one.problem is None for one in await entries.record(tx, actor, items))


class TestAPage:
    @pytest.mark.parametrize("endpoint", [one for one in LISTS if one.name not in SEALED], ids=lambda one: one.name)
    async def test_costs_as_many_statements_whatever_its_length(
        self, cluster: Cluster, crowded: Crowded, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        database = await open_database(cluster, crowded.name)

        counts = await _counted(database, crowded.organisation, endpoint, monkeypatch)

        await database.close()
        assert 0 < counts[20] <= counts[2] <= 12

    async def test_of_what_is_encrypted_costs_as_many_too(
        self, database: Database, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with database.transaction(organisation.id, actor=organisation.clinician) as tx:
            await watched(tx, organisation.clinician, people=21)

        for endpoint in [one for one in LISTS if one.name in SEALED]:
            counts = await _counted(database, organisation, endpoint, monkeypatch)
            assert 0 < counts[20] <= counts[2] <= 12, endpoint.name


async def _counted(
    database: Database, organisation: Organisation, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> dict[int, int]:
    """How many statements pages of 2 and of 20 cost."""
    role = role_for(organisation, endpoint)
    counts: dict[int, int] = {}
    async with opened(database, {role: getattr(organisation, role)}) as door:
        for size in (2, 20):
            path = f"{endpoint.path.removeprefix('/api/v1')}?page_size={size}"
            # Once to warm what is remembered, then to count.
            await door.ask(role, "GET", path)
            with monkeypatch.context() as patch:
                seen = _count_statements(patch)
                answer = await door.ask(role, "GET", path)
            assert len(answer.json()["items"]) == size, answer.text
            counts[size] = len(seen)
    return counts


def _count_statements(patch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    for name in ("fetch", "fetchrow", "fetchval", "execute", "executemany"):
        original = getattr(asyncpg.Connection, name)

        async def spy(connection: Any, sql: str, *args: Any, _original: Any = original, **more: Any) -> Any:
            seen.append(sql)
            return await _original(connection, sql, *args, **more)

        patch.setattr(asyncpg.Connection, name, spy)
    return seen
