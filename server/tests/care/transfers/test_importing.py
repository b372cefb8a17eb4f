"""Files are brought in: whole, half, twice, tried, and faulty."""

import pytest

from healthprotocol.foundation.db.transaction import Database
from tests.care.transfers.files import ENTRY_COLUMNS, Ward, csv_of, make_ward
from tests.support.people import Organisation


@pytest.fixture
async def ward(database: Database, organisation: Organisation) -> Ward:
    return await make_ward(database, organisation)


class TestEntries:
    async def test_come_in_once_however_often_the_file_is_sent(self, ward: Ward) -> None:
        body = csv_of(ENTRY_COLUMNS, ward.entries(50))

        first = await ward.bring("entries", body)
        again = await ward.bring("entries", body)

        assert first["faults"] == []
        assert (first["lines"], first["created"], first["failed"]) == (50, 50, 0)
        assert (again["created"], again["skipped"]) == (0, 50)
        assert await ward.count("entry") == 50
