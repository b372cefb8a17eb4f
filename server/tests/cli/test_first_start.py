"""What is done once to a database, and what a start that was cut off leaves to the next one."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.first_start import FirstStart
from healthprotocol.cli.installation import DATABASE, Installation, describe, require_reachable
from healthprotocol.cli.terminal import Terminal
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.embedded import EmbeddedServer
from tests.support.launched import SERVER, free_port
from tests.support.postgresql import Cluster


@pytest.fixture(autouse=True)
def _find_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    # Steps run in processes of their own, which know nothing of pytest's path.
    monkeypatch.setenv("PYTHONPATH", str(SERVER))


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    """An empty database of this run's server."""
    name = f"first{next(cluster.numbers)}"
    yield cluster.server.ensure_database(name)
    cluster.server.drop_database(name)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    (tmp_path / "data").mkdir()
    return Installation(Settings(data_dir=tmp_path / "data"))


def first_start(installation: Installation, url: str) -> FirstStart:
    return FirstStart(installation, Terminal(as_json=True), administrator_url=url)


def ask(url: str, statement: str) -> Any:
    async def question() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(question())


class TestMigrate:
    def test_brings_an_empty_database_to_the_newest_revision(self, installation: Installation, url: str) -> None:
        first_start(installation, url).migrate()

        assert ask(url, "select version_num from alembic_version") == migrate.revisions()[-1].number
        assert ask(installation.application_url(url), "select current_user").startswith("hp_app")

    def test_gives_the_application_its_password_again_under_another_root_key(
        self, installation: Installation, url: str, tmp_path: Path
    ) -> None:
        first_start(installation, url).migrate()
        other = Installation(Settings(data_dir=tmp_path / "other"))

        first_start(other, url).migrate()

        assert ask(other.application_url(url), "select 1") == 1

    def test_as_the_application_says_who_can(self, installation: Installation, url: str) -> None:
        first_start(installation, url).migrate()
        asyncio.run(migrate.down(url, target="0001"))

        with pytest.raises(CommandFailed, match="run `healthprotocol migrate up` as an administrator"):
            first_start(installation, installation.application_url(url)).migrate()


class TestLoadDemo:
    def test_is_not_done_twice(self, installation: Installation, url: str) -> None:
        (installation.data_dir / "demo.loaded").touch()

        assert first_start(installation, url).load_demo()

    def test_is_not_done_where_somebody_works(self, installation: Installation, url: str) -> None:
        first_start(installation, url).migrate()
        ask(
            url,
            "insert into organisation (organisation_id, name, created_at, updated_at)"
            " values (gen_random_uuid(), 'Delta Clinic', now(), now())",
        )

        assert not first_start(installation, url).load_demo()
        assert not (installation.data_dir / "demo.loading").exists()

    def test_that_fails_is_begun_anew_at_the_next_start(
        self, installation: Installation, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first_start(installation, url).migrate()
        monkeypatch.setenv("HP_ENVIRONMENT", "nonsense")

        with pytest.raises(CommandFailed, match="Loading the demo data failed"):
            first_start(installation, url).load_demo()

        assert (installation.data_dir / "demo.loading").exists()
        assert not (installation.data_dir / "demo.loaded").exists()


class TestUndoHalfADemo:
    @pytest.fixture
    def server(self, installation: Installation) -> Iterator[EmbeddedServer]:
        with EmbeddedServer(installation.data_dir, durable=False) as server:
            ask(server.ensure_database(DATABASE), "create table river as select 'Spree' as name")
            yield server

    def test_empties_the_database(self, installation: Installation, server: EmbeddedServer) -> None:
        (installation.data_dir / "demo.loading").touch()

        first_start(installation, server.url_of(DATABASE)).undo_half_a_demo(server)

        assert ask(server.url_of(DATABASE), "select to_regclass('river')") is None
        assert not (installation.data_dir / "demo.loading").exists()

    def test_touches_nothing_else(self, installation: Installation, server: EmbeddedServer) -> None:
        first_start(installation, server.url_of(DATABASE)).undo_half_a_demo(server)

        assert ask(server.url_of(DATABASE), "select name from river") == "Spree"

    def test_touches_no_database_of_the_operators(self, installation: Installation, url: str) -> None:
        (installation.data_dir / "demo.loading").touch()

        first_start(installation, url).undo_half_a_demo(None)

        assert (installation.data_dir / "demo.loading").exists()


class TestInstallation:
    def test_production_makes_no_root_key(self, tmp_path: Path) -> None:
        installation = Installation(Settings(data_dir=tmp_path, environment="production"))

        with pytest.raises(CommandFailed, match="healthprotocol keys create"):
            _ = installation.root_key

        assert not (tmp_path / "keys").exists()

    def test_the_application_signs_in_alike_on_every_node_with_the_root_key(self, tmp_path: Path) -> None:
        key = tmp_path / "root.key"
        one = Installation(Settings(data_dir=tmp_path / "one", root_key_file=key))
        other = Installation(Settings(data_dir=tmp_path / "other", root_key_file=key))

        assert one.application_password == other.application_password

    def test_children_do_not_depend_on_the_folder_they_start_in(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        installation = Installation(Settings(data_dir=Path("data"), root_key_file=Path("root.key")))

        environment = installation.child_environment(HP_PORT="1")

        assert environment["HP_DATA_DIR"] == str(tmp_path / "data")
        assert environment["HP_ROOT_KEY_FILE"] == str(tmp_path / "root.key")
        assert environment["HP_PORT"] == "1"

    def test_uses_the_database_of_a_running_up(self, installation: Installation) -> None:
        with EmbeddedServer(installation.data_dir, durable=False) as server:
            server.ensure_database(DATABASE)

            with installation.database_url() as url:
                assert url == server.url_of(DATABASE)

    def test_starts_the_database_for_as_long_as_it_is_needed(self, installation: Installation) -> None:
        with installation.database_url() as url:
            assert ask(url, "select current_database()") == DATABASE

        assert EmbeddedServer(installation.data_dir).url_of_running(DATABASE) is None


class TestRequireReachable:
    def test_names_the_reason_and_no_password(self, cluster: Cluster) -> None:
        good = cluster.admin_url("postgres")
        password = good.partition("postgres:")[2].partition("@")[0]
        wrong = {
            good.replace(password, "hunter2"): "the password is wrong",
            good.replace("/postgres?", "/nowhere?"): "there is no such database",
            f"postgresql://a:hunter2@127.0.0.1:{free_port()}/clinic": "nobody listens there",
        }

        for url, reason in wrong.items():
            with pytest.raises(CommandFailed, match=reason) as caught:
                require_reachable(url)
            assert "hunter2" not in str(caught.value)
            assert password not in str(caught.value)

    def test_describe_leaves_user_and_password_out(self) -> None:
        assert describe("postgresql://owner:hunter2@db.example:5433/clinic") == "db.example:5433/clinic"
        assert describe("postgresql://owner@/clinic?host=/run/pg") == "a local socket/clinic"
