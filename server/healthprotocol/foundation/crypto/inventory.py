"""Which keys an organisation has: how many of each kind, version and state, since when, under what. Never a key."""

from datetime import datetime
from typing import Literal

import msgspec

from healthprotocol.foundation.crypto.key_rows import Unit
from healthprotocol.foundation.crypto.root import RootState

Kind = Literal["organisation", "purpose", "subject"]

_COUNT = """
with current as (
  select coalesce(max(version), 0) as version
  from organisation_key
  where organisation_id = $1 and state = 'active'
)
select 'organisation' as kind, version, state, count(*) as keys, min(created_at) as oldest_at,
  max(created_at) as newest_at,
  count(*) filter (where wrapped is not null and (root_id, root_version) is distinct from ($2, $3)) as under_old
from organisation_key
where organisation_id = $1
group by version, state
union all
select 'purpose', kept.version, kept.state, count(*), min(kept.created_at), max(kept.created_at),
  count(*) filter (where kept.wrapped is not null and kept.wrapping_version <> current.version)
from purpose_key kept
cross join current
where kept.organisation_id = $1
group by kept.version, kept.state
union all
select 'subject', kept.version, kept.state, count(*), min(kept.created_at), max(kept.created_at),
  count(*) filter (where kept.wrapped is not null and kept.wrapping_version <> current.version)
from subject_key kept
cross join current
where kept.organisation_id = $1
group by kept.version, kept.state
order by 1, 2, 3
limit 1000
"""


class KeyCount(msgspec.Struct, frozen=True, kw_only=True):
    """
    The keys of one kind, version and state.

    `under_old` is how many are wrapped by a key that wraps no more: an organisation's by another root key or version of
    it, the others by an earlier version of their organisation's. The destroyed are wrapped by nothing.
    """

    kind: Kind
    version: int
    state: str
    keys: int
    oldest_at: datetime
    newest_at: datetime
    under_old: int


async def count_keys(tx: Unit, root: RootState) -> list[KeyCount]:
    """Return the keys of the transaction's organisation, counted. Reads the row of each of its keys."""
    rows = await tx.fetch(_COUNT, tx.tenant, root.root_id, root.current)
    return [KeyCount(**dict(row)) for row in rows]


def add_up(counts: list[KeyCount]) -> list[KeyCount]:
    """Return the counts of several organisations as one, by kind, version and state."""
    sums: dict[tuple[str, int, str], KeyCount] = {}
    for one in counts:
        place = (one.kind, one.version, one.state)
        known = sums.get(place)
        sums[place] = one if known is None else _together(known, one)
    return [sums[place] for place in sorted(sums)]


def _together(one: KeyCount, other: KeyCount) -> KeyCount:
    return msgspec.structs.replace(
        one,
        keys=one.keys + other.keys,
        under_old=one.under_old + other.under_old,
        oldest_at=min(one.oldest_at, other.oldest_at),
        newest_at=max(one.newest_at, other.newest_at),
    )
