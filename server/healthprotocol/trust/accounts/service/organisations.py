"""Acts on organisations."""

from typing import Any

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import NotFound, PreconditionFailed
from healthprotocol.trust.accounts.model import Account, NewAccount, Organisation
from healthprotocol.trust.accounts.repository import organisations as repository
from healthprotocol.trust.accounts.service.accounts import create_first_account
from healthprotocol.trust.audit import service as audit
from healthprotocol.trust.permissions import rules as permissions
from healthprotocol.trust.permissions.model import Permission


async def create_organisation(
    tx: Transaction, *, name: str, admin: NewAccount, password_hash: str | None
) -> tuple[Organisation, Account]:
    """
    Make the organisation whose new id the transaction was opened for, its keys, and its first admin.

    `password_hash` is the hash of the admin's password. Raises Invalid.
    """
    await repository.insert(tx, name)
    await tx.keys.create_organisation(tx)
    organisation = await get_organisation(tx)
    account = await create_first_account(tx, admin, organisation=organisation, password_hash=password_hash)
    await audit.record(tx, None, "organisation.create", organisation.id)
    return organisation, account


async def get_organisation(tx: Transaction, actor: Actor | None = None) -> Organisation:
    """Return the organisation of the transaction. Raises NotFound when there is none."""
    if actor is not None:
        permissions.require(actor, Permission.ORGANISATION_READ)
    organisation = await repository.get(tx)
    if organisation is None:
        raise NotFound
    return organisation


async def change_organisation(
    tx: Transaction,
    actor: Actor,
    *,
    name: str | None = None,
    settings: dict[str, Any] | None = None,
    expected_revision: int | None,
) -> Organisation:
    """Change the name, and the settings that are named; a setting of None goes. Raises PreconditionFailed."""
    permissions.require(actor, Permission.ORGANISATION_WRITE)
    before = await get_organisation(tx)
    merged = {**before.settings, **(settings or {})}

    changed = await repository.update(
        tx,
        name=name or before.name,
        settings={key: value for key, value in merged.items() if value is not None},
        expected_revision=expected_revision,
    )
    if changed is None:
        raise PreconditionFailed
    await audit.record(tx, actor, "organisation.change", changed.id, detail={"settings": sorted(settings or ())})
    return changed
