"""
A pool of connections that sizes itself by how long work waits and how crowded the server is.

`Pool` lends to `Priority` classes within `PoolLimits`, and refuses at once what it cannot serve in time.
"""

from healthprotocol.foundation.db.pool.engine import Pool
from healthprotocol.foundation.db.pool.lending import Holding, Lease
from healthprotocol.foundation.db.pool.limits import PoolLimits, Refused
from healthprotocol.foundation.db.pool.queue import Priority
from healthprotocol.foundation.db.pool.statistics import Figures

__all__ = ["Figures", "Holding", "Lease", "Pool", "PoolLimits", "Priority", "Refused"]
