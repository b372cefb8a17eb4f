"""Acts on the accounts of an organisation."""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from healthprotocol.api.paging import ListQuery, Page
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.crypto import blind_index
from healthprotocol.foundation.crypto.errors import KeyUnknown
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, PreconditionFailed, Violation
from healthprotocol.foundation.ids import AccountId
from healthprotocol.trust.accounts.errors import AccountNotFound, EmailTaken, LastAdmin
from healthprotocol.trust.accounts.model import Account, AccountChange, AccountStatus, NewAccount, Organisation
from healthprotocol.trust.accounts.repository import accounts as repository
from healthprotocol.trust.accounts.repository import organisations as organisation_repository
from healthprotocol.trust.accounts.repository import sessions as session_repository
from healthprotocol.trust.accounts.rules import passwords
from healthprotocol.trust.accounts.service.credentials import EVERY_ACCOUNT
from healthprotocol.trust.audit import service as audit
from healthprotocol.trust.permissions import rules as permissions
from healthprotocol.trust.permissions.model import Permission, Role

# A person cannot become a program, nor a member of staff somebody's patient account, or the other way round.
_FIXED_ROLES = frozenset({Role.PATIENT, Role.SERVICE})

ACCOUNTS = repository.ACCOUNTS


async def create_account(tx: Transaction, actor: Actor, new: NewAccount, *, password_hash: str | None) -> Account:
    """
    Make the account of a person. `password_hash` is the hash of its password, None with None.

    Raises Invalid with every fault, EmailTaken.
    """
    permissions.require(actor, Permission.ACCOUNT_WRITE)
    organisation = await organisation_repository.get(tx)
    names = [organisation.name] if organisation else []
    await _require_good(tx, new, names)

    account = _new(tx, new)
    if not await repository.insert(tx, account, password_hash=password_hash, created_by=actor.account_id):
        raise EmailTaken
    await audit.record(
        tx, actor, "account.create", account.id, subject_id=account.patient_id, detail={"role": account.role}
    )
    return account


async def create_first_account(
    tx: Transaction, new: NewAccount, *, organisation: Organisation, password_hash: str | None
) -> Account:
    """Make the first admin of a new organisation, for the system itself. Raises Invalid."""
    await _require_good(tx, new, [organisation.name])
    account = _new(tx, msgspec.structs.replace(new, role=str(Role.ADMIN), patient_id=None))
    await repository.insert(tx, account, password_hash=password_hash, created_by=None)
    await audit.record(tx, None, "account.create", account.id, detail={"role": account.role})
    return account


async def create_service_account(tx: Transaction, actor: Actor, name: str) -> Account:
    """Make the account of a program, which signs in by bearer tokens only."""
    account = Account(
        id=AccountId(tx.new_id()),
        organisation_id=tx.tenant,
        role=str(Role.SERVICE),
        status=str(AccountStatus.ACTIVE),
        name=name,
        email=None,
        patient_id=None,
        has_password=False,
        created_at=tx.now,
        updated_at=tx.now,
        revision=1,
    )
    await repository.insert(tx, account, password_hash=None, created_by=actor.account_id)
    await audit.record(tx, actor, "account.create", account.id, detail={"role": account.role})
    return account


async def get_account(tx: Transaction, actor: Actor, account_id: UUID) -> Account:
    """Return an account. Anybody may read her own. Raises AccountNotFound, Forbidden."""
    if account_id != actor.account_id:
        permissions.require(actor, Permission.ACCOUNT_READ)
    account = await repository.get(tx, account_id)
    if account is None:
        raise AccountNotFound
    return account


async def list_accounts(tx: Transaction, actor: Actor, query: ListQuery) -> Page[Account]:
    """Return a page of accounts, newest first unless `order_by` says otherwise. Raises Forbidden, BadRequest."""
    permissions.require(actor, Permission.ACCOUNT_READ)
    found = await repository.page(tx, await ACCOUNTS.ask(tx, query))
    await audit.record(tx, actor, "account.list", detail={"count": len(found.items)})
    return found


async def change_account(
    tx: Transaction, actor: Actor, account_id: UUID, change: AccountChange, *, expected_revision: int | None
) -> Account:
    """
    Change role, status or name. Another role, or being disabled, ends the account's sessions.

    Raises AccountNotFound, PreconditionFailed, LastAdmin, Invalid.
    """
    permissions.require(actor, Permission.ACCOUNT_WRITE)
    # All admins first, in one order: two admins who disable one another at once must neither both succeed nor deadlock.
    admins = await repository.active_admins(tx) if change.role or change.status else ()
    before = await _for_change(tx, account_id, expected_revision)
    after = _changed(tx, before, change)
    if _is_active_admin(before) and not _is_active_admin(after) and set(admins) <= {before.id}:
        raise LastAdmin

    await repository.save(tx, after)
    if (after.role, after.status) != (before.role, before.status):
        await session_repository.delete_of_account(tx, account_id)
        tx.invalidate(EVERY_ACCOUNT)
    await audit.record(tx, actor, "account.change", account_id, detail={"role": after.role, "status": after.status})
    return after


