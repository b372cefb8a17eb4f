"""Accounts in SQL, and their fields into and out of ciphertext."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from healthprotocol.foundation.crypto import blind_index
from healthprotocol.foundation.crypto.data_keys import DataKey
from healthprotocol.foundation.crypto.fields import Padding
from healthprotocol.foundation.db import listing
from healthprotocol.foundation.db.listing import Blind, Listing, ListingSpec, Page, SqlText, fetch_page
from healthprotocol.foundation.db.transaction import Record, Transaction
from healthprotocol.foundation.ids import AccountId, OrganisationId
from healthprotocol.trust.accounts.model import Account, AccountStatus
from healthprotocol.trust.permissions.model import Role

ACCOUNTS = ListingSpec(
    name="accounts",
    fields={
        "id": listing.uuid("a.id", sortable=True),
        "role": listing.choice("a.role", [str(role) for role in Role]),
        "status": listing.choice("a.status", [str(status) for status in AccountStatus]),
        "patient_id": listing.uuid("a.patient_id", nullable=True),
        "email": listing.secret(
            "a.email_index",
            Blind(
                table="account",
                column="email",
                index="exact",
                size_bytes=blind_index.UNIQUE_BYTES,
                normalise=lambda values: blind_index.email(values[0]),
                expected="a whole e-mail address",
            ),
            nullable=True,
        ),
        "created_at": listing.timestamp("a.created_at", sortable=True),
    },
    default_order="created_at desc",
)
# An address is in at most this many organisations when somebody signs in; the oldest come first.
MOST_ORGANISATIONS = 4

_TABLE = "account"
_COLUMNS: SqlText = """
a.organisation_id, a.id, a.role, a.status, a.name_ct, a.email_ct, a.password_ct is not null as has_password,
a.patient_id, a.created_at, a.updated_at, a.revision
"""


class SignInRow(msgspec.Struct, frozen=True, kw_only=True):
    """What signing in needs: `password_hash` None when the account has no password."""

    account: Account
    password_hash: str | None


async def insert(tx: Transaction, account: Account, *, password_hash: str | None, created_by: AccountId | None) -> bool:
    """Insert an account and, when it has an address, its place in the directory; False when the address is taken."""
    key = await _key(tx)
    index = await _email_index(tx, account.email)
    made = await tx.fetchval(
        """
        insert into account (
          organisation_id, id, role, status, name_ct, email_ct, email_index, password_ct, password_changed_at,
          patient_id, created_by, created_at, updated_at, revision
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, case when $8::bytea is null then null else $11::timestamptz end,
          $9, $10, $11, $11, 1)
        on conflict (organisation_id, email_index) do nothing
        returning true
        """,
        tx.tenant,
        account.id,
        account.role,
        account.status,
        key.encrypt_text(account.name, table=_TABLE, column="name", row_id=account.id, pad=Padding.NAME),
        key.encrypt_text(account.email, table=_TABLE, column="email", row_id=account.id, pad=Padding.NAME),
        index,
        _password_cell(key, account.id, password_hash),
        account.patient_id,
        created_by,
        tx.now,
    )
    if made and account.email is not None:
        await tx.execute(
            """
            insert into sign_in_directory (organisation_id, lookup, account_id)
            values ($1, $2, $3)
            """,
            tx.tenant,
            lookup_of(tx, account.email),
            account.id,
        )
    return made is True


def lookup_of(tx: Transaction, email: str) -> bytes:
    """Return the directory's hash of an address."""
    return tx.keys.directory("email").of(blind_index.email(email))


async def found_by_lookup(tx: Transaction, lookup: bytes) -> list[tuple[OrganisationId, AccountId]]:
    """Return the accounts of an address in all organisations; the transaction must have been opened for this hash."""
    rows = await tx.fetch(
        """
        select organisation_id, account_id
        from sign_in_directory
        where lookup = $1
        order by account_id
        limit $2
        """,
        lookup,
        MOST_ORGANISATIONS,
    )
    return [(OrganisationId(row["organisation_id"]), AccountId(row["account_id"])) for row in rows]


async def get(tx: Transaction, account_id: UUID, *, for_update: bool = False) -> Account | None:
    """Return an account, locked until the commit when `for_update`."""
    row = await tx.fetchrow(
        f"""
        select {_COLUMNS}
        from account a
        where a.organisation_id = $1 and a.id = $2
        {"for update" if for_update else ""}
        """,  # noqa: S608 - made of the constants above
        tx.tenant,
        account_id,
    )
    return _account(await _key(tx), row) if row else None


