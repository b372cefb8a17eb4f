"""What the settings mean on this machine."""

import os
from pathlib import Path

import pytest

from healthprotocol.cli.installation import Installation
from healthprotocol.foundation.config.settings import read
from tests.support.postgresql import Cluster


class TestHandOver:
    def test_leaves_no_way_to_the_database_with_an_operator_s_rights(
        self, cluster: Cluster, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = cluster.admin_url(database_name)
        for name in [name for name in os.environ if name.startswith("HP_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("HP_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("HP_DATABASE_URL", url)
        monkeypatch.setenv("HP_DIRECT_DATABASE_URL", url)
        monkeypatch.setenv("HP_REPLICA_URLS", f"{url},{url}")
        installation = Installation.load()

        installation.hand_over(url)

        given = read().settings
        own = installation.application_url(url)
        assert own != url
        assert (given.database_url, given.listening_url, given.replica_urls) == (own, own, (own, own))

    def test_leaves_no_secret_file_that_would_go_before_it(
        self, cluster: Cluster, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = cluster.admin_url(database_name)
        secret = tmp_path / "database_url"
        secret.write_text(url)
        monkeypatch.setenv("HP_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("HP_DATABASE_URL", "postgresql://nobody@localhost/none")
        monkeypatch.setenv("HP_DATABASE_URL_FILE", str(secret))
        installation = Installation.load()

        installation.hand_over(url)

        assert read().settings.database_url == installation.application_url(url)
