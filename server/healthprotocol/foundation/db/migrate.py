"""
Migrations: alembic revisions whose content is a pair of plain SQL files, NNNN_name.up.sql and NNNN_name.down.sql.

The revisions are built from the files, so there is no Python file a revision. Before the first one the roles are made:
hp_owner owns everything and cannot sign in; hp_app is what the application is; one sign-in role per database is in it.
"""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg
import msgspec

_FILE = re.compile(r"^(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.up\.sql$")
_ROLE = re.compile(r"^[a-z_][a-z0-9_]{0,62}$")
# One node migrates at a time; the number is ours and means nothing.
_ADVISORY_LOCK = 4_242_001


class Revision(msgspec.Struct, frozen=True):
    """One step of the schema: the paths of its two files."""

    number: str
    name: str
    up: Path
    down: Path


class MigrationStatus(msgspec.Struct, frozen=True):
    """`current` is the number of the newest applied revision, None for an empty database; `pending` are to come."""

    current: str | None
    head: str
    pending: tuple[str, ...]


class MigrationFailed(Exception):
    """A revision could not be applied; nothing of it stands. The message names it and PostgreSQL's error class."""


def migrations_folder() -> Path:
    """Return where the SQL files lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[2]
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def revisions(folder: Path | None = None) -> tuple[Revision, ...]:
    """
    Return the revisions in order.

    Raises MigrationFailed when a file has no way back or a number is missing or used twice.
    """
    found: list[Revision] = []
    for path in sorted((folder or migrations_folder()).glob("*.up.sql")):
        match = _FILE.match(path.name)
        down = path.with_name(path.name.replace(".up.sql", ".down.sql"))
        if match is None or not down.is_file():
            message = f"migration {path.name} needs the name NNNN_words.up.sql and a .down.sql beside it"
            raise MigrationFailed(message)
        found.append(Revision(match["number"], match["name"], path, down))
    if [int(r.number) for r in found] != list(range(1, len(found) + 1)):
        message = "migration numbers must run from 0001 without a gap or a double"
        raise MigrationFailed(message)
    return tuple(found)


async def status(url: str) -> MigrationStatus:
    """Return how far the database at `url` is. `url` is the administrator's or the application's."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        current = await _current(connection)
    finally:
        await connection.close()
    numbers = [revision.number for revision in revisions()]
    done = numbers.index(current) + 1 if current in numbers else 0
    return MigrationStatus(current, numbers[-1], tuple(numbers[done:]))


async def up(url: str, *, app_password: str, target: str | None = None) -> MigrationStatus:
    """
    Make the roles, then apply revisions up to `target` (the newest when None), all in one lock, each in a transaction.

    `url` is the administrator's. Raises MigrationFailed.
    """

    async def prepare(connection: "asyncpg.Connection[Any]") -> None:
        await _ensure_roles(connection, app_role=app_role(url), app_password=app_password)

    await _with_lock(url, prepare)
    await asyncio.to_thread(_run_alembic, url, target or revisions()[-1].number, True)
    return await status(url)


async def down(url: str, *, target: str) -> MigrationStatus:
    """Undo revisions until `target` is the newest; `base` undoes all. Raises MigrationFailed."""
    await asyncio.to_thread(_run_alembic, url, target, False)
    return await status(url)


def app_role(url: str) -> str:
    """Return the sign-in role of the application for the database that `url` names."""
    return "hp_app_" + hashlib.sha256(_database_name(url).encode()).hexdigest()[:8]


def app_url(url: str, *, app_password: str, role: str | None = None) -> str:
    """Return `url` with the application's role and password in place of the administrator's."""
    parts = urlsplit(url)
    host = parts.netloc.rsplit("@", 1)[-1]
    netloc = f"{role or app_role(url)}:{quote(app_password, safe='')}@{host}"
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))


def _database_name(url: str) -> str:
    return unquote(urlsplit(url).path.lstrip("/")) or "postgres"


async def _current(connection: "asyncpg.Connection[Any]") -> str | None:
    exists = await connection.fetchval("select to_regclass('public.alembic_version') is not null")
    return await connection.fetchval("select version_num from alembic_version") if exists else None


async def _with_lock(url: str, act: Callable[["asyncpg.Connection[Any]"], Awaitable[None]]) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute("select pg_advisory_lock($1)", _ADVISORY_LOCK)
        await act(connection)
    except asyncpg.InsufficientPrivilegeError as error:
        message = "the database user may not create roles or schemas: use an administrator's URL for `migrate up`"
        raise MigrationFailed(message) from error
    finally:
        await connection.close()


