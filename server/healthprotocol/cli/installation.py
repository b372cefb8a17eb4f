"""What the settings mean on this machine: absolute folders, the root key, and where the database is reached."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.unsafe_settings import faults_with_misfits
from healthprotocol.foundation.config.layers import Layers, variable, without
from healthprotocol.foundation.config.settings import Settings, SettingsRefused, read
from healthprotocol.foundation.db import migrate
from healthprotocol.foundation.db.embedded import EmbeddedServer

if TYPE_CHECKING:
    from healthprotocol.foundation.crypto.root import LocalRootKey

DATABASE = "healthprotocol"


class Installation:
    """The settings with every path absolute, so that no child process depends on where it was started."""

    def __init__(self, settings: Settings, *, layers: Layers | None = None) -> None:
        """Take settings; `layers` None where nobody asks where they come from."""
        self.layers = layers or Layers({}, {}, [], [], {})
        self.settings = settings.model_copy(update={"data_dir": settings.data_dir.expanduser().resolve()})
        self.data_dir = self.settings.data_dir

    @classmethod
    def load(cls) -> Self:
        """Read all layers of settings. Raises UsedWrongly with everything that does not fit, never with a value."""
        try:
            reading = read()
        except SettingsRefused as refused:
            raise UsedWrongly("\n".join(map(str, faults_with_misfits(refused)))) from None
        return cls(reading.settings, layers=reading.layers)

    @property
    def is_embedded(self) -> bool:
        """Whether the database is the one in the data directory."""
        return self.settings.database_url is None

    @cached_property
    def root_key(self) -> "LocalRootKey":
        """The root key: made at first use, but never in production. Raises CommandFailed and RootKeyRefused."""
        from healthprotocol.foundation.crypto.root import LocalRootKey

        path = self.settings.root_key_path
        if self.settings.is_production:
            if not path.exists():
                # A new key for an old database would read nothing: only a person can tell that the system is new.
                raise CommandFailed(
                    f"there is no root key file at {path}; restore it from its backup, "
                    "or make one for a new system: healthprotocol keys create"
                )
            return LocalRootKey.load(path, environment=self.settings.environment)
        return LocalRootKey.load_or_create(path, inside_checkout=True, environment=self.settings.environment)

    @cached_property
    def application_password(self) -> str:
        """
        The database password of the application's role.

        Derived, not stored: every node that has the root key signs in with the same one.
        """
        return self.root_key.derive("database", "sign-in").hex()

    def application_url(self, administrator_url: str) -> str:
        """Return the URL that the application uses, given an administrator's; one of its own role stays as it is."""
        if urlsplit(administrator_url).username == migrate.app_role(administrator_url):
            return administrator_url
        return migrate.app_url(administrator_url, app_password=self.application_password)

    @contextmanager
    def database_url(self) -> Iterator[str]:
        """
        Give the database's URL as the operator's: HP_DATABASE_URL, else the embedded server's administrator.

        The embedded server of a running `up` is used; when none runs, it is started for as long as the block lasts.
        """
        if self.settings.database_url is not None:
            yield self.settings.database_url
            return
        server = EmbeddedServer(self.data_dir)
        if (running := server.url_of_running(DATABASE)) is not None:
            yield running
            return
        with server:
            yield server.ensure_database(DATABASE)

    def hand_over(self, url: str, *, claims: bool = False) -> None:
        """
        Have this process go on as the application on the database at `url`, an operator's or the application's.

        Raises CommandFailed when the database is another environment's; see `isolation.require_environment`.
        """
        self.require_environment(url, claims=claims)
        given = self.application_environment(url)
        for name in [name for name in os.environ if name not in given]:
            del os.environ[name]
        os.environ.update(given)

    def application_environment(self, url: str) -> dict[str, str]:
        """Return the environment of a process that is the application on the database at `url`."""
        urls = self._application_urls(url)
        lists = {name: json.dumps(value) for name, value in urls.items() if isinstance(value, tuple) and value}
        texts = {name: value for name, value in urls.items() if isinstance(value, str)}
        return self.child_environment(**{variable(name): value for name, value in (lists | texts).items()})

    def application_settings(self, url: str, **more: object) -> Settings:
        """Return the settings of the application on the database at `url`, with `more` in the place of others."""
        return self.settings.model_copy(update=self._application_urls(url) | more)

    def _application_urls(self, url: str) -> dict[str, str | tuple[str, ...] | None]:
        """Return every way to the database as the application's role: none of them stays an operator's."""
        direct = self.settings.direct_database_url
        return {
            "database_url": self.application_url(url),
            "direct_database_url": None if direct is None else self.application_url(direct),
            "replica_urls": tuple(map(self.application_url, self.settings.replica_urls)),
        }

    def require_environment(self, url: str, *, claims: bool = False) -> None:
        """Raise CommandFailed when nobody answers at `url`, or the database there is another environment's."""
        import asyncio

        from healthprotocol.foundation.config.isolation import EnvironmentDiffers, require_environment

        require_reachable(url)
        try:
            asyncio.run(require_environment(url, self.settings.environment, claims=claims))
        except EnvironmentDiffers as error:
            raise CommandFailed(str(error)) from None

    def child_environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a process that this one starts: the same settings, independent of its folder."""
        given = {"HP_DATA_DIR": str(self.data_dir)} | more
        if self.settings.root_key_file is not None:
            given["HP_ROOT_KEY_FILE"] = str(self.settings.root_key_file.expanduser().resolve())
        # A secret file goes before a variable, so the child must not find the one of what is given here.
        return {**without(os.environ, [name.removeprefix("HP_").lower() for name in given]), **given}


def require_reachable(url: str) -> None:
    """Raise CommandFailed with a clear line when nobody answers at `url`, or the answer is no."""
    import asyncio

    import asyncpg

    async def greet() -> None:
        connection = await asyncpg.connect(url, timeout=5)
        await connection.close()

    try:
        asyncio.run(greet())
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        message = f"the database at {describe(url)} cannot be used: {_reason(error)}; check HP_DATABASE_URL"
        raise CommandFailed(message) from None


def describe(url: str) -> str:
    """Return host, port and database of a URL, without user and password."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'a local socket'}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _reason(error: Exception) -> str:
    import socket

    import asyncpg

    reasons: tuple[tuple[type[Exception], str], ...] = (
        (asyncpg.InvalidPasswordError, "the password is wrong"),
        (asyncpg.InvalidAuthorizationSpecificationError, "the user may not sign in"),
        (asyncpg.InvalidCatalogNameError, "there is no such database"),
        (TimeoutError, "no answer in 5 s"),
        (ConnectionRefusedError, "nobody listens there"),
        (socket.gaierror, "its name is not known here"),
    )
    return next((text for kind, text in reasons if isinstance(error, kind)), type(error).__name__)
