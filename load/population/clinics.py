"""The organisations of the data set: how large each is, and its accounts and protocols, made through the services."""

import math
from datetime import datetime, timedelta
from random import Random
from statistics import NormalDist
from uuid import UUID

import asyncpg
import msgspec

from healthprotocol.care.protocols import service as protocols
from healthprotocol.care.protocols.model import ProtocolId
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.foundation.ids import AccountId, OrganisationId
from healthprotocol.trust.accounts import service as accounts
from healthprotocol.trust.accounts.model import NewAccount
from population.plans import CONTENTS

# Known to everybody who reads this, as those of the demo are: the data set is of nobody.
PASSWORD = "rivers of the north 1871"  # noqa: S105
# The file beside a data set with the instant that it is of.
PRESENT = "dataset.at"
OPENED = timedelta(days=420)
LARGE_LIBRARY, LARGE_VERSIONS = 150, 25
# How unequal organisations are: the largest is some fifty times the median.
SPREAD = 1.3


class Clinic(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation of the data set. The first is the one with the large cohort."""

    index: int
    organisation_id: OrganisationId
    patients: int

    @property
    def is_large(self) -> bool:
        """Whether all of its patients follow the first protocol."""
        return self.index == 0

    @property
    def name(self) -> str:
        return f"Clinic {self.index:04}"

    def address(self, role: str) -> str:
        """Return what its account of a role signs in with."""
        return f"{role}@clinic-{self.index:04}.example"


class Staff(msgspec.Struct, frozen=True):
    """Who acts in a clinic, and what it gives: ids of its protocols in the order of `CONTENTS`."""

    clinician_id: UUID
    protocol_ids: tuple[UUID, ...]


def clinics(*, organisations: int, patients: int, seed: int, at: datetime) -> list[Clinic]:
    """Return the organisations, sizes skewed like those of real clinics; the same for the same arguments."""
    large = max(1, min(10_000, patients // 10))
    quantiles = [(n + 0.5) / (organisations - 1) for n in range(organisations - 1)]
    weights = [math.exp(SPREAD * NormalDist().inv_cdf(quantile)) for quantile in quantiles]
    share = (patients - large) / sum(weights) if weights else 0
    sizes = [large, *(max(1, round(weight * share)) for weight in reversed(weights))]
    # What rounding took or gave is the second's, which is the largest of the rest.
    if len(sizes) > 1:
        sizes[1] += patients - sum(sizes)
    return [
        Clinic(index=index, organisation_id=OrganisationId(_id(Random(f"{seed}/{index}"), at)), patients=size)  # noqa: S311
        for index, size in enumerate(sizes)
    ]


async def open_clinic(database: Database, clinic: Clinic, *, password_hash: str, at: datetime) -> None:
    """Make an organisation with its keys, accounts and protocols, unless it is there."""
    opened_at = at - OPENED
    async with database.transaction(clinic.organisation_id, now=opened_at) as tx:
        if await tx.fetchval("select true from organisation where organisation_id = $1", tx.tenant):
            return
        admin = NewAccount(role="admin", email=clinic.address("admin"), name="Ada Admin", password=PASSWORD)
        _, made = await accounts.create_organisation(tx, name=clinic.name, admin=admin, password_hash=password_hash)
        actor = Actor(account_id=made.id, organisation_id=clinic.organisation_id, role="admin")
        for role in ("clinician", "auditor") if clinic.is_large else ("clinician",):
            new = NewAccount(role=role, email=clinic.address(role), name=f"{role.title()} One", password=PASSWORD)
            await accounts.create_account(tx, actor, new, password_hash=password_hash)
        author = Actor(account_id=AccountId(made.id), organisation_id=clinic.organisation_id, role="clinician")
        for content in CONTENTS:
            draft = await protocols.create(tx, author, content)
            await protocols.publish(tx, author, draft.protocol_id)
        if clinic.is_large:
            await _library(tx, author)


async def _library(tx: Transaction, author: Actor) -> None:
    """Fill a shelf as large clinics have one: many protocols, and one with many versions."""
    for number in range(LARGE_LIBRARY):
        content = msgspec.structs.replace(
            CONTENTS[number % len(CONTENTS)],
            title=f"Protocol {number:03} of the library",
            category=f"category-{number % 9}",
            tags=(f"tag-{number % 13}", "library"),
        )
        draft = await protocols.create(tx, author, content)
        if number % 5:
            await protocols.publish(tx, author, draft.protocol_id)
        versions = LARGE_VERSIONS if number == 1 else 0
        for version in range(versions):
            changed = msgspec.structs.replace(content, description=f"Version {version + 2}.")
            await _next_version(tx, author, draft.protocol_id, changed)


async def _next_version(tx: Transaction, author: Actor, protocol_id: ProtocolId, content: object) -> None:
    await protocols.update(tx, author, protocol_id, change=lambda _: content, expected_revision=None)  # type: ignore[arg-type, return-value]
    await protocols.publish(tx, author, protocol_id)


async def staff_of(connection: "asyncpg.Connection[asyncpg.Record]", clinic: Clinic) -> Staff:
    """Return who acts in a clinic that was opened."""
    clinician = await connection.fetchval(
        "select id from account where organisation_id = $1 and role = 'clinician' order by id limit 1",
        clinic.organisation_id,
    )
    rows = await connection.fetch(
        "select id, title from protocol where organisation_id = $1 and title = any($2::text[])",
        clinic.organisation_id,
        [content.title for content in CONTENTS],
    )
    by_title = {row["title"]: row["id"] for row in rows}
    return Staff(clinician, tuple(by_title[content.title] for content in CONTENTS))


def _id(rng: Random, at: datetime) -> UUID:
    milliseconds = int((at - OPENED).timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | rng.getrandbits(12) << 64 | 0b10 << 62 | rng.getrandbits(62))
