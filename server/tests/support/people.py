"""Two organisations and their people, for tests."""

from uuid import UUID

import msgspec

from healthprotocol.foundation.clock import system_clock
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import AccountId, OrganisationId, new_id
from healthprotocol.trust.accounts.model import Account
from healthprotocol.trust.accounts.repository import accounts


class Organisation(msgspec.Struct, frozen=True):
    """An organisation with an actor of each role (rows only where a test signs in over HTTP)."""

    id: OrganisationId
    admin: Actor
    clinician: Actor
    coordinator: Actor
    auditor: Actor

    def patient(self, subject_id: UUID) -> Actor:
        return _actor(self.id, "patient", subject_id=subject_id)


async def make_organisation(database: Database, name: str) -> Organisation:
    """Insert an organisation and its keys."""
    organisation_id = OrganisationId(new_id(database.clock()))
    async with database.transaction(organisation_id) as tx:
        await tx.execute(
            "insert into organisation (organisation_id, name, created_at, updated_at) values ($1, $2, $3, $3)",
            organisation_id,
            name,
            tx.now,
        )
        await tx.keys.create_organisation(tx)
    roles = {role: _actor(organisation_id, role) for role in ("admin", "clinician", "coordinator", "auditor")}
    return Organisation(organisation_id, **roles)


async def employ(database: Database, actor: Actor) -> None:
    """Give an actor the account that long work in her name is done for."""
    account = Account(
        id=actor.account_id,
        organisation_id=actor.organisation_id,
        role=actor.role,
        status="active",
        name=None,
        email=f"{actor.account_id}@weser.example",
        patient_id=None,
        has_password=False,
        created_at=system_clock(),
        updated_at=system_clock(),
        revision=1,
    )
    async with database.transaction(actor.organisation_id) as tx:
        await accounts.insert(tx, account, password_hash=None, created_by=None)


def _actor(organisation_id: OrganisationId, role: str, *, subject_id: UUID | None = None) -> Actor:
    return Actor(
        account_id=AccountId(new_id(system_clock())),
        organisation_id=organisation_id,
        role=role,
        subject_id=subject_id,
    )
