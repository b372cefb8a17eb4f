"""The clinic that all tests of assignments begin with."""

import pytest

from healthprotocol.foundation.db.transaction import Database
from tests.care.assignments.plans import Clinic, make_clinic
from tests.support.people import Organisation


@pytest.fixture
async def clinic(database: Database, organisation: Organisation) -> Clinic:
    return await make_clinic(database, organisation)
