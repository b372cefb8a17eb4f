"""Read a plan: what it scans, by which conditions of which indexes, and what it sorts."""

import re
from collections.abc import Iterator
from typing import Any

import asyncpg
import msgspec

Node = dict[str, Any]


class Asked(msgspec.Struct, frozen=True):
    """A statement of a list as it was asked for, with the plans of all of it and of its condition alone."""

    sql: str
    page: Node
    condition: Node


def nodes(plan: Node) -> Iterator[Node]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def read_plans(connection: asyncpg.Connection, sql: str, args: tuple[object, ...]) -> Asked:
    """Have PostgreSQL plan a page, and its condition alone: without an order, the most selective index is the best."""
    unordered = sql[: sql.rindex("\norder by")]
    return Asked(
        sql,
        await _plan(connection, sql, args),
        await _plan(connection, unordered, args[: len(set(re.findall(r"\$\d+", unordered)))]),
    )


async def _plan(connection: asyncpg.Connection, sql: str, args: tuple[object, ...]) -> Node:
    plan = await connection.fetchval("explain (format json) " + sql, *args)
    return (msgspec.json.decode(plan) if isinstance(plan, str) else plan)[0]["Plan"]


class Catalogue(msgspec.Struct, frozen=True):
    """What the plans do not say: which tables are empty, and which rows a partial index holds."""

    empty: frozenset[str]
    predicates: dict[str, str]

    @classmethod
    async def of(cls, connection: asyncpg.Connection) -> "Catalogue":
        empty = await connection.fetch("select relname from pg_class where relkind = 'r' and reltuples <= 0")
        partial = await connection.fetch(
            "select indexrelid::regclass::text as name, pg_get_expr(indpred, indrelid) as held from pg_index"
            " where indpred is not null"
        )
        return cls(frozenset(row["relname"] for row in empty), {row["name"]: row["held"] for row in partial})

    def scanned(self, plan: Node) -> list[str]:
        """The tables, empty ones left out, that are read from end to end."""
        return [
            node["Relation Name"]
            for node in nodes(plan)
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] not in self.empty
        ]

    def sorts(self, plan: Node) -> list[str]:
        """The keys of what is sorted after it was read; what an index returns in order is not."""
        return [
            str(node["Sort Key"])
            for node in nodes(plan)
            if node["Node Type"] in {"Sort", "Incremental Sort"}
            and any(one.get("Relation Name", "") not in {"", *self.empty} for one in nodes(node))
        ]

    def is_found_by(self, plan: Node, column: str) -> bool:
        """Whether an index is entered by the column, or holds only rows chosen by it, or a function is asked by it."""
        word = re.compile(rf"(?<![\w]){re.escape(column)}(?![\w])")
        for node in nodes(plan):
            said = node.get("Index Cond", "") + " " + self.predicates.get(node.get("Index Name", ""), "")
            if word.search(said) or node.get("Function Name") == column:
                return True
        return False
