"""How the server is sized: by the machine's memory or the container's, within bounds."""

import os
from pathlib import Path

import pytest

from healthprotocol.foundation.db.embedded.sizes import SMALLEST, memory_bytes, sizes_for

GB = 2**30


class TestSizesFor:
    @pytest.mark.parametrize(
        ("memory", "shared_buffers", "maintenance_work_mem"),
        [(0, 128, 64), (GB, 128, 64), (2 * GB, 256, 64), (24 * GB, 3072, 384), (256 * GB, 4096, 512)],
    )
    def test_grow_with_the_memory_between_bounds(
        self, memory: int, shared_buffers: int, maintenance_work_mem: int
    ) -> None:
        found = sizes_for(memory)

        assert (found.shared_buffers, found.maintenance_work_mem) == (shared_buffers, maintenance_work_mem)

    def test_are_never_below_the_smallest(self) -> None:
        assert sizes_for(1).shared_buffers >= SMALLEST.shared_buffers


class TestMemoryBytes:
    def test_is_the_machine_s(self) -> None:
        assert memory_bytes(()) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    def test_is_the_container_s_where_that_is_lower(self, tmp_path: Path) -> None:
        limit = tmp_path / "memory.max"
        limit.write_text("268435456\n")

        assert memory_bytes((limit, tmp_path / "absent")) == 268_435_456

    @pytest.mark.parametrize("said", ["max\n", "9223372036854771712\n"])
    def test_is_the_machine_s_where_there_is_no_limit(self, tmp_path: Path, said: str) -> None:
        limit = tmp_path / "memory.max"
        limit.write_text(said)

        assert memory_bytes((limit,)) == memory_bytes(())
