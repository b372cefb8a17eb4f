"""
What is good enough for a laptop and not for people: refused where HP_ENVIRONMENT is staging or production.

All of it is found at once, each with what to do about it. `serve`, `worker` and `up` ask before they start; `config
check` and `doctor` ask as well and start nothing.
"""

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.first_start import DEMO_ACCOUNTS, holds_demo
from healthprotocol.cli.installation import Installation, require_reachable
from healthprotocol.foundation.config.faults import Fault
from healthprotocol.foundation.config.layers import variable
from healthprotocol.foundation.config.secret_provider import is_readable_by_others

if TYPE_CHECKING:
    import asyncpg

_ENCRYPTED = {"require", "verify-ca", "verify-full"}
_USUAL_PASSWORDS = {"postgres", "password", "secret", "changeme", "admin", "healthprotocol", "redis", "test"}
_NEEDED = {"fsync": "on", "full_page_writes": "on", "data_checksums": "on"}
_LEAST_PASSWORD = 12


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


def faults_of_settings(installation: Installation) -> list[Fault]:
    """Return what in the settings is not good enough, without asking anybody; nothing outside production."""
    if not installation.settings.is_production:
        return []
    return [
        *_of_database_urls(installation),
        *_of_redis_url(installation),
        *_of_front(installation),
        *_of_files(installation),
        *_of_the_rest(installation),
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
    """Raise CommandFailed with everything that is not good enough; `url` None asks no database."""
    if not installation.settings.is_production:
        return
    faults = faults_of_settings(installation)
    if url is not None:
        faults += faults_at(url, installation)
    if faults:
        where = installation.settings.environment
        raise CommandFailed(f"not good enough for {where}: " + "; ".join(map(str, faults)))


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


def _of_database_urls(installation: Installation) -> list[Fault]:
    settings = installation.settings
    given = {"database_url": settings.database_url, "direct_database_url": settings.direct_database_url}
    named = [(variable(name), url) for name, url in given.items() if url is not None]
    named += [(variable("replica_urls"), url) for url in settings.replica_urls]
    return list(dict.fromkeys(fault for name, url in named for fault in _of_database_url(name, url)))


def _of_database_url(name: str, url: str) -> list[Fault]:
    parts = urlsplit(url)
    faults: list[Fault] = []
    mode = parse_qs(parts.query).get("sslmode", ["prefer"])[0]
    if _is_remote(parts.hostname) and mode not in _ENCRYPTED:
        faults.append(
            Fault(f"{name} reaches another machine without TLS", "end it with ?sslmode=verify-full, or require")
        )
    if parts.password is not None and _is_weak(parts.password, parts.username):
        faults.append(Fault(f"the password in {name} is one that people guess", "choose a long random one"))
    return faults


def _of_redis_url(installation: Installation) -> list[Fault]:
    url = installation.settings.redis_url
    if url is None:
        return []
    parts = urlsplit(url)
    if parts.scheme == "unix" or not _is_remote(parts.hostname):
        return []
    faults: list[Fault] = []
    if parts.scheme != "rediss":
        faults.append(Fault("HP_REDIS_URL reaches another machine without TLS", "begin it with rediss://"))
    if not parts.password:
        faults.append(Fault("HP_REDIS_URL has no password", "set requirepass or an ACL user, and name it in the URL"))
    elif _is_weak(parts.password, parts.username):
        faults.append(Fault("the password in HP_REDIS_URL is one that people guess", "choose a long random one"))
    return faults


def _of_front(installation: Installation) -> list[Fault]:
    settings = installation.settings
    faults: list[Fault] = []
    if not settings.public_origins:
        faults.append(Fault("HP_PUBLIC_ORIGINS is not set", "name where browsers reach you: https://care.example"))
    if any(urlsplit(origin).scheme != "https" for origin in settings.public_origins):
        faults.append(
            Fault("HP_PUBLIC_ORIGINS has an address without TLS", "put TLS in front, and name https:// alone")
        )
    if not settings.trusted_proxies:
        faults.append(
            Fault(
                "HP_TRUSTED_PROXIES is not set",
                "name the network of the proxy that ends TLS, such as 10.0.0.0/24: else all clients look like one",
            )
        )
    return faults


def _of_files(installation: Installation) -> list[Fault]:
    return [
        Fault(f"{path}, the secret file of {variable(name)}, can be read by everybody", f"run: chmod o-rwx {path}")
        for name, path in sorted(installation.layers.secret_files.items())
        if is_readable_by_others(path)
    ]


def _of_the_rest(installation: Installation) -> list[Fault]:
    from healthprotocol.foundation.crypto.errors import RootKeyRefused
    from healthprotocol.foundation.crypto.root import LocalRootKey

    settings = installation.settings
    faults: list[Fault] = []
    if settings.root_key_file is None:
        faults.append(
            Fault("HP_ROOT_KEY_FILE is not set", "name a file apart from the data: the key must not lie beside it")
        )
    elif settings.root_key_file.exists():
        try:
            LocalRootKey.load(settings.root_key_file, environment=settings.environment)
        except RootKeyRefused as error:
            faults.append(Fault("the root key is refused", str(error)))
    else:
        faults.append(
            Fault(
                f"there is no root key file at {settings.root_key_file}",
                "restore it from its backup, or make one for a new system: healthprotocol keys create",
            )
        )
    if settings.log_level == "debug":
        faults.append(Fault("HP_LOG_LEVEL is debug", "set info: debug lines say more than anybody may keep"))
    if holds_demo(installation.data_dir):
        faults.append(
            Fault(
                f"{installation.data_dir} holds the demo accounts, whose password is public",
                f"HP_ENVIRONMENT={settings.environment} needs another HP_DATA_DIR",
            )
        )
    return faults


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


def _is_remote(host: str | None) -> bool:
    if not host or host == "localhost" or host.startswith("/"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def _is_weak(password: str, user: str | None) -> bool:
    return password.lower() in _USUAL_PASSWORDS | {(user or "").lower()} or len(password) < _LEAST_PASSWORD
