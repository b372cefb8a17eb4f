"""The migrations, held to the checker behind `healthprotocol migrate check`; docs/guides/migrations.md explains it."""

from healthprotocol.foundation.db.migrate import revisions
from healthprotocol.foundation.db.migrate.check import check_files
from tests.architecture.conftest import Record


class TestTheMigrations:
    def test_keep_the_rules(self, looked_at: Record) -> None:
        files = revisions()

        found = check_files(files)

        looked_at(len(files), "revisions")
        assert found.has_squawk
        assert [str(one) for one in found.findings] == []
        assert found.rules >= 15
