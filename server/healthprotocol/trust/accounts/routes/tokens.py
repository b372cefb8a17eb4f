"""Bearer tokens over HTTP."""

from uuid import UUID

from healthprotocol.api.gate import Gate
from healthprotocol.api.paging import ListQuery, Page
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.trust.accounts import schemas, service
from healthprotocol.trust.accounts.routes.session import doorkeeper_of
from healthprotocol.trust.permissions.model import Permission

declare = Declare("tokens")
_ALL = "/api/v1/tokens"


@declare.get(
    _ALL,
    policy=Permission.TOKEN_READ,
    returns=Page[schemas.TokenOut],
    query=ListQuery,
    is_list=True,
    listing=service.TOKENS,
    summary="List bearer tokens",
)
async def list_tokens(gate: Gate) -> Answer:
    query = gate.query(ListQuery)
    return await gate.read(lambda tx: service.list_tokens(tx, gate.actor, query), schemas.tokens)


@declare.post(
    _ALL,
    policy=Permission.TOKEN_WRITE,
    body=schemas.CreateToken,
    returns=schemas.NewTokenOut,
    status=201,
    summary="Create a bearer token; the answer shows it this once",
)
async def create_token(gate: Gate) -> Answer:
    new = (await gate.body(schemas.CreateToken)).new_token()
    is_live = doorkeeper_of(gate).settings.is_production
    return await gate.write(
        lambda tx: service.create_token(tx, gate.actor, new, is_live=is_live),
        lambda made: schemas.new_token(made[0], made[1].text),
    )


@declare.delete(
    f"{_ALL}/{{token_id:uuid}}",
    policy=Permission.TOKEN_WRITE,
    returns=schemas.TokenOut,
    summary="Revoke a bearer token for good",
)
async def revoke_token(gate: Gate, token_id: UUID) -> Answer:
    return await gate.write(lambda tx: service.revoke_token(tx, gate.actor, token_id), schemas.token)


ROUTES = [list_tokens, create_token, revoke_token]
