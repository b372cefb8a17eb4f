"""What is read of the settings: one row for each name, however often each was chosen."""

from typing import Any

import msgspec
import pytest

from healthprotocol.foundation.config import runtime_rows
from healthprotocol.foundation.config.runtime_rows import load_current
from healthprotocol.foundation.config.setting import Variation
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.ids import INSTALLATION, OrganisationId
from tests.support.people import Organisation

NAMES = ("delta.days", "ebb.days", "flood.days")
VERSIONS = 300
CHOSEN = """
insert into runtime_setting (organisation_id, name, version, value, variation, reason, changed_at)
select $1, name, version, to_jsonb(version), $4, 'We try it.', now()
from unnest($2::text[]) as name cross join generate_series(1, $3::int) as version
"""
EVERY_VERSION = """
select distinct on (name) name, version from runtime_setting where organisation_id = $1 order by name, version desc
"""


async def chosen_often(tx: Transaction, variation: Variation | None = None) -> None:
    await tx.execute(CHOSEN, tx.tenant, list(NAMES), VERSIONS, msgspec.to_builtins(variation))


class Statement(msgspec.Struct):
    """Stands for a transaction, and keeps what it is asked."""

    tenant: OrganisationId
    sql: str = ""
    args: tuple[object, ...] = ()

    async def fetch(self, sql: str, *args: object) -> list[Any]:
        self.sql, self.args = sql, args
        return []


async def rows_read(tx: Transaction, sql: str, *args: object) -> int:
    """Return how many rows of the table a statement looks at."""
    [row] = await tx.fetch(f"explain (analyze, format json, timing off) {sql}", *args)
    return _read(row[0][0]["Plan"])


def _read(plan: dict[str, Any]) -> int:
    here = 0
    if plan.get("Relation Name") == "runtime_setting":
        here = round((plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"])
    return here + sum(_read(one) for one in plan.get("Plans", ()))


class TestLoadCurrent:
    async def test_returns_the_newest_of_each_name_with_what_is_planned(
        self, database: Database, organisation: Organisation
    ) -> None:
        planned = Variation(value=3, percent=10.0)

        async with database.transaction(organisation.id) as tx:
            await chosen_often(tx, planned)
            found = await load_current(tx)

        newest = {name: (one.version, one.value, one.variation) for name, one in found.items()}
        assert newest == dict.fromkeys(NAMES, (VERSIONS, VERSIONS, planned))

    async def test_returns_nothing_of_another_organisation_nor_of_the_installation(
        self, database: Database, organisation: Organisation, other_organisation: Organisation
    ) -> None:
        for tenant in (INSTALLATION, other_organisation.id):
            async with database.transaction(tenant) as tx:
                await chosen_often(tx)

        async with database.transaction(organisation.id) as tx:
            assert await load_current(tx) == {}

    async def test_reads_one_row_a_name(self, database: Database, organisation: Organisation) -> None:
        asked = Statement(organisation.id)
        await load_current(asked)  # pyright: ignore[reportArgumentType] - it is asked for its statement alone

        async with database.transaction(organisation.id) as tx:
            await chosen_often(tx)
            of_it = await rows_read(tx, asked.sql, *asked.args)
            of_every_version = await rows_read(tx, EVERY_VERSION, tx.tenant)

        assert of_it == len(NAMES)
        # What it was before: the count above can see the difference.
        assert of_every_version == len(NAMES) * VERSIONS

    async def test_ends_at_its_limit(
        self, database: Database, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runtime_rows, "MOST_NAMES", 2)

        async with database.transaction(organisation.id) as tx:
            await chosen_often(tx)
            assert len(await load_current(tx)) == 2
