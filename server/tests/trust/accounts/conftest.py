"""An organisation whose people can sign in, on a clock that a test moves."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.ids import OrganisationId, new_id
from healthprotocol.trust.accounts import service
from healthprotocol.trust.accounts.model import Account, NewAccount, Organisation
from healthprotocol.trust.accounts.service import Doorkeeper, PasswordHasher
from healthprotocol.trust.accounts.service.sign_in import Credentials, SignedIn
from healthprotocol.trust.accounts.service.throttle import Throttle

PASSWORD = "eleven wet llamas hum"
CONTEXT = RequestContext(request_id="req-1", address="192.0.2.7")


class MovingClock:
    """One clock for the database's instants and the monotonic seconds of caches and limits."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()

    def advance(self, duration: timedelta) -> None:
        self.now += duration


class Clinic(msgspec.Struct, frozen=True):
    """An organisation with its first admin."""

    organisation: Organisation
    admin: Account

    @property
    def id(self) -> OrganisationId:
        return self.organisation.id

    @property
    def actor(self) -> Actor:
        return actor_of(self.admin)


def actor_of(account: Account) -> Actor:
    return Actor(
        account_id=account.id,
        organisation_id=account.organisation_id,
        role=account.role,
        subject_id=account.patient_id,
    )


async def found_clinic(database: Database, name: str, email: str, *, password: str = PASSWORD) -> Clinic:
    hasher = quick_hasher()
    password_hash = await hasher.hash(password)
    hasher.close()
    async with database.transaction(OrganisationId(new_id(database.clock()))) as tx:
        organisation, admin = await service.create_organisation(
            tx,
            name=name,
            admin=NewAccount(role="admin", email=email, password=password),
            password_hash=password_hash,
        )
    return Clinic(organisation, admin)


async def add(database: Database, clinic: Clinic, doorkeeper: Doorkeeper, email: str, role: str) -> Account:
    password_hash = await doorkeeper.hasher.hash(PASSWORD)
    new = NewAccount(role=role, email=email, password=PASSWORD)
    async with database.transaction(clinic.id) as tx:
        return await service.create_account(tx, clinic.actor, new, password_hash=password_hash)


async def sign_in(doorkeeper: Doorkeeper, email: str, password: str = PASSWORD) -> SignedIn:
    return await doorkeeper.sign_in.sign_in(
        Credentials(email=email, password=password), context=CONTEXT, agent="test browser"
    )


async def who(doorkeeper: Doorkeeper, signed_in: SignedIn) -> Actor | None:
    found = await doorkeeper.authenticate({}, {doorkeeper.cookie_name: signed_in.cookie.text})
    return found.actor if found else None


def quick_hasher() -> PasswordHasher:
    """Return a hasher that is as cheap as argon2 can be."""
    return PasswordHasher(memory_kib=8, passes=1)


@pytest.fixture
def clock(database: Database) -> MovingClock:
    moving = MovingClock()
    database.clock = moving
    return moving


@pytest.fixture
def settings() -> Settings:
    return Settings(environment="test", session_idle_minutes=15)


@pytest.fixture
def doorkeeper(database: Database, settings: Settings, clock: MovingClock) -> Iterator[Doorkeeper]:
    made = Doorkeeper(
        database,
        settings,
        hasher=quick_hasher(),
        throttle=Throttle(monotonic=clock.monotonic),
        monotonic=clock.monotonic,
    )
    yield made
    made.close()


@pytest.fixture
async def clinic(database: Database, clock: MovingClock) -> Clinic:
    return await found_clinic(database, "Delta Clinic", "admin@delta.example")
