"""
All wiring, one page: the parts of a process, every route, every subscription, every job.

The same container serves the web door, the worker and the CLI; `assemble` builds and checks it at start.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from dishka import AsyncContainer, Provider, Scope, make_async_container, provide

from healthprotocol.api import batch
from healthprotocol.api.idempotency import KEPT_HOURS
from healthprotocol.care.adherence import jobs as adherence_jobs
from healthprotocol.care.adherence import routes as adherence_routes
from healthprotocol.care.adherence import service as adherence
from healthprotocol.care.adherence.routes import BY_PROTOCOL
from healthprotocol.care.alerts import jobs as alert_jobs
from healthprotocol.care.alerts import routes as alert_routes
from healthprotocol.care.alerts import service as alerts
from healthprotocol.care.alerts.model import AlertChanged, AlertOpened
from healthprotocol.care.assignments import jobs as assignment_jobs
from healthprotocol.care.assignments import routes as assignments
from healthprotocol.care.assignments import service as assignment_acts
from healthprotocol.care.assignments.model import AssignmentChanged, AssignmentsStarted, AssignmentStarted
from healthprotocol.care.entries import routes as entries
from healthprotocol.care.entries import service as entry_acts
from healthprotocol.care.entries.model import LATE_DAYS, EntriesBrought, EntriesRecorded
from healthprotocol.care.patients import routes as patients
from healthprotocol.care.patients.model import PatientErased
from healthprotocol.care.protocols import routes as protocols
from healthprotocol.care.reports import routes as reports
from healthprotocol.care.transfers import jobs as transfer_jobs
from healthprotocol.care.transfers import routes as transfers
from healthprotocol.care.transfers import service as transfer_acts
from healthprotocol.foundation.cache import CacheOptions
from healthprotocol.foundation.config.live import LiveChanges
from healthprotocol.foundation.config.runtime import RuntimeSettings
from healthprotocol.foundation.config.setting import Setting
from healthprotocol.foundation.config.settings import Settings
from healthprotocol.foundation.crypto.keys import KeyRing
from healthprotocol.foundation.crypto.process import forbid_memory_dumps
from healthprotocol.foundation.crypto.root import LocalRootKey, RootKey
from healthprotocol.foundation.db.listing.reading import COST_GUARD
from healthprotocol.foundation.db.pool import Pool, PoolLimits
from healthprotocol.foundation.db.pool.postgresql import Server, make_pool, open_pool
from healthprotocol.foundation.db.replicas import Replicas
from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.events import Subscriptions
from healthprotocol.foundation.flags.declaration import Registry
from healthprotocol.foundation.jobs.batches import BATCH_TIMEOUT_SECONDS
from healthprotocol.foundation.jobs.registry import JobRegistry
from healthprotocol.foundation.telemetry import metrics
from healthprotocol.operations.events import routes as events
from healthprotocol.operations.events.service import announcing
from healthprotocol.operations.flags import jobs as flag_jobs
from healthprotocol.operations.flags import routes as flags
from healthprotocol.operations.flags.service import Keeper
from healthprotocol.operations.health import routes as health
from healthprotocol.operations.health.service import Readiness, readiness, tell_pool
from healthprotocol.operations.maintenance import jobs as maintenance
from healthprotocol.operations.settings import routes as settings_routes
from healthprotocol.operations.work import routes as work
from healthprotocol.trust.accounts import jobs as account_jobs
from healthprotocol.trust.accounts import model as account_model
from healthprotocol.trust.accounts import routes as accounts
from healthprotocol.trust.accounts.service import Doorkeeper, delete_accounts_of_patient, usual_choices
from healthprotocol.trust.audit import routes as audit
from healthprotocol.trust.audit.service import ReadTrail
from healthprotocol.trust.permissions.model import Permission

ROUTES: list[Any] = [
    *accounts.ROUTES,
    *patients.ROUTES,
    *protocols.ROUTES,
    *reports.ROUTES,
    *entries.ROUTES,
    *adherence_routes.ROUTES,
    *alert_routes.ROUTES,
    *assignments.ROUTES,
    *transfers.ROUTES,
    *audit.ROUTES,
    *settings_routes.ROUTES,
    *work.ROUTES,
    *events.ROUTES,
    *flags.ROUTES,
    *health.ROUTES,
    # Everybody may send one: each request in it has its own policy.
    *batch.routes(Permission.SESSION_OWN),
]

# Every feature flag. What is not here does not exist; what is here and old stands in `flags stale`.
FLAGS = Registry([COST_GUARD, BY_PROTOCOL])

# Which slice hears of what another did, in the same transaction.
SUBSCRIPTIONS: list[tuple[type, Any]] = [
    (AssignmentStarted, adherence.on_started),
    (AssignmentsStarted, adherence.on_many_started),
    (AssignmentChanged, adherence.on_changed),
    (EntriesRecorded, adherence.on_recorded),
    (EntriesBrought, adherence.on_brought),
    (AssignmentStarted, alerts.on_started),
    (AssignmentsStarted, alerts.on_many_started),
    (AssignmentChanged, alerts.on_changed),
    (EntriesRecorded, alerts.on_recorded),
    (EntriesBrought, alerts.on_brought),
    # Whoever keeps something of a patient lets go of it. Assignments first: to stop them makes others look again.
    (PatientErased, assignment_acts.on_patient_erased),
    (PatientErased, entry_acts.on_patient_erased),
    (PatientErased, alerts.on_patient_erased),
    (PatientErased, transfer_acts.on_patient_erased),
    (PatientErased, lambda tx, event: delete_accounts_of_patient(tx, event.patient_id)),
    # And what clients hear of, by ids.
    (PatientErased, announcing("patient.erased", "patient_id")),
    (AssignmentStarted, announcing("assignment.changed", "assignment_id")),
    (AssignmentsStarted, announcing("assignment.changed")),
    (AssignmentChanged, announcing("assignment.changed", "assignment_id")),
    (EntriesRecorded, announcing("entries.recorded", "assignment_id")),
    (EntriesBrought, announcing("entries.recorded")),
    (AlertOpened, announcing("alert.opened", "alert_id")),
    (AlertChanged, announcing("alert.changed", "alert_id")),
]

# What may be chosen while the platform runs, by an operator or an organisation's admin.
SETTINGS: list[Setting[Any]] = [
    *account_model.SETTINGS,
    LATE_DAYS,
    KEPT_HOURS,
    BATCH_TIMEOUT_SECONDS,
]


def jobs() -> JobRegistry:
    """Return every job that a worker runs, and what recurs."""
    registry = JobRegistry()
    maintenance.register(registry)
    flag_jobs.register(registry)
    adherence_jobs.register(registry)
    alert_jobs.register(registry)
    assignment_jobs.register(registry)
    transfer_jobs.register(registry)
    account_jobs.register(registry)
    return registry


class Assembly(msgspec.Struct, frozen=True):
    """The parts of one process."""

    settings: Settings
    database: Database
    live: LiveChanges
    runtime: RuntimeSettings
    doorkeeper: Doorkeeper
    readiness: Readiness
    keeper: Keeper
    container: AsyncContainer

    async def start(self) -> None:
        """Begin what goes on beside requests and jobs, in a process that stays. Never waits for the database."""
        await self.keeper.start()

    async def close(self) -> None:
        """Close everything that was opened, in reverse order."""
        await self.container.close()


class Parts(Provider):
    """How each part is made from the others; dishka orders them and closes what yields."""

    scope = Scope.APP

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    @provide
    def settings(self) -> Settings:
        """The settings given at start."""
        return self._settings

    @provide
    def root_key(self, settings: Settings) -> RootKey:
        """The local root key; a production installation must bring it, and keep it outside a checkout."""
        if settings.is_production:
            return LocalRootKey.load(settings.root_key_path, environment=settings.environment)
        return LocalRootKey.load_or_create(
            settings.root_key_path, inside_checkout=True, environment=settings.environment
        )

    @provide
    def keys(self, root_key: RootKey) -> KeyRing:
        """The key ring of this process."""
        return KeyRing(root_key)

    @provide
    async def pool(self, settings: Settings) -> AsyncIterator[Pool]:
        """The connections of this process, as the application's role."""
        where = Server(
            url=_database_url(settings),
            direct_url=settings.direct_database_url,
            is_pooled=settings.pooler != "none",
            processes=settings.database_processes,
        )
        pool = await open_pool(
            where,
            size=settings.pool_size,
            statement_timeout_seconds=settings.statement_timeout_seconds,
            limits=_pool_limits(settings),
            observe=tell_pool,
        )
        yield pool
        await pool.close()

    @provide
    async def database(self, pool: Pool, keys: KeyRing, settings: Settings) -> AsyncIterator[Database]:
        """What opens transactions, and hears of those of other processes."""
        database = Database(
            pool,
            keys=keys,
            subscriptions=Subscriptions(SUBSCRIPTIONS),
            wait_seconds=settings.pool_wait_seconds,
            cache=CacheOptions(memory_bytes=settings.cache_memory_bytes, redis_url=settings.redis_url, listens=True),
        )
        keep = timedelta(hours=settings.file_keep_hours)
        database.attach(transfer_acts.Keeping(keep, settings.upload_quota_bytes))
        trail = ReadTrail(database)
        database.attach(trail)
        replicas = _replicas(pool, settings)
        database.replicas = replicas
        yield database
        await trail.close()
        await database.stop_listening()
        if replicas is not None:
            await replicas.close()

    @provide
    async def changes(self, database: Database) -> AsyncIterator[LiveChanges]:
        """What is heard of small tables that change."""
        changes = LiveChanges(database, tell_age=metrics.live_seen)
        yield changes
        await changes.close()

    @provide
    async def keeper(self, database: Database, changes: LiveChanges) -> AsyncIterator[Keeper]:
        """The flags of this process, and what looks after them."""
        keeper = Keeper(database, FLAGS, changes)
        database.flags = keeper.flags
        yield keeper
        await keeper.close()

    @provide
    async def runtime(self, database: Database, changes: LiveChanges, settings: Settings) -> RuntimeSettings:
        """What is chosen while this runs; what it was started with holds until then."""
        runtime = RuntimeSettings(database, SETTINGS, changes=changes, usual=usual_choices(settings))
        await runtime.start()
        return runtime

    @provide
    def doorkeeper(self, database: Database, settings: Settings) -> Iterator[Doorkeeper]:
        """Who may come in."""
        doorkeeper = Doorkeeper(database, settings)
        yield doorkeeper
        doorkeeper.close()

    @provide
    def readiness(self, database: Database, root_key: RootKey) -> Readiness:
        """Whether requests can be answered."""
        return readiness(database, root_key)


