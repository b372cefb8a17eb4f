"""The accounts of an organisation over HTTP."""

from uuid import UUID

from healthprotocol.api.gate import Gate
from healthprotocol.api.paging import ListQuery, Page
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.trust.accounts import schemas, service
from healthprotocol.trust.accounts.routes.session import doorkeeper_of
from healthprotocol.trust.permissions.model import Permission

declare = Declare("accounts")
_ALL = "/api/v1/accounts"
_ONE = "/api/v1/accounts/{account_id:uuid}"


@declare.get(
    _ALL,
    policy=Permission.ACCOUNT_READ,
    returns=Page[schemas.AccountOut],
    query=ListQuery,
    is_list=True,
    listing=service.ACCOUNTS,
    summary="List accounts",
)
async def list_accounts(gate: Gate) -> Answer:
    query = gate.query(ListQuery)
    return await gate.read(lambda tx: service.list_accounts(tx, gate.actor, query), schemas.accounts)


@declare.post(
    _ALL,
    policy=Permission.ACCOUNT_WRITE,
    body=schemas.CreateAccount,
    returns=schemas.AccountOut,
    status=201,
    summary="Create the account of a person",
)
async def create_account(gate: Gate) -> Answer:
    new = (await gate.body(schemas.CreateAccount)).new_account()
    password_hash = await _hash(gate, new.password) if new.password is not None else None
    return await gate.write(
        lambda tx: service.create_account(tx, gate.actor, new, password_hash=password_hash), schemas.account
    )


@declare.get(_ONE, policy=Permission.ACCOUNT_READ, returns=schemas.AccountOut, summary="Read an account")
async def read_account(gate: Gate, account_id: UUID) -> Answer:
    return await gate.read(lambda tx: service.get_account(tx, gate.actor, account_id), schemas.account)


@declare.patch(
    _ONE,
    policy=Permission.ACCOUNT_WRITE,
    body=schemas.UpdateAccount,
    returns=schemas.AccountOut,
    summary="Change role, status or name; another role or status ends the account's sessions",
)
async def update_account(gate: Gate, account_id: UUID) -> Answer:
    revision = gate.expected_revision()
    change = (await gate.body(schemas.UpdateAccount)).change()
    return await gate.write(
        lambda tx: service.change_account(tx, gate.actor, account_id, change, expected_revision=revision),
        schemas.account,
    )


@declare.post(
    f"{_ONE}/password",
    policy=Permission.ACCOUNT_WRITE,
    body=schemas.SetPassword,
    returns=schemas.AccountOut,
    summary="Set another account's password; its sessions end",
)
async def set_account_password(gate: Gate, account_id: UUID) -> Answer:
    password = (await gate.body(schemas.SetPassword)).password
    password_hash = await _hash(gate, password)
    return await gate.write(
        lambda tx: service.set_password(tx, gate.actor, account_id, password=password, password_hash=password_hash),
        schemas.account,
    )


async def _hash(gate: Gate, password: str) -> str:
    # Before the transaction, because it is slow; what can be said without the database is said first.
    service.require_good_password(password)
    return await doorkeeper_of(gate).hasher.hash(password)


ROUTES = [list_accounts, create_account, read_account, update_account, set_account_password]
