"""The door to the cache of a process."""

from uuid import UUID

from healthprotocol.foundation.cache.node import CacheNode
from healthprotocol.foundation.cache.tenant import TenantCache
from healthprotocol.foundation.cache.unit import Unit


class Cache(CacheNode):
    """A process's cache: `tx.cache`, or `database.cache.of(organisation_id)` where there is no transaction."""

    def of(self, organisation_id: UUID, *, unit: Unit | None = None) -> "TenantCache":
        """Return the cache as one organisation sees it; without `unit`, loads open a transaction of their own."""
        return TenantCache(self, organisation_id, unit)
