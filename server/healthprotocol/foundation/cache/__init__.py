"""Values that are dear to make, kept: `await tx.cache.get(SPEC, key, load, tags=[…])`, and `tx.invalidate(tag)`."""

from healthprotocol.foundation.cache.node import CacheOptions
from healthprotocol.foundation.cache.spec import CacheSpec, tag
from healthprotocol.foundation.cache.tenant import TenantCache
from healthprotocol.foundation.cache.tier import Cache

__all__ = ["Cache", "CacheOptions", "CacheSpec", "TenantCache", "tag"]
