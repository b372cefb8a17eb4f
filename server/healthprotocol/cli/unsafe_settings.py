"""Settings that are good enough for a laptop and not for people, seen without asking anybody."""

from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from healthprotocol.cli.demo_marks import holds_demo
from healthprotocol.foundation.config.faults import Fault
from healthprotocol.foundation.config.layers import Layers, variable
from healthprotocol.foundation.config.secret_provider import is_readable_by_others
from healthprotocol.foundation.config.settings import Settings, SettingsRefused

_ENCRYPTED = {"require", "verify-ca", "verify-full"}
_USUAL_PASSWORDS = {"postgres", "password", "secret", "changeme", "admin", "healthprotocol", "redis", "test"}
_LEAST_PASSWORD = 12


def unsafe_settings(settings: Settings, layers: Layers) -> list[Fault]:
    """Return what in settings is not good enough for people; nothing outside production."""
    if not settings.is_production:
        return []
    return [
        *_of_database_urls(settings),
        *_of_redis_url(settings),
        *_of_front(settings),
        *_of_files(layers),
        *_of_root_key(settings),
        *_of_logs(settings),
        *_of_demo(settings),
    ]


def faults_with_misfits(refused: SettingsRefused) -> list[Fault]:
    """Return why settings were refused, and what else in them is not good enough: nobody should have to look twice."""
    if refused.rest is None:
        return refused.faults
    beside = unsafe_settings(refused.rest.settings, refused.rest.layers)
    # What does not fit is told of already; that it is not set follows from that.
    follows = {_not_set(name) for name in refused.unfit}
    return [*refused.faults, *(one for one in beside if one.problem not in follows)]


def _not_set(name: str) -> str:
    return f"{variable(name)} is not set"


def _of_database_urls(settings: Settings) -> list[Fault]:
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


def _of_redis_url(settings: Settings) -> list[Fault]:
    url = settings.redis_url
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


def _of_front(settings: Settings) -> list[Fault]:
    faults: list[Fault] = []
    if not settings.public_origins:
        faults.append(Fault(_not_set("public_origins"), "name where browsers reach you: https://care.example"))
    if any(urlsplit(origin).scheme != "https" for origin in settings.public_origins):
        faults.append(
            Fault("HP_PUBLIC_ORIGINS has an address without TLS", "put TLS in front, and name https:// alone")
        )
    if not settings.trusted_proxies:
        faults.append(
            Fault(
                _not_set("trusted_proxies"),
                "name the network of the proxy that ends TLS, such as 10.0.0.0/24: else all clients look like one",
            )
        )
    return faults


def _of_files(layers: Layers) -> list[Fault]:
    return [
        Fault(f"{path}, the secret file of {variable(name)}, can be read by everybody", f"run: chmod o-rwx {path}")
        for name, path in sorted(layers.secret_files.items())
        if is_readable_by_others(path)
    ]


def _of_root_key(settings: Settings) -> list[Fault]:
    from healthprotocol.foundation.crypto.errors import RootKeyRefused
    from healthprotocol.foundation.crypto.root import LocalRootKey

    faults: list[Fault] = []
    if settings.root_key_file is None:
        faults.append(
            Fault(_not_set("root_key_file"), "name a file apart from the data: the key must not lie beside it")
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
    return faults


def _of_logs(settings: Settings) -> list[Fault]:
    if settings.log_level != "debug":
        return []
    return [Fault("HP_LOG_LEVEL is debug", "set info: debug lines say more than anybody may keep")]


def _of_demo(settings: Settings) -> list[Fault]:
    data_dir = settings.data_dir.expanduser().resolve()
    if not holds_demo(data_dir):
        return []
    return [
        Fault(
            f"{data_dir} holds the demo accounts, whose password is public",
            f"HP_ENVIRONMENT={settings.environment} needs another HP_DATA_DIR",
        )
    ]


def _is_remote(host: str | None) -> bool:
    if not host or host == "localhost" or host.startswith("/"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def _is_weak(password: str, user: str | None) -> bool:
    return password.lower() in _USUAL_PASSWORDS | {(user or "").lower()} or len(password) < _LEAST_PASSWORD
