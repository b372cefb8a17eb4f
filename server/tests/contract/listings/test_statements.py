"""What lists send to PostgreSQL: few texts, none of them a caller's, and no more of them for a longer page."""

import re
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthprotocol.api.routing import Endpoint
from healthprotocol.app import endpoints
from healthprotocol.care.patients.model import Demographics
from healthprotocol.care.patients.service import create
from healthprotocol.foundation.crypto.hkdf import Signer
from healthprotocol.foundation.db.listing import ListingSpec
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import BadRequest
from healthprotocol.trust.permissions import rules as permissions
from tests.support.door import Door, opened
from tests.support.people import Organisation

LISTS = sorted((one for one in endpoints() if one.listing is not None), key=lambda one: one.path)
SIGNER = Signer(b"k" * 32)
HOSTILE = [
    "'; drop table patient; --", '"', "\\", "' or 1=1 --", "1); select pg_sleep(9); --", "$1", "%s", "{0}", "\u2019",
    "x' union select null --", "*/", "/*", ";", "''", '\\"', "E'\\x27'", "0x27", "NULL", "true) or (true", "::text",
]  # fmt: skip
# What of a statement may differ is which fields and operators it names: words of the spec, signs, and numbers of
# placeholders. Everything else of the language is written here once.
ROLES = ("admin", "clinician", "auditor", "coordinator")


def listing_sql(spec: ListingSpec, organisation: Organisation, source: str, order: str) -> tuple[str, list[Any]]:
    listing = spec.parse(filter=source, order_by=order, signer=SIGNER, organisation_id=organisation.id)
    return listing.sql("select 1 as one", "$1::uuid is not null", 2)


@st.composite
def filters(draw: st.DrawFn, spec: ListingSpec) -> str:
    """A filter of a spec with hostile values, well formed more often than not."""
    names = sorted(spec.fields)

    def term() -> str:
        name = draw(st.sampled_from([*names, draw(st.sampled_from(HOSTILE))]))
        sign = draw(st.sampled_from([" = ", " != ", " < ", ":", " IN ", " = null", ":*"]))
        value = draw(
            st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12), st.sampled_from(["3", "true", "active"]))
        )
        quoted = draw(st.sampled_from(['"{}"', "'{}'", "{}", '("{}", "b")'])).format(value)
        return name + sign + ("" if sign in {" = null", ":*"} else quoted)

    terms = [term() for _ in range(draw(st.integers(1, 4)))]
    return draw(st.sampled_from([" AND ", " OR ", " AND NOT "])).join(terms)


@pytest.mark.parametrize("endpoint", LISTS, ids=lambda one: one.name)
class TestTheText:
    @given(data=st.data())
    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    async def test_is_the_same_whatever_the_values(
        self, endpoint: Endpoint, organisation: Organisation, data: st.DataObject
    ) -> None:
        spec = endpoint.listing
        assert spec is not None
        source = data.draw(filters(spec))
        try:
            text, args = listing_sql(spec, organisation, source, "")
        except BadRequest:
            return

        known = {word for field in spec.fields.values() for word in _words(field.expression + field.match)}
        known |= {w for f in spec.fields.values() if f.join is not None for w in _words(f.join.source)}
        known |= {w for c in spec.compounds.values() if c.field.join for w in _words(c.field.join.source)}
        known |= {w for c in spec.compounds.values() for w in _words(c.field.expression)}
        assert set(_words(text)) <= known | LANGUAGE
        assert "'" not in text
        assert len(set(re.findall(r"\$\d+", text))) == len(args) + 1


def _may(actor: Any, endpoint: Endpoint) -> bool:
    try:
        permissions.require(actor, str(endpoint.policy))
    except Exception:  # noqa: BLE001 - whatever it says, it is no
        return False
    return True


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z_]\w*", text)


LANGUAGE = set(
    _words(
        "select one as from where and or not exists is null true distinct order by desc limit any array strpos lower "
        "in uuid text date timestamptz bigint boolean bytea"
    )
)


@pytest.fixture
async def door(database: Database, organisation: Organisation) -> AsyncIterator[Door]:
    async with opened(database, {role: getattr(organisation, role) for role in ROLES}) as one:
        yield one


class TestAPage:
    async def test_of_patients_costs_as_many_statements_whatever_its_length(
        self, database: Database, organisation: Organisation, door: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with database.transaction(organisation.id, actor=organisation.clinician) as tx:
            for number in range(21):
                person = Demographics(given_name="A", family_name=f"Elbe {number}", birth_date=date(1980, 1, 1))
                await create(tx, organisation.clinician, person)
        counts: dict[tuple[str, int], int] = {}
        for endpoint in LISTS:
            role = next(role for role in ROLES if _may(getattr(organisation, role), endpoint))
            for size in (2, 20):
                headers = {"authorization": f"Bearer {role}"}
                query = {"page_size": str(size)}
                # Once to warm what is remembered, then to count.
                await door.http.get(endpoint.path, params=query, headers=headers)
                with monkeypatch.context() as patch:
                    seen = _count_statements(patch)
                    answer = await door.http.get(endpoint.path, params=query, headers=headers)
                assert answer.status_code == 200, answer.text
                counts[endpoint.name, size] = len(seen)

        for endpoint in LISTS:
            assert counts[endpoint.name, 20] <= counts[endpoint.name, 2], endpoint.name
            assert counts[endpoint.name, 20] <= 12, endpoint.name


def _count_statements(patch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        original = getattr(asyncpg.Connection, name)

        async def spy(connection: Any, sql: str, *args: Any, _original: Any = original, **more: Any) -> Any:
            seen.append(sql)
            return await _original(connection, sql, *args, **more)

        patch.setattr(asyncpg.Connection, name, spy)
    return seen
