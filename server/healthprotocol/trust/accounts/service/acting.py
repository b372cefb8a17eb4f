"""Whoever runs the command line on the server acts as an account that she names: every act needs somebody it is of."""

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.crypto import blind_index
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.errors import NotFound
from healthprotocol.trust.accounts.model import AccountStatus
from healthprotocol.trust.accounts.repository import accounts as repository


async def acting_as(database: Database, email: str) -> list[Actor]:
    """
    Return the active accounts of an e-mail address, one an organisation.

    For the command line only: no password is asked.

    Raises NotFound when there is none, ValueError when it is no address.
    """
    lookup = database.keys.directory("email").of(blind_index.email(email))
    async with database.transaction(None, lookup=lookup) as tx:
        places = await repository.found_by_lookup(tx, lookup)
    found: list[Actor] = []
    for organisation_id, account_id in places:
        async with database.transaction(organisation_id) as tx:
            account = await repository.get(tx, account_id)
        if account is not None and account.status == AccountStatus.ACTIVE:
            found.append(
                Actor(
                    account_id=account.id,
                    organisation_id=organisation_id,
                    role=account.role,
                    subject_id=account.patient_id,
                )
            )
    if not found:
        raise NotFound
    return found
