"""
Migrations: alembic revisions whose content is a pair of plain SQL files, NNNN_name.up.sql and NNNN_name.down.sql.

The revisions are built from the files, so there is no Python file a revision. Before the first one the roles are made:
hp_owner owns everything and cannot sign in; hp_app is what the application is; one sign-in role per database is in it.
"""

import asyncio
import hashlib
import hmac
import os
import re
from base64 import b64encode
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
_LOCK_WAIT_SECONDS = 300
_SCRAM_ITERATIONS = 4096


class Revision(msgspec.Struct, frozen=True):
    """One step of the schema: the paths of its two files."""

    number: str
    name: str
    up: Path
    down: Path


class MigrationStatus(msgspec.Struct, frozen=True):
    """
    `current` is the number of the newest applied revision, None for an empty database; `pending` are to come.

    After going back to older code `current` may be above `head`: nothing is to come then, and the code works on.
    """

    current: str | None
    head: str
    pending: tuple[str, ...]


class MigrationFailed(Exception):
    """
    A revision could not be applied; nothing of it stands.

    The message names the revision, PostgreSQL's error class and the line; never PostgreSQL's text, which quotes rows.
    """


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
    pending = tuple(number for number in numbers if current is None or number > current)
    return MigrationStatus(current, numbers[-1], pending)


async def up(url: str, *, app_password: str, target: str | None = None) -> MigrationStatus:
    """
    Make the roles, then apply revisions up to `target` (the newest when None), under a lock, each in a transaction.

    `url` is the administrator's. Raises MigrationFailed, also when the database is newer than this code.
    """

    async def prepare(connection: "asyncpg.Connection[Any]") -> None:
        await _ensure_roles(connection, app_role=app_role(url), app_password=app_password)

    found = await status(url)
    if found.current is not None and found.current > found.head:
        raise MigrationFailed(f"the database is at revision {found.current}, newer than this code ({found.head})")
    await _with_lock(url, prepare)
    await asyncio.to_thread(_run_alembic, url, target or found.head, upwards=True)
    return await status(url)


async def down(url: str, *, target: str) -> MigrationStatus:
    """Undo revisions until `target` is the newest; `base` undoes all. Raises MigrationFailed."""
    await asyncio.to_thread(_run_alembic, url, target, upwards=False)
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


async def _hold_lock(connection: "asyncpg.Connection[Any]") -> None:
    """Wait until no other node migrates; the lock ends with the connection. Raises MigrationFailed after 5 minutes."""
    try:
        await connection.execute(f"set lock_timeout = '{_LOCK_WAIT_SECONDS}s'")
        await connection.execute("select pg_advisory_lock($1)", _ADVISORY_LOCK)
    except asyncpg.LockNotAvailableError as error:
        raise MigrationFailed(
            "another node has been migrating this database for long; see what it waits for"
        ) from error


async def _with_lock(url: str, act: Callable[["asyncpg.Connection[Any]"], Awaitable[None]]) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await _hold_lock(connection)
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
        # As a verifier: a server that logs its statements must not learn the password.
        password = _scram_verifier(app_password)
        await connection.execute(f"alter role {app_role} login nosuperuser nobypassrls password '{password}'")
        await connection.execute(f"grant hp_app to {app_role}")
        await connection.execute("grant hp_owner to current_user")
        await connection.execute("grant create, usage on schema public to hp_owner")
        await connection.execute("grant usage on schema public to hp_app")
        database = await connection.fetchval("select quote_ident(current_database())")
        await connection.execute(f"grant create, connect on database {database} to hp_owner")


def _scram_verifier(password: str) -> str:
    """Return what PostgreSQL itself would store for a password of ASCII characters. Source: RFC 5802 §3, RFC 7677."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _SCRAM_ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    cells = [b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{cells[0]}${cells[1]}:{cells[2]}"


async def _ensure_role(connection: "asyncpg.Connection[Any]", role: str, login: str) -> None:
    if not _ROLE.match(role):
        message = f"the role name {role!r} is not plain"
        raise MigrationFailed(message)
    if not await connection.fetchval("select exists (select from pg_roles where rolname = $1)", role):
        await connection.execute(f"create role {role} {login} nosuperuser nobypassrls nocreaterole nocreatedb")


def _run_alembic(url: str, target: str, *, upwards: bool) -> None:
    # Loaded here only: alembic and SQLAlchemy are a third of a worker's memory.
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from sqlalchemy import pool as sqlalchemy_pool  # noqa: PLC0415
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    config, script = _script()

    def revise(current: Any, _context: Any) -> list[Any]:
        # What alembic's own commands call; there are no public names.
        if upwards:
            return script._upgrade_revs(target, current)  # noqa: SLF001
        return script._downgrade_revs(target, current)  # noqa: SLF001

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
            await _hold_lock(lock)
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
        driver: Any = op.get_bind().connection.driver_connection
        text = path.read_text(encoding="utf-8")
        try:
            await_only(driver.execute(text))
        except asyncpg.PostgresError as error:
            raise MigrationFailed(
                f"{path.name}: {type(error).__name__} [{error.sqlstate}]{_line(error, text)}"
            ) from None

    return run


def _line(error: asyncpg.PostgresError, text: str) -> str:
    """Return where PostgreSQL stumbled, in words; nothing where it does not say."""
    position = getattr(error, "position", None)
    return f" at line {text.count(chr(10), 0, int(position)) + 1}" if position else ""


def _sqlalchemy_url(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(("postgresql+asyncpg", parts.netloc, parts.path, parts.query, ""))