async def delete_accounts_of_patient(tx: Transaction, patient_id: UUID) -> None:
    """Delete the accounts of a patient who is erased: her name and address are in them. Sessions end with them."""
    for account_id in await repository.delete_of_patient(tx, patient_id):
        tx.invalidate(EVERY_ACCOUNT)
        await audit.record(tx, tx.actor, "account.delete", account_id, subject_id=patient_id)


async def set_password(
    tx: Transaction, actor: Actor, account_id: UUID, *, password: str, password_hash: str
) -> Account:
    """
    Give an account a new password and end its sessions, except the one that acts. Anybody may change her own.

    Raises AccountNotFound, Invalid.
    """
    if account_id != actor.account_id:
        permissions.require(actor, Permission.ACCOUNT_WRITE)
    account = await _for_change(tx, account_id, None)
    if account.role == Role.SERVICE:
        raise Invalid(violations=[Violation("/password", "not_a_person", "Programs sign in with bearer tokens.")])
    organisation = await organisation_repository.get(tx)
    require_good_password(password, context=_context(account, [organisation.name] if organisation else []))

    await repository.save_password(tx, account.id, password_hash, is_new=True)
    await session_repository.delete_of_account(tx, account_id, but=actor.session_hash)
    tx.invalidate(EVERY_ACCOUNT)
    await audit.record(tx, actor, "account.set_password", account_id)
    return msgspec.structs.replace(account, has_password=True, updated_at=tx.now, revision=account.revision + 1)


def require_good_password(password: str, *, context: Iterable[str] = ()) -> None:
    """Return when a password may be used. Raises Invalid with what is wrong with it."""
    if faults := passwords.faults(password, context=context):
        raise Invalid(violations=faults)


async def _require_good(tx: Transaction, new: NewAccount, names: Iterable[str]) -> None:
    violations: list[Violation] = []
    if new.role == Role.SERVICE:
        violations.append(Violation("/role", "not_a_person", "A service account is made with its first token."))
    if (new.role == Role.PATIENT) != (new.patient_id is not None):
        violations.append(
            Violation("/patient_id", "patient_role", "A patient account names its patient; others name none.")
        )
    elif new.patient_id is not None and not await _has_patient(tx, new.patient_id):
        violations.append(Violation("/patient_id", "not_found", "There is no such patient."))
    try:
        blind_index.email(new.email)
    except ValueError:
        violations.append(Violation("/email", "email_invalid", "It must be an e-mail address."))
    if new.password is not None:
        violations += passwords.faults(new.password, context=[*names, new.email, new.name or ""])
    if violations:
        raise Invalid(violations=violations)


async def _has_patient(tx: Transaction, patient_id: UUID) -> bool:
    # Patients live above this package; that one exists shows in its key, which an erased one no longer has.
    try:
        await tx.keys.subject(tx, patient_id)
    except KeyUnknown:
        return False
    return True


def _new(tx: Transaction, new: NewAccount) -> Account:
    return Account(
        id=AccountId(tx.new_id()),
        organisation_id=tx.tenant,
        role=new.role,
        status=str(AccountStatus.ACTIVE),
        name=new.name,
        email=new.email.strip(),
        patient_id=new.patient_id,
        has_password=new.password is not None,
        created_at=tx.now,
        updated_at=tx.now,
        revision=1,
    )


async def _for_change(tx: Transaction, account_id: UUID, expected_revision: int | None) -> Account:
    account = await repository.get(tx, account_id, for_update=True)
    if account is None:
        raise AccountNotFound
    if expected_revision is not None and account.revision != expected_revision:
        raise PreconditionFailed
    return account


def _changed(tx: Transaction, before: Account, change: AccountChange) -> Account:
    role = change.role or before.role
    if role != before.role and (role in _FIXED_ROLES or before.role in _FIXED_ROLES):
        raise Invalid(
            violations=[Violation("/role", "role_fixed", "Accounts of patients and of programs stay what they are.")]
        )
    return msgspec.structs.replace(
        before,
        role=role,
        status=change.status or before.status,
        name=change.name if change.name is not None else before.name,
        updated_at=tx.now,
        revision=before.revision + 1,
    )


def _is_active_admin(account: Account) -> bool:
    return account.role == Role.ADMIN and account.status == AccountStatus.ACTIVE


def _context(account: Account, names: Iterable[str]) -> list[str]:
    return [*names, account.email or "", account.name or ""]
