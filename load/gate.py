"""
Whether a change made reads dearer, told by counts that do not depend on how busy the machine is.

It builds a small data set, runs the application in this process, and compares statements, buffers and calls of Python a
request with budgets.json. Run with: PYTHONPATH=server .venv/bin/python load/gate.py [--accept] [--data-dir DIR]
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec

from measuring.inside import Effort, Inside, opened

HERE = Path(__file__).parent
BUDGETS = HERE / "budgets.json"
SIZES = ("--patients", "300", "--organisations", "3", "--entries", "3000", "--workers", "1")
# The same day for every run: what is planned and measured differs by the day of the week and of the month. Far enough
# back that its partitions are none of those that a new database makes for the months around its own present.
PRESENT = "2026-03-11T10:00:00+00:00"
# How much more than the budget is still the same: a statement more is never; pages split and plans change a little.
ROOM = {"statements": 1.0, "buffers": 1.3, "calls": 1.1}

Plant = Callable[[Inside], Awaitable[None]]


class Finding(msgspec.Struct, frozen=True):
    """A figure that is over its budget."""

    path: str
    figure: str
    measured: int
    budget: int

    def __str__(self) -> str:
        return f"{self.path}: {self.measured} {self.figure} a request, the budget is {self.budget}"


def build(data_dir: Path) -> None:
    """Make the small data set."""
    command = [sys.executable, str(HERE / "dataset.py"), "build", "--data-dir", str(data_dir), "--at", PRESENT, *SIZES]
    environment = os.environ | {"PYTHONPATH": str(HERE.parent / "server")}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


async def measured(data_dir: Path, *, plant: Plant | None = None, only: str = "") -> dict[str, Effort]:
    """Return what each read (or the one called `only`) costs; `plant` may spoil something first."""
    async with opened(data_dir) as inside:
        await inside.sign_in("clinician@clinic-0000.example")
        if plant is not None:
            await plant(inside)
        protocols = await inside.get("/protocols?page_size=50&filter=title%20%3D%20%22Blood%20pressure%20at%20home%22")
        protocol = protocols["items"][0]["id"]
        # The first by id: of the same seed it is the same person with the same plan.
        patient = (await inside.get("/patients?page_size=1&order_by=id"))["items"][0]["id"]
        paths = {
            "a patient": f"/patients/{patient}",
            "today": f"/patients/{patient}/today",
            "adherence of a patient": f"/patients/{patient}/adherence",
            "measurements": f"/patients/{patient}/measurements",
            "patients": "/patients?page_size=50",
            "entries": "/entries?page_size=50",
            "assignments": "/assignments?page_size=50",
            "alerts": "/alerts?page_size=50",
            "protocols": "/protocols?page_size=50",
            "versions": f"/protocols/{protocol}/versions",
            "dashboard": "/adherence?group_by=patient&page_size=50",
            "cohort": f"/protocols/{protocol}/adherence",
        }
        return {name: await inside.effort(path) for name, path in paths.items() if only in {"", name}}


def findings(found: dict[str, Effort], budgets: dict[str, dict[str, int]]) -> Iterator[Finding]:
    """Yield what is over its budget; a read without one is over it too."""
    for name, effort in found.items():
        for figure, value in msgspec.structs.asdict(effort).items():
            budget = budgets.get(name, {}).get(figure, 0)
            if value > budget * ROOM[figure]:
                yield Finding(name, figure, value, budget)


def budgets() -> dict[str, dict[str, int]]:
    """Return the budgets of this gate."""
    return json.loads(BUDGETS.read_text())["gate"]


def accept(found: dict[str, Effort]) -> None:
    """Write what was measured as the budgets."""
    everything = json.loads(BUDGETS.read_text())
    everything["gate"] = {name: msgspec.structs.asdict(effort) for name, effort in found.items()}
    BUDGETS.write_text(json.dumps(everything, indent=2) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="one that was built for this before")
    parser.add_argument("--accept", action="store_true", help="write what is measured as the budgets")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data_dir = given.data_dir or Path(name)
        if given.data_dir is None:
            build(data_dir)
        found = asyncio.run(measured(data_dir.resolve()))
    for name, effort in found.items():
        print(f"{name:26} {effort.statements:4} statements {effort.buffers:8,} buffers {effort.calls:9,} calls")
    if given.accept:
        accept(found)
        return 0
    over = list(findings(found, budgets()))
    for finding in over:
        print(f"! {finding}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
