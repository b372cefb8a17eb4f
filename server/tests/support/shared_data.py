"""Where the data lies that tests read in place: beside the repository, never in it."""

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]


def shared_data() -> Path | None:
    """Return the folder of shared data, or None where there is none. HP_SHARED_DATA names another."""
    named = os.environ.get("HP_SHARED_DATA")
    folder = Path(named) if named else _ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


def shared(name: str) -> Path:
    """Return a folder or file of the shared data; where it is absent the test is skipped and says which."""
    folder = shared_data()
    if folder is None or not (folder / name).exists():
        pytest.skip(f"shared data is absent: {name}")
    return folder / name
