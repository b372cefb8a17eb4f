"""Sign in, see who one is, change one's password, sign out."""

import msgspec
from litestar.response import Response

from healthprotocol.api.gate import Gate
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Forbidden
from healthprotocol.trust.accounts import schemas, service
from healthprotocol.trust.accounts.rules.credentials import is_own_site
from healthprotocol.trust.accounts.service import Doorkeeper
from healthprotocol.trust.permissions.model import Permission

declare = Declare("session")
_SESSION = "/api/v1/session"
_LONGEST_AGENT = 500


@declare.post(
    _SESSION,
    policy=None,
    body=schemas.SignInRequest,
    returns=schemas.SessionOut,
    batchable=False,
    summary="Sign in with a password",
)
async def sign_in(gate: Gate) -> Answer:
    doorkeeper = doorkeeper_of(gate)
    _require_own_site(gate, doorkeeper)
    request = await gate.body(schemas.SignInRequest)
    signed_in = await doorkeeper.sign_in.sign_in(
        request.credentials(),
        context=gate.context,
        agent=gate.request.headers.get("user-agent", "")[:_LONGEST_AGENT] or None,
        replaces=gate.authenticated.actor if gate.authenticated else None,
    )
    csrf_token = doorkeeper.csrf_token(signed_in.cookie.hash)
    body = msgspec.json.encode(schemas.session(signed_in.account, signed_in.actor, csrf_token))
    headers = {"set-cookie": _cookie(doorkeeper, signed_in.cookie.text, int(signed_in.lasts.total_seconds()))}
    return Response(body, status_code=200, headers=headers, media_type="application/json")


@declare.get(_SESSION, policy=Permission.SESSION_OWN, returns=schemas.SessionOut, summary="See who is signed in")
async def read_session(gate: Gate) -> Answer:
    actor, csrf_token = gate.actor, gate.authenticated.csrf_token if gate.authenticated else None

    async def act(tx: Transaction) -> schemas.SessionOut:
        # Shaped here, so that the account's revision is no ETag: another session has another csrf_token.
        return schemas.session(await service.get_account(tx, actor, actor.account_id), actor, csrf_token)

    return await gate.read(act, lambda session: session)


@declare.delete(_SESSION, policy=Permission.SESSION_OWN, returns=None, status=204, batchable=False, summary="Sign out")
async def sign_out(gate: Gate) -> Answer:
    doorkeeper = doorkeeper_of(gate)
    return await gate.write(
        lambda tx: doorkeeper.sign_in.sign_out(tx, gate.actor),
        lambda _: b"",
        headers=lambda _: {
            "set-cookie": _cookie(doorkeeper, "", 0),
            "clear-site-data": '"cache", "cookies", "storage"',
        },
    )


@declare.post(
    f"{_SESSION}/password",
    policy=Permission.SESSION_OWN,
    body=schemas.ChangePassword,
    returns=schemas.AccountOut,
    batchable=False,
    summary="Change one's own password; all other sessions end",
)
async def change_password(gate: Gate) -> Answer:
    doorkeeper, actor = doorkeeper_of(gate), gate.actor
    request = await gate.body(schemas.ChangePassword)
    await doorkeeper.sign_in.require_password(actor, request.current_password, context=gate.context)
    service.require_good_password(request.password)
    password_hash = await doorkeeper.hasher.hash(request.password)
    return await gate.write(
        lambda tx: service.set_password(
            tx, actor, actor.account_id, password=request.password, password_hash=password_hash
        ),
        schemas.account,
    )


def doorkeeper_of(gate: Gate) -> Doorkeeper:
    """Return the doorkeeper with all it can do; the gate itself knows only what it asks."""
    doorkeeper = gate.doorkeeper
    assert isinstance(doorkeeper, Doorkeeper)
    return doorkeeper


def _require_own_site(gate: Gate, doorkeeper: Doorkeeper) -> None:
    """A foreign page must not sign a visitor in to an account of its own choice."""
    headers = gate.request.headers
    if not is_own_site(
        origin=headers.get("origin"),
        fetch_site=headers.get("sec-fetch-site"),
        host=headers.get("host"),
        own_origins=doorkeeper.settings.public_origins,
    ):
        raise Forbidden("Sign in from this site.", public={"reason": "origin"})


def _cookie(doorkeeper: Doorkeeper, value: str, max_age_seconds: int) -> str:
    secure = "; Secure" if doorkeeper.settings.is_production else ""
    return f"{doorkeeper.cookie_name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_seconds}{secure}"


ROUTES = [sign_in, read_session, sign_out, change_password]
