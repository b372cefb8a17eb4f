"""
What is good enough for a laptop and not for people: refused where HP_ENVIRONMENT is staging or production.

All of it is found at once, each with what to do about it. `serve`, `worker` and `up` ask before they start; `config
check` and `doctor` ask as well and start nothing.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from healthprotocol.cli.failures import CommandFailed, FaultsFound
from healthprotocol.cli.first_start import DEMO_ACCOUNTS
from healthprotocol.cli.installation import Installation, require_reachable
from healthprotocol.cli.unsafe_settings import unsafe_settings
from healthprotocol.foundation.config.faults import Fault

if TYPE_CHECKING:
    import asyncpg

_NEEDED = {"fsync": "on", "full_page_writes": "on", "data_checksums": "on"}


def advice_on_settings(installation: Installation) -> list[Fault]:
    """Return what works and is not what people should rely on for long; nothing outside production."""
    if not installation.settings.is_production or not installation.is_embedded:
        return []
    return [
        Fault(
            "HP_DATABASE_URL is not set",
            "name a PostgreSQL server: the embedded one has no replica and no backups of its own",
        )
    ]


async def faults_of_database(url: str, installation: Installation) -> list[Fault]:
    """Return what in the database at `url` is not good enough; nothing outside production."""
    if not installation.settings.is_production:
        return []
    import asyncpg

    connection = await asyncpg.connect(url, timeout=5)
    try:
        return [
            *await _of_environment(connection, installation),
            *await _of_durability(connection),
            *await _of_connections(connection, installation),
            *await _of_demo_accounts(connection, installation),
        ]
    finally:
        await connection.close()


def require_safe(installation: Installation, url: str | None = None) -> None:
    """Raise FaultsFound with everything that is not good enough; `url` None asks no database."""
    if not installation.settings.is_production:
        return
    faults = unsafe_settings(installation.settings, installation.layers)
    if url is not None:
        faults += faults_at(url, installation)
    if faults:
        where = installation.settings.environment
        raise FaultsFound(faults, heading=f"not good enough for {where}:")


def faults_at(url: str, installation: Installation) -> list[Fault]:
    """
    Return the faults of the database; that it cannot be asked is one of them, beside all others.

    Outside production it must answer, and belong to the environment.
    """
    try:
        if not installation.settings.is_production:
            installation.require_environment(url)
        require_reachable(url)
    except CommandFailed as error:
        problem, _, remedy = str(error).partition("; ")
        return [Fault(problem, remedy or "see `healthprotocol doctor`")]
    return asyncio.run(faults_of_database(url, installation))


async def _of_environment(connection: "asyncpg.Connection[Any]", installation: Installation) -> list[Fault]:
    from healthprotocol.foundation.config.isolation import environment_of, remedy

    found, wanted = await environment_of(connection), installation.settings.environment
    if found in {None, wanted}:
        return []
    return [Fault(f"the database is the {found} one, and HP_ENVIRONMENT is {wanted}", remedy(found, wanted))]


async def _of_durability(connection: "asyncpg.Connection[Any]") -> list[Fault]:
    rows = await connection.fetch("select name, setting from pg_settings where name = any($1)", list(_NEEDED))
    off = [row["name"] for row in rows if row["setting"] != _NEEDED[row["name"]]]
    remedies = {"data_checksums": "stop the server and run pg_checksums --enable"}
    return [
        Fault(
            f"PostgreSQL runs with {name} off",
            remedies.get(name, f"set {name} = on: a power cut would lose what was confirmed"),
        )
        for name in sorted(off)
    ]


async def _of_connections(connection: "asyncpg.Connection[Any]", installation: Installation) -> list[Fault]:
    most = int(await connection.fetchval("show max_connections"))
    kept = int(await connection.fetchval("show superuser_reserved_connections"))
    # Each process holds at least one to lend and one to listen on; the pool shares out the rest by itself.
    least = 2 * installation.settings.database_processes
    if least <= most - kept:
        return []
    return [
        Fault(
            f"{installation.settings.database_processes} processes need at least {least} connections and PostgreSQL "
            f"grants {most - kept}",
            "raise max_connections, lower HP_WORKERS, or put a pooler between",
        )
    ]


async def _of_demo_accounts(connection: "asyncpg.Connection[Any]", installation: Installation) -> list[Fault]:
    from healthprotocol.foundation.crypto import blind_index
    from healthprotocol.foundation.crypto.errors import RootKeyRefused
    from healthprotocol.foundation.crypto.keys import KeyRing

    if not await connection.fetchval("select to_regclass('public.sign_in_directory') is not null"):
        return []
    try:
        index = KeyRing(installation.root_key).directory("email")
    except (RootKeyRefused, CommandFailed):
        # Told of by the settings' own faults; without the key nobody can look.
        return []
    for email in DEMO_ACCOUNTS:
        lookup = index.of(blind_index.email(email))
        # Row-level security shows the application this one row, if there is one; an administrator sees it anyway.
        await connection.execute("select set_config('app.lookup', $1, false)", lookup.hex())
        if await connection.fetchval("select exists (select from sign_in_directory where lookup = $1)", lookup):
            return [Fault("the database holds demo accounts, whose password is public", "delete them, or use another")]
    return []
