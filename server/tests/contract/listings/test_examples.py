"""What the OpenAPI document says of the lists can be sent as it stands there."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from healthprotocol.app import endpoints
from healthprotocol.foundation.db.listing import ListingSpec
from healthprotocol.foundation.db.listing.description import described
from healthprotocol.foundation.ids import OrganisationId
from tests.foundation.db.listing.test_spec import SIGNER

SPECS = {one.listing.name: one.listing for one in endpoints() if one.listing is not None}


class TestAPublishedExample:
    @pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
    def test_is_accepted_by_its_own_list(self, spec: ListingSpec) -> None:
        said = described(spec)

        listing = spec.parse(
            signer=SIGNER,
            organisation_id=OrganisationId(UUID(int=7)),
            now=datetime(2026, 3, 7, tzinfo=UTC),
            filter=said["filter"]["example"],
            order_by=said["order_by"]["example"],
        )

        assert listing.shape.settled.node is not None
