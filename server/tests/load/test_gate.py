"""What reads cost in counts is held to its budget, and what makes them dearer is noticed."""

from pathlib import Path
from typing import Any

import pytest

from healthprotocol.care.entries import repository

pytestmark = pytest.mark.slow


class TestBudgets:
    async def test_every_read_keeps_to_its_own(self, gate: Any, data_dir: Path) -> None:
        found = await gate.measured(data_dir)

        assert len(found) >= 12
        assert [str(one) for one in gate.findings(found, gate.budgets())] == []


class TestPlantedRegressions:
    async def _over(self, gate: Any, data_dir: Path, plant: Any) -> set[str]:
        found = await gate.measured(data_dir, plant=plant, only="today")
        return {one.figure for one in gate.findings(found, gate.budgets())}

    async def test_a_statement_more(self, gate: Any, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        once = repository.planned_between

        async def twice(*args: Any, **more: Any) -> Any:
            await once(*args, **more)
            return await once(*args, **more)

        monkeypatch.setattr(repository, "planned_between", twice)

        assert "statements" in await self._over(gate, data_dir, None)

    async def test_a_loop_in_python(self, gate: Any, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        once = repository.planned_between

        async def slowly(*args: Any, **more: Any) -> Any:
            found = await once(*args, **more)
            [number.bit_length() for number in range(2_000)]
            return found

        monkeypatch.setattr(repository, "planned_between", slowly)

        assert await self._over(gate, data_dir, None) == {"calls"}

    async def test_an_index_that_is_gone(self, gate: Any, data_dir: Path) -> None:
        async def drop(inside: Any) -> None:
            await inside.administer("drop index entry_assignment")

        assert await self._over(gate, data_dir, drop) == {"buffers"}