async def _ensure_roles(connection: "asyncpg.Connection[Any]", *, app_role: str, app_password: str) -> None:
    async with connection.transaction():
        # Roles are the cluster's: two databases that migrate at once must not both create them.
        await connection.execute("select pg_advisory_xact_lock($1)", _ADVISORY_LOCK + 1)
        for role in ("hp_owner", "hp_app"):
            await _ensure_role(connection, role, "nologin")
        await _ensure_role(connection, app_role, "login")
        literal = await connection.fetchval("select quote_literal($1::text)", app_password)
        await connection.execute(f"alter role {app_role} login nosuperuser nobypassrls password {literal}")
        await connection.execute(f"grant hp_app to {app_role}")
        await connection.execute("grant hp_owner to current_user")
        await connection.execute("grant create, usage on schema public to hp_owner")
        await connection.execute("grant usage on schema public to hp_app")
        database = await connection.fetchval("select quote_ident(current_database())")
        await connection.execute(f"grant create, connect on database {database} to hp_owner")


async def _ensure_role(connection: "asyncpg.Connection[Any]", role: str, login: str) -> None:
    if not _ROLE.match(role):
        message = f"the role name {role!r} is not plain"
        raise MigrationFailed(message)
    if not await connection.fetchval("select exists (select from pg_roles where rolname = $1)", role):
        await connection.execute(f"create role {role} {login} nosuperuser nobypassrls nocreaterole nocreatedb")


def _run_alembic(url: str, target: str, upwards: bool) -> None:
    # Loaded here only: alembic and SQLAlchemy are a third of a worker's memory.
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from sqlalchemy import pool as sqlalchemy_pool  # noqa: PLC0415
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    config, script = _script()

    def revise(current: Any, _context: Any) -> list[Any]:
        if upwards:
            return script._upgrade_revs(target, current)
        return script._downgrade_revs(target, current)

    def migrate(connection: Any) -> None:
        with EnvironmentContext(config, script, fn=revise) as environment:
            environment.configure(connection=connection, transaction_per_migration=True)
            with environment.begin_transaction():
                environment.run_migrations()

    async def run() -> None:
        engine = create_async_engine(
            _sqlalchemy_url(url),
            poolclass=sqlalchemy_pool.NullPool,
            connect_args={"server_settings": {"lock_timeout": "4000", "role": "hp_owner"}},
        )
        lock = await asyncpg.connect(url, timeout=5)
        try:
            await lock.execute("select pg_advisory_lock($1)", _ADVISORY_LOCK)
            async with engine.connect() as connection:
                await connection.run_sync(migrate)
                await connection.commit()
        finally:
            await lock.close()
            await engine.dispose()

    asyncio.run(run())


def _script() -> tuple[Any, Any]:
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.script.revision import RevisionMap  # noqa: PLC0415

    folder = migrations_folder()
    config = Config()
    config.set_main_option("script_location", str(folder))
    script = ScriptDirectory(str(folder))
    script.revision_map = RevisionMap(lambda: list(_alembic_revisions(folder)))
    return config, script


def _alembic_revisions(folder: Path) -> Iterator[Any]:
    from types import ModuleType  # noqa: PLC0415

    from alembic.script import Script  # noqa: PLC0415

    previous: str | None = None
    for revision in revisions(folder):
        module = ModuleType(f"migration_{revision.number}")
        module.__dict__.update(
            revision=revision.number,
            down_revision=previous,
            upgrade=_runner(revision.up),
            downgrade=_runner(revision.down),
        )
        module.__doc__ = revision.name
        yield Script(module, revision.number, str(revision.up))
        previous = revision.number


def _runner(path: Path) -> Callable[[], None]:
    def run() -> None:
        from alembic import op  # noqa: PLC0415
        from sqlalchemy.util import await_only  # noqa: PLC0415

        # The driver's own simple protocol: a file holds many statements, and a colon in it is no parameter.
        driver = op.get_bind().connection.driver_connection
        try:
            await_only(driver.execute(path.read_text(encoding="utf-8")))
        except asyncpg.PostgresError as error:
            message = f"{path.name}: {type(error).__name__}: {error}"
            raise MigrationFailed(message) from error

    return run


def _sqlalchemy_url(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(("postgresql+asyncpg", parts.netloc, parts.path, parts.query, ""))