async def assemble(settings: Settings) -> Assembly:
    """Build and check all parts. Raises what a part raises when it cannot be made: a server must not start half."""
    if settings.is_production:
        forbid_memory_dumps()
    container = make_async_container(Parts(settings))
    try:
        return Assembly(
            settings=settings,
            database=await container.get(Database),
            live=await container.get(LiveChanges),
            runtime=await container.get(RuntimeSettings),
            doorkeeper=await container.get(Doorkeeper),
            readiness=await container.get(Readiness),
            keeper=await container.get(Keeper),
            container=container,
        )
    except BaseException:
        # What was opened before the part that could not be made: its connections must not outlive this.
        await container.close()
        raise


def web_folder(settings: Settings) -> Path:
    """Return where the built web app lies: in the package, unless the settings name another folder."""
    return settings.web_dir or Path(__file__).parent / "web"


def _replicas(primary: Pool, settings: Settings) -> Replicas | None:
    if not settings.replica_urls:
        return None
    pools = [
        make_pool(
            Server(url=url, processes=settings.database_processes),
            size=settings.pool_size,
            statement_timeout_seconds=settings.statement_timeout_seconds,
            limits=_pool_limits(settings),
        )
        for url in settings.replica_urls
    ]
    replicas = Replicas(primary, pools, observe=metrics.replicas_seen)
    replicas.start()
    return replicas


def _pool_limits(settings: Settings) -> PoolLimits:
    return PoolLimits(leak_reclaimed=settings.pool_leak_seconds)


def _database_url(settings: Settings) -> str:
    if settings.database_url is None:
        message = "HP_DATABASE_URL is not set: `healthprotocol up` starts the embedded server and sets it"
        raise RuntimeError(message)
    return settings.database_url
