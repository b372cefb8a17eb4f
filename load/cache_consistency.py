"""
Whether any read through the cache is stale past its bound, whatever happens: a longer storm than the tests have.

Nodes are processes that read and write the same registers, miss and delay a part of what they are told, and are killed;
Redis is killed, emptied and frozen, and listening connections are cut off, all the while. How the history is judged,
and that planted faults are found, stands in server/tests/faults. Run with:
PYTHONPATH=server .venv/bin/python load/cache_consistency.py [SECONDS] [NODES]
"""

import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter

from healthprotocol.foundation.cache.epochs import BOUND_SECONDS
from tests.faults.caching import make_registers, violations
from tests.faults.storm import Storm
from tests.support.people import make_organisation
from tests.support.postgresql import Cluster, cloned_database, open_database, start_cluster
from tests.support.redis import redis_server

SECONDS, NODES = 60.0, 4
_SHOWN = 20


async def storm(cluster: Cluster, folder: Path, *, nodes: int, seconds: float) -> int:
    """Let it rage, print what happened, and return how many reads were wrong."""
    async with cloned_database(cluster) as name:
        database = await open_database(cluster, name)
        organisations = [(await make_organisation(database, one)).id for one in ("Delta Clinic", "Estuary Clinic")]
        await database.close()
        await make_registers(cluster.admin_url(name), organisations)
        with redis_server(folder) as redis:
            raging = Storm(cluster, name, redis, list(organisations))
            await raging.rage(nodes=nodes, seconds=seconds)
    began = perf_counter()
    found = violations(raging.events)
    kinds = Counter(event.kind for event in raging.events)
    print(f"{kinds['read']} reads and {kinds['write']} writes of {nodes} nodes in {seconds:.0f} s; {raging.done}")
    print(f"{len(found)} wrong, judged in {perf_counter() - began:.1f} s; the bound is {BOUND_SECONDS} s")
    for one in found[:_SHOWN]:
        print(f"  {one}")
    return len(found)


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    nodes = int(sys.argv[2]) if len(sys.argv) > 1 + 1 else NODES
    with tempfile.TemporaryDirectory() as name:
        cluster = start_cluster(Path(name))
        try:
            return 1 if asyncio.run(storm(cluster, Path(name), nodes=nodes, seconds=seconds)) else 0
        finally:
            cluster.server.stop()


if __name__ == "__main__":
    sys.exit(main())
