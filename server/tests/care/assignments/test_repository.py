"""Every order and filter that the list of assignments offers is served by an index: shown on PostgreSQL's own plan."""

import pytest

from healthprotocol.care.assignments.repository.plans import _ROW, ASSIGNMENTS
from tests.care.assignments.plans import Clinic

FIELDS = sorted(name for name, field in ASSIGNMENTS.fields.items() if field.sortable)
FILTERS = {
    "id": 'id = "00000000-0000-0000-0000-000000000001"',
    "status": 'status = "paused"',
    "patient_id": 'patient_id = "00000000-0000-0000-0000-000000000001"',
    "protocol_id": 'protocol_id = "00000000-0000-0000-0000-000000000001"',
    "version": "version = 7",
    "starts_on": "starts_on >= 2026-03-02",
    "ends_on": "ends_on < 2026-03-02",
    "assigned_at": 'assigned_at > "2026-03-02T00:00:00Z"',
    "updated_at": 'updated_at > "2026-03-02T00:00:00Z"',
}


async def plan_of(clinic: Clinic, *, filter_: str = "", order_by: str = "") -> str:
    async with clinic.acting() as tx:
        listing = ASSIGNMENTS.parse(
            filter=filter_, order_by=order_by, signer=tx.keys.signer("page_token"), organisation_id=tx.tenant
        )
        sql, args = listing.sql(_ROW, "a.organisation_id = $1", 2)
        # In an empty table reading all of it is cheapest: forbid that, and see whether there is another way.
        await tx.execute(
            "set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_sort = off"
        )
        rows = await tx.fetch(f"explain {sql}", tx.tenant, *args)
    return "\n".join(row[0] for row in rows)


class TestPage:
    @pytest.mark.parametrize("field", FIELDS)
    async def test_an_index_gives_every_order(self, clinic: Clinic, field: str) -> None:
        for order_by in (field, f"{field} desc"):
            plan = await plan_of(clinic, order_by=order_by)
            assert "Index Scan" in plan
            assert "Sort" not in plan

    @pytest.mark.parametrize("field", FIELDS)
    async def test_an_index_finds_every_filter(self, clinic: Clinic, field: str) -> None:
        plan = await plan_of(clinic, filter_=FILTERS[field], order_by=field)

        [condition] = [line for line in plan.splitlines() if "Index Cond" in line]
        assert f"({field} " in condition
