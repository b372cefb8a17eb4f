"""One's own organisation over HTTP."""

from healthprotocol.api.gate import Gate
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.trust.accounts import schemas, service
from healthprotocol.trust.permissions.model import Permission

declare = Declare("organisation")
_ORGANISATION = "/api/v1/organisation"


@declare.get(
    _ORGANISATION,
    policy=Permission.ORGANISATION_READ,
    returns=schemas.OrganisationOut,
    summary="Read one's organisation",
)
async def read_organisation(gate: Gate) -> Answer:
    return await gate.read(lambda tx: service.get_organisation(tx, gate.actor), schemas.organisation)


@declare.patch(
    _ORGANISATION,
    policy=Permission.ORGANISATION_WRITE,
    body=schemas.UpdateOrganisation,
    returns=schemas.OrganisationOut,
    summary="Change one's organisation",
)
async def update_organisation(gate: Gate) -> Answer:
    revision = gate.expected_revision()
    change = await gate.body(schemas.UpdateOrganisation)
    return await gate.write(
        lambda tx: service.change_organisation(
            tx,
            gate.actor,
            name=change.name,
            settings=dict(change.settings.named()) if change.settings else None,
            expected_revision=revision,
        ),
        schemas.organisation,
    )


ROUTES = [read_organisation, update_organisation]
