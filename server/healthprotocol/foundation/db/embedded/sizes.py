"""How much memory and how much kept log the server gets, from how much memory the machine or the container has."""

import os
from pathlib import Path

import msgspec

_MB = 2**20
# Version 2 of control groups, then version 1; a number that is far too large means no limit.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Sizes(msgspec.Struct, frozen=True):
    """Settings of PostgreSQL of the same names, in MB."""

    shared_buffers: int
    maintenance_work_mem: int
    min_wal_size: int


SMALLEST = Sizes(shared_buffers=128, maintenance_work_mem=64, min_wal_size=80)


def sizes_for(memory: int) -> Sizes:
    """
    Return what fits into `memory` bytes beside the rest of the installation.

    An eighth is shared buffers, up to 4 GB: a quarter is usual for a machine that does nothing else. A sixty-fourth, up
    to 512 MB, sorts an index of some million rows without a file. As much log is kept for use again as is written
    between two checkpoints: to make a new file of it takes a disk 20 ms, in which nobody commits.
    Source: PostgreSQL's documentation, 19.4 (memory) and 28.5 (configuration of the log).
    """
    return Sizes(
        shared_buffers=_between(memory // 8 // _MB, least=SMALLEST.shared_buffers, most=4096),
        maintenance_work_mem=_between(memory // 64 // _MB, least=SMALLEST.maintenance_work_mem, most=512),
        min_wal_size=1024,
    )


def memory_bytes(limits: tuple[Path, ...] = _LIMITS) -> int:
    """Return the memory of the machine, or the container's limit when that is lower."""
    said = [path.read_text("ascii").strip() for path in limits if path.is_file()]
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *(int(one) for one in said if one.isdigit())]
    return min(found)


def _between(value: int, *, least: int, most: int) -> int:
    return max(least, min(most, value))
