import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import msgspec
import pytest

from tests.support.postgresql import Cluster

PASSWORD = "eleven wet llamas hum"
CREATE = ("admin", "create", "--organisation", "Delta Clinic", "--email", "elbe@delta.example", "--password-stdin")


class Ended(msgspec.Struct, frozen=True):
    """What a command left behind."""

    code: int
    out: str
    err: str


class Machine(msgspec.Struct, frozen=True):
    """A data directory and an empty database."""

    folder: Path
    url: str

    async def run(self, *arguments: str, typed: str = "") -> Ended:
        environment = os.environ | {
            "HP_DATA_DIR": str(self.folder),
            "HP_DATABASE_URL": self.url,
            "HP_ENVIRONMENT": "test",
        }
        command = [sys.executable, "-m", "healthprotocol", *arguments]
        done = await asyncio.to_thread(
            subprocess.run, command, env=environment, input=typed, capture_output=True, text=True, check=False
        )
        return Ended(done.returncode, done.stdout, done.stderr)


@contextmanager
def migrated(cluster: Cluster, name: str, folder: Path) -> Iterator[Machine]:
    """Give a machine with a migrated database of this name; for fixtures, outside a running loop."""
    asyncio.run(cluster.execute("postgres", f"create database {name}"))
    machine = Machine(folder, cluster.admin_url(name))
    assert asyncio.run(machine.run("migrate", "up")).code == 0
    yield machine
    asyncio.run(cluster.execute("postgres", f"drop database {name} with (force)"))


@pytest.fixture
async def machine(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Machine]:
    name = "admin_create"
    postgres = await asyncpg.connect(cluster.admin_url("postgres"))
    await postgres.execute(f"create database {name}")
    yield Machine(tmp_path, cluster.admin_url(name))
    await postgres.execute(f"drop database {name} with (force)")
    await postgres.close()


class TestAdminCreate:
    async def test_makes_an_organisation_whose_admin_is_in_the_directory(self, machine: Machine) -> None:
        early = await machine.run(*CREATE, typed=f"{PASSWORD}\n")
        await machine.run("migrate", "up")
        weak = await machine.run(*CREATE, typed="short\n")
        unasked = await machine.run(*CREATE[:-1])
        done = await machine.run(*CREATE, "--json", typed=f"{PASSWORD}\n")

        assert (early.code, "migrate up" in early.err) == (1, True)
        assert (weak.code, "at least 15 characters" in weak.err) == (2, True)
        assert (unasked.code, "--password-stdin" in unasked.err) == (2, True)
        assert (done.code, json.loads(done.out)["email"]) == (0, "elbe@delta.example")
        connection = await asyncpg.connect(machine.url)
        rows = await connection.fetch(
            """
            select o.name, a.role, a.id::text as account_id
            from sign_in_directory d
            join account a on a.id = d.account_id
            join organisation o on o.organisation_id = d.organisation_id
            """
        )
        await connection.close()
        assert [tuple(row) for row in rows] == [("Delta Clinic", "admin", json.loads(done.out)["account_id"])]

    async def test_says_how_in_its_help(self, machine: Machine) -> None:
        helped = await machine.run("admin", "create", "--help")

        assert helped.code == 0
        assert "healthprotocol admin create --organisation" in " ".join(helped.out.split())
