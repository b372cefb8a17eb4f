"""What staging and production refuse: all of it at once, each with a remedy, never with a secret."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.safety import faults_of_database, require_safe
from healthprotocol.cli.unsafe_settings import unsafe_settings
from healthprotocol.foundation.config.layers import Layers
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.crypto.root import LocalRootKey
from tests.support.postgresql import Cluster

GOOD = "a-long-and-unusual-password"


def installation(tmp_path: Path, **more: Any) -> Installation:
    """A production installation with nothing wrong, but for what a test says."""
    key = tmp_path / "root.key"
    if not key.exists():
        LocalRootKey.create(key, environment="production")
    given: dict[str, Any] = {
        "environment": "production",
        "data_dir": tmp_path / "data",
        "root_key_file": key,
        "database_url": f"postgresql://owner:{GOOD}@db.example/clinic?sslmode=verify-full",
        "redis_url": f"rediss://:{GOOD}@cache.example",
        "public_origins": ("https://care.example",),
        "trusted_proxies": ("10.0.0.0/24",),
    }
    return Installation(Settings(**(given | more)))


def told(found: Installation) -> str:
    return "; ".join(map(str, unsafe_settings(found.settings, found.layers)))


class TestUnsafeSettings:
    def test_of_a_good_installation_are_none(self, tmp_path: Path) -> None:
        assert told(installation(tmp_path)) == ""

    def test_of_a_laptop_are_none(self) -> None:
        assert told(Installation(Settings())) == ""

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"database_url": f"postgresql://owner:{GOOD}@db.example/clinic"}, "without TLS"),
            ({"database_url": "postgresql://owner:postgres@localhost/clinic"}, "one that people guess"),
            ({"database_url": "postgresql://owner:owner@localhost/clinic"}, "one that people guess"),
            (
                {"direct_database_url": f"postgresql://owner:{GOOD}@db.example/clinic"},
                "HP_DIRECT_DATABASE_URL reaches another machine without TLS",
            ),
            (
                {"replica_urls": ("postgresql://owner:postgres@localhost/clinic",)},
                "the password in HP_REPLICA_URLS is one that people guess",
            ),
            ({"redis_url": f"redis://:{GOOD}@cache.example"}, "HP_REDIS_URL reaches another machine without TLS"),
            ({"redis_url": "rediss://cache.example"}, "HP_REDIS_URL has no password"),
            ({"public_origins": ()}, "HP_PUBLIC_ORIGINS is not set"),
            ({"public_origins": ("http://care.example",)}, "an address without TLS"),
            ({"trusted_proxies": ()}, "HP_TRUSTED_PROXIES is not set"),
            ({"root_key_file": None}, "HP_ROOT_KEY_FILE is not set"),
            ({"root_key_file": Path("/nowhere/root.key")}, "healthprotocol keys create"),
            ({"log_level": "debug"}, "HP_LOG_LEVEL is debug"),
        ],
    )
    def test_name_what_is_not_good_enough(self, tmp_path: Path, more: dict[str, Any], said: str) -> None:
        assert said in told(installation(tmp_path, **more))

    def test_name_a_root_key_inside_a_checkout(self, tmp_path: Path) -> None:
        (tmp_path / ".git").mkdir()

        assert "lies inside the checkout" in told(installation(tmp_path))

    @pytest.mark.parametrize("marker", ["demo.loaded", "demo.loading"])
    def test_name_the_demo(self, tmp_path: Path, marker: str) -> None:
        found = installation(tmp_path)
        found.data_dir.mkdir()
        (found.data_dir / marker).touch()

        assert "whose password is public" in told(found)

    def test_name_a_secret_file_that_everybody_reads(self, tmp_path: Path) -> None:
        secret = tmp_path / "database_url"
        secret.write_text("x")
        secret.chmod(0o644)
        found = installation(tmp_path)
        found.layers = Layers({}, {}, [], [], {"database_url": secret})

        assert "can be read by everybody: run: chmod o-rwx" in told(found)
        secret.chmod(0o640)
        assert told(found) == ""

    def test_are_told_all_at_once_and_without_a_secret(self, tmp_path: Path) -> None:
        found = installation(
            tmp_path, database_url="postgresql://owner:hunter2@db.example/clinic", public_origins=(), log_level="debug"
        )

        with pytest.raises(CommandFailed) as caught:
            require_safe(found)

        words = str(caught.value)
        assert all(said in words for said in ("without TLS", "people guess", "HP_PUBLIC_ORIGINS", "HP_LOG_LEVEL"))
        assert "hunter2" not in words


class TestFaultsOfDatabase:
    """The tests' server runs without fsync, so that it is a bad one for people."""

    def test_name_what_would_lose_data(self, cluster: Cluster, database_name: str, tmp_path: Path) -> None:
        faults = asyncio.run(faults_of_database(cluster.admin_url(database_name), installation(tmp_path)))

        assert "PostgreSQL runs with fsync off" in {fault.problem for fault in faults}

    def test_name_more_processes_than_connections(self, cluster: Cluster, database_name: str, tmp_path: Path) -> None:
        found = installation(tmp_path, pool_processes=5_000)

        faults = asyncio.run(faults_of_database(cluster.admin_url(database_name), found))

        assert any("5000 processes need at least" in fault.problem for fault in faults)