async def get_for_sign_in(tx: Transaction, account_id: AccountId) -> SignInRow | None:
    """Return an account with its password's hash."""
    row = await tx.fetchrow(
        f"""
        select {_COLUMNS}, a.password_ct
        from account a
        where a.organisation_id = $1 and a.id = $2
        """,  # noqa: S608 - made of the constants above
        tx.tenant,
        account_id,
    )
    if row is None:
        return None
    key = await _key(tx)
    password_hash = key.decrypt_text(row["password_ct"], table=_TABLE, column="password", row_id=account_id)
    return SignInRow(account=_account(key, row), password_hash=password_hash)


async def page(tx: Transaction, asked: Listing) -> Page[Account]:
    """Return a page of accounts."""
    select: SqlText = f"select {_COLUMNS} from account a"  # noqa: S608 - made of the constants above
    found = await fetch_page(tx, asked, select, "a.organisation_id = $1", tx.tenant)
    key = await _key(tx)
    return found.of(_account(key, row) for row in found.items)


async def save(tx: Transaction, account: Account) -> None:
    """Write role, status and name, with the revision the account has now."""
    key = await _key(tx)
    await tx.execute(
        """
        update account
        set role = $3, status = $4, name_ct = $5, updated_at = $6, revision = $7
        where organisation_id = $1 and id = $2
        """,
        tx.tenant,
        account.id,
        account.role,
        account.status,
        key.encrypt_text(account.name, table=_TABLE, column="name", row_id=account.id, pad=Padding.NAME),
        account.updated_at,
        account.revision,
    )


async def save_password(tx: Transaction, account_id: AccountId, password_hash: str, *, is_new: bool) -> None:
    """Write a password's hash; `is_new` False when the same password was only hashed anew."""
    await tx.execute(
        """
        update account
        set password_ct = $3,
          password_changed_at = case when $4 then $5::timestamptz else password_changed_at end,
          updated_at = case when $4 then $5::timestamptz else updated_at end,
          revision = revision + case when $4 then 1 else 0 end
        where organisation_id = $1 and id = $2
        """,
        tx.tenant,
        account_id,
        _password_cell(await _key(tx), account_id, password_hash),
        is_new,
        tx.now,
    )


async def delete_of_patient(tx: Transaction, patient_id: UUID) -> Sequence[UUID]:
    """Delete the accounts bound to a patient, their sessions and where they sign in; return their ids."""
    rows = await tx.fetch(
        "delete from account where organisation_id = $1 and patient_id = $2 returning id", tx.tenant, patient_id
    )
    return [row["id"] for row in rows]


async def active_admins(tx: Transaction) -> Sequence[UUID]:
    """Return the active admins, locked until the commit."""
    rows = await tx.fetch(
        """
        select a.id
        from account a
        where a.organisation_id = $1 and a.role = 'admin' and a.status = 'active'
        order by a.id
        for update
        """,
        tx.tenant,
    )
    return [row["id"] for row in rows]


async def _key(tx: Transaction) -> DataKey:
    return await tx.keys.purpose(tx, "auth")


async def _email_index(tx: Transaction, email: str | None) -> bytes | None:
    if email is None:
        return None
    return (await tx.keys.index(tx, _TABLE, "email", "exact")).of(blind_index.email(email))


def _password_cell(key: DataKey, account_id: UUID, password_hash: str | None) -> bytes | None:
    # Encrypting the hash is the pepper: a copy of the database alone cannot be guessed against.
    return key.encrypt_text(password_hash, table=_TABLE, column="password", row_id=account_id, pad=Padding.TEXT)


def _account(key: DataKey, row: Record | asyncpg.Record) -> Account:
    return Account(
        id=AccountId(row["id"]),
        organisation_id=OrganisationId(row["organisation_id"]),
        role=row["role"],
        status=row["status"],
        name=key.decrypt_text(row["name_ct"], table=_TABLE, column="name", row_id=row["id"]),
        email=key.decrypt_text(row["email_ct"], table=_TABLE, column="email", row_id=row["id"]),
        patient_id=row["patient_id"],
        has_password=row["has_password"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        revision=row["revision"],
    )
