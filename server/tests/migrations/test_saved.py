"""Rows that are saved before they go, and put back: what is kept, how it is sealed, and what is refused."""

import asyncio
import random
import resource
from pathlib import Path

import msgspec
import pytest

from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.migrate import Backups, MigrationFailed
from healthprotocol.foundation.db.migrate.saved.sealed import SealedWriter, read_sealed
from tests.migrations.toys import Toys

CONTRACT = "-- Phase: contract\n-- Contracts: 0002\n-- Backup: boat (name)\nalter table boat drop column name;"
BACK = "-- Transaction: none\nalter table boat add column name text;\n-- Restore: boat (name)\n"
KEY = bytes(range(32))


def drop_name(toys: Toys) -> None:
    toys.write("0003_no_name", CONTRACT, BACK)


def only_folder(toys: Toys) -> Path:
    (folder,) = toys.saved.iterdir()
    return folder


class TestAContract:
    async def test_comes_back_with_its_values(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(40)
        await toys.execute("update boat set name = E'tab\\t line\\n \\\\ ' || id where id < 10")
        before = await toys.ask("select array_agg(name order by id) from boat")
        drop_name(toys)

        await toys.up()
        await toys.execute("delete from boat where id = 5")
        back = await toys.down("0002")

        assert back.current == "0002"
        assert await toys.ask("select array_agg(name order by id) from boat") == [*before[:4], *before[5:]]

    async def test_that_was_cut_off_is_undone_from_what_it_saved(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(40)
        toys.write(
            "0003_loud",
            "-- Phase: migrate\n-- Transaction: none\n-- Backup: boat (name)\n"
            "-- Backfill: boat\nupdate boat set name = upper(name) where :batch;\nselect 1 / 0;",
            "-- Transaction: none\n-- Restore: boat (name)\n",
        )
        for _ in range(2):
            with pytest.raises(MigrationFailed, match="DivisionByZero"):
                await toys.up()
        loud = await toys.ask("select count(*) from boat where name = 'BOAT ' || id")

        back = await toys.down("0002")

        assert loud == 40
        assert (back.current, back.half_done) == ("0002", None)
        assert await toys.ask("select count(*) from boat where name = 'boat ' || id") == 40

    async def test_of_a_whole_table_comes_back(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(30)
        up = "-- Phase: contract\n-- Contracts: 0002\n-- Backup: boat\ndrop table boat;"
        make = (toys.folder / "0002_boat.up.sql").read_text()
        toys.write("0003_no_boat", up, f"-- Transaction: none\n{make}\n-- Restore: boat\n")

        await toys.up()
        await toys.down("0002")

        assert await toys.ask("select count(*) from boat where name = 'boat ' || id") == 30

    async def test_leaves_files_that_only_the_owner_reads_and_nobody_understands(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(40)
        drop_name(toys)

        await toys.up()

        folder = only_folder(toys)
        files = sorted(folder.iterdir())
        assert [one.name for one in files] == ["boat.rows", "manifest.json"]
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {one.stat().st_mode & 0o777 for one in files} == {0o600}
        assert not any(b"boat 7" in one.read_bytes() for one in files)
        assert await toys.ask("select backup from schema_revision where number = '0003'") == folder.name

    async def test_with_no_place_to_save_is_refused_and_nothing_is_gone(self, toys: Toys) -> None:
        await toys.up()
        drop_name(toys)

        with pytest.raises(MigrationFailed, match=r"takes away boat \(name\), and there is no place to save it"):
            await toys.up(backups=None)
        assert (await toys.up(backups=None, accept_loss=True)).current == "0003"
        with pytest.raises(MigrationFailed, match="nothing was saved before 0003"):
            await toys.down("0002")
        assert (await toys.down("0002", accept_loss=True)).current == "0002"

    async def test_that_cannot_be_undone_is_refused(self, toys: Toys) -> None:
        await toys.up()
        toys.write("0003_gone", "-- Phase: migrate\nselect 1;", "-- Undo: none, because it only looks\n")

        with pytest.raises(MigrationFailed, match="cannot be undone"):
            await toys.up()
        await toys.up(accept_loss=True)
        with pytest.raises(MigrationFailed, match="cannot be undone: none, because it only looks"):
            await toys.down("0002", accept_loss=True)

    async def test_of_a_new_database_saves_nothing_and_asks_nothing(self, toys: Toys) -> None:
        drop_name(toys)
        toys.write("0004_gone", "-- Phase: migrate\nselect 1;", "-- Undo: none, because it only looks\n")

        assert (await toys.up(backups=None)).current == "0004"
        assert not toys.saved.exists()


class TestGoingBack:
    async def test_keeps_what_was_added_until_it_is_added_again(self, toys: Toys) -> None:
        await toys.up()
        await toys.fill(20)
        toys.write("0003_hull", "alter table boat add column hull text;", "alter table boat drop column hull;")
        await toys.up()
        await toys.execute("update boat set hull = 'oak ' || id where id > 5")

        await toys.down("0002")
        await toys.up()

        assert await toys.ask("select count(*) from boat where hull = 'oak ' || id") == 15
        assert await toys.ask("select count(*) from schema_kept") == 0

    async def test_saves_nothing_of_what_postgresql_computes(self, toys: Toys) -> None:
        column = "alter table boat add column hull text, add column loud text generated always as (upper(name)) stored;"
        toys.write("0003_hull", column, "alter table boat drop column hull, drop column loud;")
        await toys.up()
        await toys.fill(20)
        await toys.execute("update boat set hull = 'oak ' || id")

        await toys.down("0002")
        await toys.up()

        assert await toys.ask("select count(*) from boat where hull = 'oak ' || id and loud = upper(name)") == 20

    async def test_saves_nothing_of_what_is_empty(self, toys: Toys) -> None:
        toys.write("0003_hull", "alter table boat add column hull text;", "alter table boat drop column hull;")
        await toys.up()
        await toys.fill(20)

        await toys.down("0002", backups=None)

        assert await toys.ask("select count(*) from schema_kept") == 0


class TestWhatWasSaved:
    async def saved(self, toys: Toys) -> Path:
        await toys.up()
        await toys.fill(40)
        drop_name(toys)
        await toys.up()
        return only_folder(toys)

    async def test_that_was_altered_is_not_put_back(self, toys: Toys) -> None:
        path = await self.saved(toys) / "boat.rows"
        raw = bytearray(path.read_bytes())
        raw[-20] ^= 1
        path.write_bytes(raw)

        with pytest.raises(MigrationFailed, match="damaged"):
            await toys.down("0002")

    async def test_with_an_altered_manifest_is_not_put_back(self, toys: Toys) -> None:
        path = await self.saved(toys) / "manifest.json"
        said = msgspec.json.decode(path.read_bytes())
        said["tables"][0]["rows"] = 39
        path.write_bytes(msgspec.json.encode(said))

        with pytest.raises(MigrationFailed, match=r"manifest .* was altered"):
            await toys.down("0002")

    async def test_under_another_root_key_is_not_put_back(self, toys: Toys) -> None:
        await self.saved(toys)

        with pytest.raises(MigrationFailed, match="another root key"):
            await toys.down("0002", backups=Backups(toys.saved, KEY))

    async def test_on_another_node_says_what_to_bring(self, toys: Toys, tmp_path: Path) -> None:
        folder = await self.saved(toys)

        with pytest.raises(MigrationFailed, match=f"the saved tables {folder.name} are not in"):
            await toys.down("0002", backups=Backups(tmp_path / "elsewhere", bytes(32)))
        assert (await toys.down("0002")).current == "0002"


class TestSealedStream:
    async def write(self, path: Path, pieces: list[bytes]) -> SealedWriter:
        writer = SealedWriter(path, KEY, "boat")
        for piece in pieces:
            await writer.write(piece)
        writer.close()
        return writer

    async def test_gives_back_what_came_in_whatever_its_size(self, tmp_path: Path) -> None:
        for place, size in enumerate((0, 1, 1 << 20, 3 << 20)):
            content = resource_bytes(size)
            await self.write(tmp_path / str(place), [content[:10], content[10:]])

            assert b"".join(read_sealed(tmp_path / str(place), KEY, "boat")) == content

    async def test_is_refused_when_cut_off_extended_or_of_another_table(self, tmp_path: Path) -> None:
        path = tmp_path / "rows"
        await self.write(path, [resource_bytes(3 << 20)])
        whole = path.read_bytes()
        first = 16 + 5 + int.from_bytes(whole[16:20], "big")

        for name, content in (("boat", whole[:-1]), ("boat", whole[:first]), ("boat", whole + b"x"), ("oar", whole)):
            path.write_bytes(content)
            with pytest.raises(MigrationFailed):
                list(read_sealed(path, KEY, name))
        path.write_bytes(whole[:16] + whole[first:])
        with pytest.raises(MigrationFailed, match="damaged"):
            list(read_sealed(path, KEY, "boat"))

    async def test_keeps_memory_bounded_even_when_zeros_unpack(self, tmp_path: Path) -> None:
        path = tmp_path / "zeros"
        await self.write(path, [bytes(1 << 20)] * 256)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        read = await asyncio.to_thread(lambda: sum(map(len, read_sealed(path, KEY, "boat"))))

        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert read == 256 << 20
        assert path.stat().st_size < 4 << 20
        assert grown_kib < 32 << 10


def resource_bytes(size: int) -> bytes:
    """Bytes that do not get smaller by packing, the same at every run."""
    return random.Random(size).randbytes(size)


async def test_a_backup_of_many_rows_needs_no_more_memory(toys: Toys) -> None:
    await toys.up()
    await toys.execute(
        "insert into boat select gen_random_uuid(), n, md5(n::text) || repeat('x', 900) "
        "from generate_series(1, 120000) n"
    )
    drop_name(toys)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    reached = await toys.up()

    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert reached.current == "0003"
    assert grown_kib < 48 << 10
    assert migrate.Backups(toys.saved, bytes(32)).open(only_folder(toys).name).verify().tables[0].rows == 120000
