"""What a process does for its flags beside answering: keep its copies fresh, report what it saw, guard rollouts."""

import asyncio
import contextlib
import secrets
from collections.abc import Mapping
from uuid import UUID

import structlog

from healthprotocol.foundation.config.live import LiveChanges, LiveCopy, NotLoaded
from healthprotocol.foundation.db.transaction import Database, Priority
from healthprotocol.foundation.errors import Problem, Unavailable
from healthprotocol.foundation.flags.declaration import Registry
from healthprotocol.foundation.flags.evaluation import Table, compile_table
from healthprotocol.foundation.flags.exposure import Outcome
from healthprotocol.foundation.flags.model import Arm, State
from healthprotocol.foundation.flags.runtime import Flags
from healthprotocol.foundation.ids import INSTALLATION, OrganisationId
from healthprotocol.operations.flags.repository import flags as repository
from healthprotocol.operations.flags.repository import rollouts
from healthprotocol.operations.flags.service.rollouts import watch_rollouts

REPORT_SECONDS = 1.0
# Who asked how often is worth a row every half minute, not more.
_REPORTS_BETWEEN_COUNTS = 30

log = structlog.get_logger("flags")

_Copy = LiveCopy[Mapping[str, State], Table]


class LiveTables:
    """The tables of a process as the database has them, at most a second old; without it, as they were last known."""

    def __init__(self, registry: Registry, changes: LiveChanges) -> None:
        self._declared = compile_table(registry, {})
        self._copy: _Copy = LiveCopy(
            changes,
            load=repository.states_of_tenant,
            merge=lambda everyone, own: compile_table(registry, everyone, own),
        )

    async def start(self) -> None:
        """Begin to follow changes."""
        await self._copy.start()

    def of(self, organisation_id: UUID) -> Table:
        """Return an organisation's table; before it is loaded the installation's, before that the declared one."""
        try:
            return self._copy.of(OrganisationId(organisation_id))
        except NotLoaded:
            return self.of_installation()

    def of_installation(self) -> Table:
        """Return the table of what holds for all organisations."""
        try:
            return self._copy.of_installation()
        except NotLoaded:
            return self._declared

    async def load(self, organisation_id: UUID) -> None:
        """Have an organisation's own table, if the database answers."""
        with contextlib.suppress(Unavailable):
            if organisation_id == INSTALLATION:
                await self._copy.load_installation()
            else:
                await self._copy.load(OrganisationId(organisation_id))


class Keeper:
    """Looks after the flags of one process, second by second, until it is closed."""

    def __init__(self, database: Database, registry: Registry, changes: LiveChanges) -> None:
        self.database = database
        self._changes = changes
        self.tables = LiveTables(registry, changes)
        self.flags = Flags(registry, self.tables)
        # Tells the reports of processes apart; says nothing of the machine.
        self._node = secrets.randbelow(1 << 62)
        self._task: asyncio.Task[None] | None = None
        self._rounds = 0
        self._is_failing = False
        # The rollouts that run, by whose they are; asked for again when something changed, and while there are any.
        self._running: dict[OrganisationId, list[UUID]] = {}
        self._may_differ = True
        self._is_known = False
        changes.follow(self._heard)

    async def start(self) -> None:
        """Begin; the same again does nothing. Never waits for the database."""
        if self._task is None:
            await self.tables.start()
            self._task = asyncio.create_task(self._keep(), name="flags")

    async def close(self) -> None:
        """Stop, and report what is left to report if the database answers."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        with contextlib.suppress(Problem):
            await self.report(with_counts=True)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            self._rounds += 1
            try:
                await self.tables.load(INSTALLATION)
                await self.report_and_watch(with_counts=self._rounds % _REPORTS_BETWEEN_COUNTS == 0)
                self._is_failing = False
            except Exception as error:  # noqa: BLE001 - whatever it is, the next second tries again
                if not self._is_failing:
                    log.warning("flags.not_reported", error=type(error).__name__)
                self._is_failing = True

    async def report_and_watch(self, *, with_counts: bool) -> None:
        """Do both, whatever becomes of the first; raises as they do."""
        failed: Exception | None = None
        try:
            await self.report(with_counts=with_counts)
        except Exception as error:  # noqa: BLE001 - a guard that hears nothing must say so
            failed = error
        await self.watch()
        if failed is not None:
            raise failed

    async def watch(self) -> None:
        """Have every rollout that runs looked at, also behind one that cannot be; raises what went wrong last."""
        failed: Exception | None = None
        for tenant in list(self._running):
            try:
                await watch_rollouts(self.database, tenant)
            except Exception as error:  # noqa: BLE001 - one organisation's trouble is no other's
                failed = error
        if failed is not None:
            raise failed

    async def report(self, *, with_counts: bool) -> None:
        """
        Write what this process saw since the last time; for a rollout nothing was seen of, that it was so.

        Raises Unavailable; what could not be written is kept for the next time.
        """
        outcomes = self.flags.outcomes.take()
        counts = self.flags.take_counts() if with_counts else {}
        try:
            await self._find_running(outcomes)
            await self._add(outcomes)
            if not self._is_known:
                async with self.database.transaction(INSTALLATION, priority=Priority.BACKGROUND) as tx:
                    await repository.add_known(tx, [flag.key for flag in self.flags.registry])
                self._is_known = True
            if counts:
                async with self.database.transaction(INSTALLATION, priority=Priority.BACKGROUND) as tx:
                    await repository.add_uses(tx, counts)
        except BaseException:
            self.flags.outcomes.give_back(outcomes)
            self.flags.give_back_counts(counts)
            raise

    async def _add(self, outcomes: list[Outcome]) -> None:
        """Write what was seen to each rollout that runs, and leave what could not be; raises what went wrong last."""
        failed: Exception | None = None
        running = {one for ids in self._running.values() for one in ids}
        # The others belong to rollouts that are over: nobody waits for them.
        outcomes[:] = [one for one in outcomes if one.rollout_id in running]
        for tenant, ids in self._running.items():
            try:
                # Without reports a rollout is taken back: they go before what a bad change holds up.
                async with self.database.transaction(tenant, priority=Priority.CRITICAL) as tx:
                    await rollouts.add_outcomes(tx, self._node, _of(outcomes, ids))
            except Exception as error:  # noqa: BLE001 - one organisation's trouble is no other's
                failed = error
            else:
                outcomes[:] = [one for one in outcomes if one.rollout_id not in ids]
        if failed is not None:
            raise failed

    async def _heard(self, seen: Mapping[OrganisationId, int]) -> None:
        self._may_differ = self._may_differ or bool(seen)

    async def _find_running(self, outcomes: list[Outcome]) -> None:
        """Ask which rollouts run, if that may have changed."""
        known = {one for ids in self._running.values() for one in ids}
        if not (self._may_differ or known or any(one.rollout_id not in known for one in outcomes)):
            return
        self._may_differ = False
        try:
            async with self.database.transaction(None, priority=Priority.CRITICAL) as tx:
                self._running = await rollouts.running_everywhere(tx)
        except BaseException:
            self._may_differ = True
            raise


def _of(outcomes: list[Outcome], running: list[UUID]) -> list[Outcome]:
    """Return what was seen of some rollouts; of those that nothing was, that it was so: no news is not no word."""
    seen = [one for one in outcomes if one.rollout_id in running]
    silent = set(running) - {one.rollout_id for one in seen}
    return seen + [Outcome(rollout_id=one, arm=Arm.CONTROL) for one in silent]
