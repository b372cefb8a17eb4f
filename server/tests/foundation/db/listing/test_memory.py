"""What was asked before changes nothing of what a filter means: shapes are remembered for all callers of a process."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.foundation.db.listing import ListingSpec, choice, integer, text, timestamp, uuid
from healthprotocol.foundation.db.listing.shapes import Memory
from healthprotocol.foundation.errors import BadRequest

from .test_spec import HERE, SIGNER

NOW = datetime(2026, 3, 7, tzinfo=UTC)
SPEC = ListingSpec(
    name="barges",
    fields={
        "id": uuid("b.id", sortable=True),
        "name": text("b.name"),
        "state": choice("b.state", ("docked", "waiting")),
        "berths": integer("b.berths"),
        "seen_at": timestamp("b.seen_at"),
    },
    default_order="id",
)
VALUES = (
    "Ebro", '"Ebro"', '"Ebro*"', r'"Ebro\*"', r'"Ebro\\*"', "'Ebro*'", "(Ebro)", "(Ebro, Po)", '("Ebro")',
    "(Ebro OR Po)",
    "docked", "(docked)", "5", '"5"', "(5)", "(5, 6)", "today", "today-1d", "2026-01-01T00:00:00Z", "*", "null", '""',
)  # fmt: skip
TERM = st.tuples(
    st.sampled_from(["", "NOT ", "("]),
    st.sampled_from(sorted(SPEC.fields)),
    st.sampled_from(["=", "!=", "<", ":", " IN "]),
    st.sampled_from(VALUES),
    st.sampled_from(["", ")"]),
).map("".join)
FILTER = st.lists(TERM, min_size=1, max_size=3).map(" AND ".join)


def meaning(spec: ListingSpec, source: str) -> Any:
    try:
        return spec.parse(filter=source, signer=SIGNER, organisation_id=HERE, now=NOW).where(1)
    except BadRequest as refused:
        return [(fault.pointer, fault.code) for fault in refused.violations]


def fresh() -> ListingSpec:
    return msgspec.structs.replace(SPEC, memory=Memory())


class TestMemory:
    @pytest.mark.parametrize(
        ("before", "source"),
        [("name = Ebro", "name = (Ebro, Po)"), ("name = (Ebro, Po)", "name = Ebro"), ("name != Ebro", "name != (Po)")],
    )
    def test_takes_no_list_for_a_value(self, before: str, source: str) -> None:
        warm = fresh()
        meaning(warm, before)

        assert meaning(warm, source) == meaning(fresh(), source)

    @given(before=st.lists(FILTER, max_size=3), source=FILTER)
    def test_changes_no_meaning(self, before: list[str], source: str) -> None:
        warm = fresh()
        for each in before:
            meaning(warm, each)

        assert meaning(warm, source) == meaning(fresh(), source)
