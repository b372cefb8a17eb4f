"""The small data set that the tests of the benchmarks share: built once, in a folder of its own."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LOAD = Path(__file__).resolve().parents[3] / "load"


@pytest.fixture(scope="session")
def gate() -> Iterator[Any]:
    sys.path.insert(0, str(LOAD))
    yield importlib.import_module("gate")
    sys.path.remove(str(LOAD))


@pytest.fixture(scope="session")
def data_dir(gate: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data-set")
    gate.build(folder)
    return folder
