"""What a checker brings back: how much it looked at, and what it found."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SERVER = Path(__file__).parents[2]
ROOT = SERVER.parent
HOUSE = SERVER / "healthprotocol"
TESTS = SERVER / "tests"
WEB = ROOT / "web" / "src"


@dataclass
class Findings:
    """A checker that looked at nothing also finds nothing: so it counts, and its test asserts a minimum."""

    looked_at: int = 0
    trespasses: list[str] = field(default_factory=list)


def source_files(folder: Path, *suffixes: str) -> Iterator[Path]:
    """Yield the files under `folder` that people wrote: not caches, not installed packages, not what a tool made."""
    made = {"__pycache__", "node_modules", "generated", "dist", "build"}
    for path in sorted(folder.rglob("*")):
        if path.suffix in suffixes and path.is_file() and not made & set(path.relative_to(folder).parts):
            yield path
