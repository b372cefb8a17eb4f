"""Fixtures of the tests of migrations: a database of its own, and a folder of small revisions."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.migrations.toys import Toys
from tests.support.postgresql import Cluster


@pytest.fixture
async def empty(cluster: Cluster) -> AsyncIterator[str]:
    name = f"m{next(cluster.numbers)}"
    connection: asyncpg.Connection[Any] = await asyncpg.connect(cluster.admin_url("postgres"))
    await connection.execute(f"create database {name}")
    yield name
    await connection.execute(f"drop database {name} with (force)")
    await connection.close()


@pytest.fixture
def toys(cluster: Cluster, empty: str, tmp_path: Path) -> Toys:
    return Toys(cluster, empty, tmp_path)
