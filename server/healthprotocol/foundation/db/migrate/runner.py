"""
The runner: revisions forwards and back, each by its phase, one migrator at a time, from wherever the last one stopped.

A revision is one transaction with its own record, unless its head says `Transaction: none`: then each statement is
finished by itself, and what is finished is remembered.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path

import asyncpg
import msgspec

from healthprotocol.foundation.db.migrate import history, indexes
from healthprotocol.foundation.db.migrate.backfill import Advance, Backfill, Place
from healthprotocol.foundation.db.migrate.changes import drops
from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.files import PHASES, Phase, Revision, Script, Target, revisions
from healthprotocol.foundation.db.migrate.history import Connection, Direction, Step
from healthprotocol.foundation.db.migrate.locks import Limits
from healthprotocol.foundation.db.migrate.losses import Losses
from healthprotocol.foundation.db.migrate.pace import PaceLimits
from healthprotocol.foundation.db.migrate.saved import Backups
from healthprotocol.foundation.db.migrate.session import Session, open_session
from healthprotocol.foundation.db.migrate.sql import Statement

# What a statement says about a thing that was never made, or is gone already.
_ABSENT = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedObjectError,
    asyncpg.UndefinedFunctionError,
)

Progress = Callable[[str, int, int | None], None]


class MigrationStatus(msgspec.Struct, frozen=True):
    """
    `current` is the number of the newest applied revision, None for an empty database; `pending` are to come.

    After going back to older code `current` may be above `head`: nothing is to come then, and the code works on.
    `changed` are applied revisions whose file is another now; `half_done` is one that was begun and not finished.
    """

    current: str | None
    head: str
    pending: tuple[str, ...]
    changed: tuple[str, ...] = ()
    half_done: str | None = None


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """
    How a run goes. `folder` holds the files (the package's own when None); `release` is the version of this code.

    `last_phase` stops before the first revision of a later phase. `progress` is told (doing, done, total or None).
    `backups` is where rows are saved before they go; without it nothing goes unless `accept_loss`.
    """

    folder: Path | None = None
    release: str = "unknown"
    limits: Limits = Limits()
    pace: PaceLimits = PaceLimits()
    last_phase: Phase = "contract"
    backups: Backups | None = None
    accept_loss: bool = False
    progress: Progress = lambda _doing, _done, _total: None


_PLAIN = Options()


async def status(url: str, *, folder: Path | None = None) -> MigrationStatus:
    """Return how far the database at `url` is. `url` is the administrator's or the application's."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return await status_of(connection, revisions(folder))
    finally:
        await connection.close()


async def status_of(connection: Connection, files: Sequence[Revision]) -> MigrationStatus:
    """Return how far the database of `connection` is among `files`."""
    current = await history.current(connection)
    pending = tuple(one.number for one in files if current is None or one.number > current)
    half = await history.half_done(connection)
    return MigrationStatus(
        current,
        files[-1].number if files else "0000",
        pending,
        changed=changed(await history.applied(connection), files, current),
        half_done=None if half is None else half[0],
    )


async def up(url: str, *, app_password: str, target: str | None = None, options: Options = _PLAIN) -> MigrationStatus:
    """
    Make the roles, then apply revisions up to `target` (the newest when None), one migrator at a time.

    `url` is the administrator's. Raises MigrationFailed, also when the database is newer than this code.
    """
    files = revisions(options.folder)
    found = await status(url, folder=options.folder)
    if found.current is not None and found.current > found.head:
        raise MigrationFailed(f"the database is at revision {found.current}, newer than this code ({found.head})")
    async with open_session(url, limits=options.limits, app_password=app_password) as session:
        migrator = Migrator(session, files, options)
        await migrator.open()
        await migrator.up(target or found.head)
        return await status_of(session.connection, files)


async def down(url: str, *, target: str, options: Options = _PLAIN) -> MigrationStatus:
    """Undo revisions until `target` is the newest; `base` undoes all. Raises MigrationFailed."""
    files = revisions(options.folder)
    found = await status(url, folder=options.folder)
    if found.current is not None and found.current > found.head:
        raise MigrationFailed(
            f"the database is at revision {found.current}, and this code knows none after {found.head}: "
            "go back with the code that brought it there"
        )
    async with open_session(url, limits=options.limits, app_password=None) as session:
        migrator = Migrator(session, files, options)
        await migrator.open()
        await migrator.down("0000" if target == "base" else target)
        return await status_of(session.connection, files)


class Migrator:
    """Applies and undoes revisions on one session."""

    def __init__(self, session: Session, files: Sequence[Revision], options: Options) -> None:
        self._session = session
        self._connection = session.connection
        self._files = files
        self._options = options
        self._losses = Losses(session, options.backups, accept_loss=options.accept_loss)
        self._applied_now: list[str] = []
        self._is_fresh = False

    async def open(self) -> None:
        """Make what history is kept in, and refuse what was changed after it was applied. Raises MigrationFailed."""
        await history.open_books(self._connection, self._files, release=self._options.release)
        current = await history.current(self._connection)
        self._is_fresh = current is None
        if altered := changed(await history.applied(self._connection), self._files, current):
            raise MigrationFailed(
                f"the files of {', '.join(altered)} are not what was applied: put them back as they were and write a "
                "new revision, or, when you know that they mean the same, `migrate repair --accept-checksum`"
            )

    async def up(self, target: str) -> None:
        """Apply what is to come up to `target`, stopping before a later phase than asked for."""
        await self._finish_going_back()
        for number in await history.kept(self._connection, "down"):
            if number <= (await history.current(self._connection) or ""):
                await self._losses.put_all_back(number, advance=self._telling(f"{number}, putting back"))
        for revision in self._files:
            current = await history.current(self._connection)
            if revision.number > target or (current is not None and revision.number <= current):
                continue
            if PHASES.index(revision.phase) > PHASES.index(self._options.last_phase):
                return
            await self._apply(revision, before=current)

    async def down(self, target: str) -> None:
        """Undo from the newest down to, and without, `target`; first what is half applied."""
        half = await history.half_done(self._connection)
        current = await history.current(self._connection)
        for revision in reversed(self._files):
            is_half = half == (revision.number, "up")
            if revision.number > target and (is_half or revision.number <= (current or "")):
                await self._undo(revision, is_half=is_half)

    async def _finish_going_back(self) -> None:
        """A revision that is half undone is finished first: up from there is not known to anybody."""
        half = await history.half_done(self._connection)
        for revision in self._files:
            if half == (revision.number, "down"):
                await self._undo(revision, is_half=False)

    async def _apply(self, revision: Revision, *, before: str | None) -> None:
        script, folder = revision.forwards, None
        if not self._is_fresh:
            # In a new database there is nothing to lose, and nobody who would miss it.
            folder = await self._losses.before_up(
                revision, applied_now=self._applied_now, advance=self._telling(f"{revision.title}, saving")
            )

        async def record() -> None:
            release = self._options.release
            saved = (await history.kept(self._connection, "up")).get(revision.number, folder)
            await history.record(self._connection, revision, before=before, release=release, backup=saved)

        if script.in_transaction:
            await self._whole(revision, "up", record)
            self._options.progress(revision.title, 1, 1)
        else:
            await self._by_steps(revision, script, "up")
            await self._session.atomically(record, what=script.path.name)
        self._applied_now.append(revision.number)
        await self._losses.put_all_back(revision.number, advance=self._telling(f"{revision.title}, putting back"))

    async def _undo(self, revision: Revision, *, is_half: bool) -> None:
        script = revision.back
        before = max((one.number for one in self._files if one.number < revision.number), default=None)
        current = await history.current(self._connection)

        async def forget() -> None:
            # A half-applied revision was never the newest one.
            newest = current if is_half and current != revision.number else before
            await history.forget(self._connection, revision, before=newest)

        if not await history.steps(self._connection, revision.number, "down"):
            # Once it is begun, part of what was saved is gone already.
            folder = await self._losses.before_down(revision, advance=self._telling(f"{revision.title}, saving"))
            if folder is not None:
                await history.keep(self._connection, revision.number, "down", folder)
        if script.in_transaction and not is_half:
            await self._whole(revision, "down", forget)
            self._options.progress(revision.title, 1, 1)
            return
        await self._by_steps(revision, script, "down", is_half=is_half)
        await self._session.atomically(forget, what=script.path.name)

    async def _whole(self, revision: Revision, direction: Direction, record: Callable[[], Awaitable[None]]) -> None:
        script = revision.forwards if direction == "up" else revision.back

        async def act() -> None:
            await self._hold(revision, direction)
            # The simple protocol: a file holds many statements.
            await self._connection.execute(script.text)
            await record()

        try:
            await self._session.atomically(act, what=script.path.name)
        except asyncpg.InsufficientPrivilegeError:
            raise
        except asyncpg.PostgresError as error:
            raise _failed(script.path.name, error, script.text) from None

    async def _hold(self, revision: Revision, direction: Direction, tables: Collection[str] | None = None) -> None:
        if direction == "down" or not self._is_fresh:
            advance = self._telling(f"{revision.title}, saving again")
            await self._losses.hold(revision, direction, advance=advance, tables=tables)

    async def _by_steps(
        self, revision: Revision, script: Script, direction: Direction, *, is_half: bool = False
    ) -> None:
        known = await history.steps(self._connection, revision.number, direction)
        going = drops(script, but_filled=direction == "up")
        for place, statement in enumerate(script.statements):
            checksum = history.statement_checksum(statement.essence)
            begun = known.get(place)
            if begun is not None and begun.checksum != checksum:
                raise MigrationFailed(
                    f"{script.path.name}: statement {place + 1} was begun in another form; put the file back as it "
                    "was, or, when it means the same, `migrate repair --accept-checksum`"
                )
            if begun is not None and begun.is_done:
                continue
            at = Place(revision.number, direction, place, checksum)
            try:
                await self._step(at, statement, begun, revision=revision, going=going.get(statement.line, ()))
            except _ABSENT:
                if not is_half:
                    raise
                await history.save_step(self._connection, *_done(at))
            except asyncpg.PostgresError as error:
                raise _failed(script.path.name, error, statement.text, first_line=statement.line) from None

    async def _step(
        self, at: Place, statement: Statement, begun: Step | None, *, revision: Revision, going: Collection[str]
    ) -> None:
        title = revision.title
        advance = self._telling(f"{title}, step {at.step + 1}")
        if statement.backfill is not None:
            await Backfill(self._session, at, statement, limits=self._options.pace).run(begun, advance=advance)
        elif indexes.is_concurrent(statement.text):
            await indexes.run(self._session, statement.text)
            await history.save_step(self._connection, *_done(at))
        elif statement.restore is not None:
            await self._restore(at.number, Target.parse(statement.restore), advance=advance)
            await history.save_step(self._connection, *_done(at))
        else:

            async def act() -> None:
                if going:
                    await self._hold(revision, at.direction, going)
                await self._connection.execute(statement.text)
                await history.save_step(self._connection, *_done(at))

            is_long = "validate constraint" in statement.bare
            await self._session.atomically(act, what=f"{title}, step {at.step + 1}", is_long=is_long)
        advance(1, 1)

    async def _restore(self, number: str, target: Target, *, advance: Advance) -> None:
        remembered = (await history.applied(self._connection)).get(number)
        # One that was never finished has no record of its own yet.
        folder = (await history.kept(self._connection, "up")).get(number) or (remembered and remembered.backup)
        if folder:
            await self._losses.put_back(folder, target, advance=advance)
        elif remembered is not None and not self._options.accept_loss:
            raise MigrationFailed(
                f"nothing was saved before {number}, so {target.table} comes back without its values; "
                "use --accept-loss when that is well"
            )

    def _telling(self, doing: str) -> Advance:
        return lambda done, total: self._options.progress(doing, done, total)


def _done(at: Place) -> tuple[str, Direction, Step]:
    return at.number, at.direction, Step(step=at.step, checksum=at.checksum, is_done=True)


def changed(applied: Mapping[str, history.Applied], files: Sequence[Revision], current: str | None) -> tuple[str, ...]:
    """Return the applied revisions whose file is another now than the one that was applied."""
    return tuple(
        one.number
        for one in files
        if one.number in applied
        and one.number <= (current or "")
        and applied[one.number].checksum != one.forwards.checksum
    )


def _failed(name: str, error: asyncpg.PostgresError, text: str, *, first_line: int = 1) -> MigrationFailed:
    """Return the failure: PostgreSQL's class and where it stumbled; nothing where it does not say."""
    position = getattr(error, "position", None)
    line = f" at line {text.count(chr(10), 0, int(position)) + first_line}" if position else ""
    return MigrationFailed(f"{name}: {type(error).__name__} [{error.sqlstate}]{line}")
