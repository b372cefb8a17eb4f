"""
Which lists make PostgreSQL scan or sort too much: the plans of every field and order, on the rows of the data set.

Start it first with `load/dataset.py database --data-dir DIR` (or `serve`). The application runs in this process and
answers every list by every filter and order, and every range of a moment in the usual order too; the plan of each
statement is read beside it (EXPLAIN). What holds whatever the machine does is the rows that a plan expects to touch, so
that is what is judged; with --run it is run as well, and judged by the pages of 8 KiB that it did touch, for what
PostgreSQL expects may be wrong: moments rise together, and it takes them for independent.
Run with: PYTHONPATH=server .venv/bin/python load/plans.py --data-dir DIR [--run]
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from healthprotocol.foundation.db.listing.reading import MOST_COST
from healthprotocol.foundation.db.transaction import Transaction
from measuring.cases import LISTS, WHO, conditions
from measuring.inside import Inside, beside

# A page has 50 rows; more than so many that are read to be thrown away, or sorted, were not found by an index.
MOST_SCANNED, MOST_SORTED = 5_000, 5_000
# The widest list touches some 5,000: what PostgreSQL misjudges touches hundreds of thousands.
MOST_BUFFERS = 10_000

Node = dict[str, Any]


class Plan(msgspec.Struct, frozen=True):
    """What PostgreSQL means to do for one page."""

    name: str
    root: Node

    @property
    def buffers(self) -> int:
        """How many pages of 8 KiB it touched; 0 where it was not run."""
        return self.root.get("Shared Hit Blocks", 0) + self.root.get("Shared Read Blocks", 0)

    @property
    def faults(self) -> list[str]:
        """What of it is too much."""
        found = [
            f"scans {node['Relation Name']}, {node['Plan Rows']:,} rows"
            for node in nodes(self.root)
            if node["Node Type"] in {"Seq Scan", "Parallel Seq Scan"} and node["Total Cost"] > MOST_SCANNED / 100
        ]
        found += [
            f"sorts {node['Plans'][0]['Plan Rows']:,} rows by {', '.join(node['Sort Key'])}"
            for node in nodes(self.root)
            if node["Node Type"] == "Sort" and node["Plans"][0]["Plan Rows"] > MOST_SORTED
        ]
        touched = self.buffers
        found += [f"touches {touched:,} buffers"] if touched > MOST_BUFFERS else []
        return found + ([f"costs {self.root['Total Cost']:,.0f}"] if self.root["Total Cost"] > MOST_COST else [])


def nodes(plan: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def queries(path: str, items: list[dict[str, Any]], tied: dict[str, str]) -> Iterator[dict[str, str]]:
    """Yield every filter of a list, and every order both ways, with values that occur."""
    yield {}
    spec = LISTS[path]
    for name, field in spec.fields.items():
        yield from ({"filter": source} for source in conditions(name, field, items, tied))
        if name in spec.ranged_orders:
            for order in (spec.default_order, spec.default_order.removesuffix(" desc"), spec.tiebreak):
                yield from ({"filter": source, "order_by": order} for source in conditions(name, field, items))
        if field.sortable:
            yield from ({"order_by": order} for order in (name, f"{name} desc"))


async def read(inside: Inside, *, is_run: bool) -> list[Plan]:
    """Ask for every list in every way, and return the plans of the statements."""
    explain = "explain (analyze, buffers, format json) " if is_run else "explain (format json) "
    plans: list[Plan] = []
    asked = ""
    fetch = Transaction.fetch

    async def spy(tx: Transaction, sql: str, *args: object) -> list[Any]:
        if asked and "\norder by" in sql and "\nlimit " in sql:
            said = await tx.fetchval(explain + sql, *args)
            plan = msgspec.json.decode(said) if isinstance(said, str) else said
            plans.append(Plan(asked, plan[0]["Plan"]))
        return await fetch(tx, sql, *args)

    await inside.sign_in(f"{WHO.get('/assignments', 'clinician')}@clinic-0000.example")
    tied = await _tied(inside)
    Transaction.fetch = spy  # pyright: ignore[reportAttributeAccessIssue] - for this process only
    for path in LISTS:
        await inside.sign_in(f"{WHO.get(path, 'clinician')}@clinic-0000.example")
        items = (await inside.get(f"{path}?page_size=50"))["items"]
        for query in queries(path, items, tied):
            asked = f"{path} {' '.join(query.values())}"
            await inside.http.get(f"/api/v1{path}?{urlencode(query)}")
            asked = ""
    Transaction.fetch = fetch
    return plans


async def _tied(inside: Inside) -> dict[str, str]:
    """Return values of what the rows of lists belong to: the protocol that most patients follow, and its title."""
    items = (await inside.get("/assignments?page_size=200"))["items"]
    most = Counter(item["protocol_id"] for item in items).most_common(1)[0][0]
    protocols = (await inside.get("/protocols?" + urlencode({"filter": f'id = "{most}"'})))["items"]
    return {"assignment.protocol_id": most, "protocol.title": protocols[0]["title"]}


async def run(data_dir: Path, *, is_run: bool) -> list[Plan]:
    """Return all plans of the data set that runs."""
    async with beside(data_dir) as inside:
        return await read(inside, is_run=is_run)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--run", action="store_true", help="run the statements too, and judge what they touch")
    given = parser.parse_args()
    plans = asyncio.run(run(given.data_dir.resolve(), is_run=given.run))
    faulty = [plan for plan in plans if plan.faults]
    for plan in faulty:
        print(f"! {plan.name}: {'; '.join(plan.faults)}")
    dearest = max(plans, key=lambda plan: plan.root["Total Cost"])
    print(f"{len(plans)} plans, {len(faulty)} that touch too much")
    print(f"the dearest is expected to cost {dearest.root['Total Cost']:,.0f} of {MOST_COST:,.0f}: {dearest.name}")
    if given.run:
        widest = max(plans, key=lambda plan: plan.buffers)
        print(f"the widest touched {widest.buffers:,} buffers of {MOST_BUFFERS:,}: {widest.name}")
    return int(bool(faulty))


if __name__ == "__main__":
    sys.exit(main())
