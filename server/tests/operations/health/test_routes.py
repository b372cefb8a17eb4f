"""Who watches from outside learns one word, without an account."""

import pytest

from healthprotocol.foundation.db.transaction import Database
from tests.operations.door import site
from tests.support.postgresql import Cluster

PROBES = ("/livez", "/readyz", "/startupz")


class TestProbes:
    @pytest.mark.parametrize("path", PROBES)
    async def test_say_ok_and_nothing_more(self, cluster: Cluster, database: Database, path: str) -> None:
        async with site(cluster, database, {}) as client:
            answer = await client.get(path)

        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})

    async def test_a_process_without_its_database_lives_but_is_not_ready(
        self, cluster: Cluster, database: Database
    ) -> None:
        async with site(cluster, database, {}) as client:
            await database.close()
            answers = [await client.get(path) for path in PROBES]

        assert [answer.status_code for answer in answers] == [200, 503, 503]
        assert answers[1].json() == {"status": "unavailable"}

    @pytest.mark.parametrize("path", ["/metrics", "/healthz"])
    async def test_the_operators_pages_are_not_here(self, cluster: Cluster, database: Database, path: str) -> None:
        async with site(cluster, database, {}) as client:
            answer = await client.get(path)

        assert "hp_request_seconds" not in answer.text
        assert "components" not in answer.text
