"""Every revision forwards, back and forwards again, on rows in every table; and from a release with data."""

import re
import subprocess
from pathlib import Path

import asyncpg
import pytest

from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.migrate import Backups, MigrationFailed, Options
from tests.migrations import rows
from tests.support.postgresql import APP_PASSWORD, Cluster


async def up(url: str, saved: Path, target: str) -> None:
    options = Options(backups=Backups(saved, bytes(32)))
    await migrate.up(url, app_password=APP_PASSWORD, target=target, options=options)


async def down(url: str, saved: Path, target: str) -> None:
    await migrate.down(url, target=target, options=Options(backups=Backups(saved, bytes(32))))


class TestEveryRevision:
    @pytest.mark.slow
    async def test_forwards_back_and_forwards_keeps_every_value(
        self, cluster: Cluster, empty: str, tmp_path: Path
    ) -> None:
        url = cluster.admin_url(empty)
        files = migrate.revisions()
        filled: dict[str, int] = {}

        for before, revision in zip(("base", *(one.number for one in files)), files, strict=False):
            connection = await asyncpg.connect(url)
            old = await rows.contents(connection)
            await connection.close()

            await up(url, tmp_path, revision.number)
            connection = await asyncpg.connect(url)
            filled = await rows.fill(connection)
            full = await rows.contents(connection)
            await connection.close()
            await down(url, tmp_path, before)
            connection = await asyncpg.connect(url)
            left = await rows.contents(connection)
            await connection.close()
            await up(url, tmp_path, revision.number)
            connection = await asyncpg.connect(url)
            again = await rows.contents(connection)
            await connection.close()

            assert rows.common(left, old) == rows.common(old, left), revision.title
            assert again == full, revision.title

        assert len(filled) >= 30
        assert min(filled.values()) >= 1

    async def test_going_back_with_no_place_to_save_is_refused(self, cluster: Cluster, empty: str) -> None:
        url = cluster.admin_url(empty)
        await migrate.up(url, app_password=APP_PASSWORD)
        connection = await asyncpg.connect(url)
        await rows.fill(connection)

        with pytest.raises(MigrationFailed, match="there is no place to save it; let a backup be made"):
            await migrate.down(url, target="0009")
        await migrate.down(url, target="0009", options=Options(accept_loss=True))
        await connection.close()

        assert (await migrate.status(url)).current == "0009"


class TestFromTheReleaseBefore:
    async def test_a_database_that_alembic_made_is_taken_over(
        self, cluster: Cluster, empty: str, tmp_path: Path
    ) -> None:
        """That release kept nothing but its version: no checksums, no other table of ours."""
        url, last = cluster.admin_url(empty), migrate.releases()[0].last
        await up(url, tmp_path, last)
        connection = await asyncpg.connect(url)
        await connection.execute("drop table schema_revision, schema_step, schema_kept")
        await rows.fill(connection)
        before = await rows.contents(connection)

        status = await migrate.status(url)
        reached = await migrate.up(url, app_password=APP_PASSWORD)
        after = await rows.contents(connection)
        remembered = await connection.fetchval("select count(*) from schema_revision where length(checksum) = 64")
        await connection.close()

        assert status.pending[0] > last
        assert reached.pending == ()
        assert remembered == len(migrate.revisions())
        assert rows.common(after, before) == rows.common(before, after)


class TestTheFilesOfTheRelease:
    def test_are_what_was_released(self, tmp_path: Path) -> None:
        root = Path(__file__).resolve().parents[3]
        release = migrate.releases()[-1]
        listed = _git(root, "ls-tree", "-r", "--name-only", release.commit, "server/migrations")
        if listed is None:
            pytest.skip("no history here, as in an unpacked archive: what was released cannot be compared")

        for name in re.findall(r"server/migrations/(\S+\.sql)", listed):
            was = _git(root, "show", f"{release.commit}:server/migrations/{name}")
            assert (migrate.migrations_folder() / name).read_text() == was, name


def _git(root: Path, *arguments: str) -> str | None:
    done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None
