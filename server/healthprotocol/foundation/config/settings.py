"""
Settings that a process is started with: typed, with units, read once, all that is wrong told at once.

They come from defaults < file < environment < secret files < vault (see `layers`). `read` returns them with the origin
of each; `Settings()` is the same for whoever needs no origins. What changes while the platform runs is in `runtime`.
"""

from collections.abc import Collection, Mapping
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import urlsplit

import msgspec
from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from healthprotocol.foundation.config.faults import Fault
from healthprotocol.foundation.config.layers import (
    Layers,
    Origin,
    as_list,
    current_environment,
    gather,
)
from healthprotocol.foundation.config.misfit import NO_URL, misfit

Environment = Literal["development", "test", "staging", "production"]

# Variables with our prefix that are no settings: they belong to the build and the tests.
NOT_SETTINGS = frozenset({"HP_SHARED_DATA", "HP_CHROMIUM", "HP_BASE_URL", "HP_WEB_OUT", "HP_API"})

_Texts = Annotated[tuple[str, ...], BeforeValidator(as_list)]
_SECRET: Any = {"secret": True}

_URLS = ("database_url", "direct_database_url", "redis_url", "replica_urls", "public_origins", "vault_address")
_UNITS = ("seconds", "minutes", "hours", "days", "bytes", "percent")


class SettingsRefused(Exception):
    """
    The settings cannot work; `faults` says all that is wrong and what to do about each, the message one a line.

    `rest` is what they are without those that do not fit, named in `unfit`, for whoever looks what else is wrong; None
    when they are nothing without them, or could not all be had.
    """

    def __init__(
        self, faults: list[Fault], *, rest: "Reading | None" = None, unfit: frozenset[str] = frozenset()
    ) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults
        self.rest = rest
        self.unfit = unfit


class _LayeredSource(PydanticBaseSettingsSource):
    """What `layers` found. Raises SettingsRefused, so that a value that cannot be had is never a default."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Not asked: all fields come at once."""
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = _gather(current_environment())
        if found.faults:
            raise SettingsRefused(found.faults)
        return found.values


class Settings(BaseSettings):
    """
    Everything an operator may choose at a start. Each field is the environment variable `HP_` + its name in capitals.

    `database_url` None means the embedded server in `data_dir`. `root_key_file` None means `data_dir/keys/root.key`.
    Raises pydantic.ValidationError naming the variables that do not fit, and SettingsRefused for what cannot be read.
    """

    model_config = SettingsConfigDict(env_prefix="HP_", extra="ignore", frozen=True, hide_input_in_errors=True)

    environment: Environment = Field(
        default="development", description="What this is for; staging and production are held to what people need."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port of the application.")
    operations_port: int = Field(
        default=9000, ge=0, le=65535, description="Port of /metrics and /healthz, for operators only; 0 is any."
    )
    data_dir: Path = Field(default=Path("var"), description="Where the embedded database, logs and keys lie.")
    database_url: str | None = Field(
        default=None,
        examples=["postgresql://care@db.example/care?sslmode=verify-full"],
        json_schema_extra=_SECRET,
        description="PostgreSQL; without it the embedded server is started.",
    )
    redis_url: str | None = Field(
        default=None,
        examples=["rediss://cache.example:6380/0"],
        json_schema_extra=_SECRET,
        description="Redis as the shared level of the cache; optional.",
    )
    cache_memory_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024 * 1024,
        le=16 * 1024 * 1024 * 1024,
        description="What cached values may take in the memory of each process.",
    )
    workers: int = Field(default=1, ge=1, le=64, description="Web processes.")
    root_key_file: Path | None = Field(
        default=None, description="File of the root key; without it data_dir/keys/root.key."
    )
    web_dir: Path | None = Field(default=None, description="Folder of the built web app; without it the package's own.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important log lines that are written."
    )

    pool_size: int = Field(default=30, ge=1, le=500, description="Most connections that a process lends at once.")
    pool_wait_seconds: float = Field(default=2.0, gt=0, le=60, description="How long one waits for a connection.")
    pool_processes: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Processes that share PostgreSQL's connections; by default those of this machine.",
    )
    pooler: Literal["none", "pgbouncer"] = Field(
        default="none", description="What stands before PostgreSQL at HP_DATABASE_URL, lending for a transaction."
    )
    direct_database_url: str | None = Field(
        default=None,
        json_schema_extra=_SECRET,
        description="Past the pooler, for those that listen: notifications, the worker.",
    )
    replica_urls: _Texts = Field(
        default=(),
        json_schema_extra=_SECRET,
        description="Streaming replicas, for reads that may lag; commas between.",
    )
    pool_leak_seconds: float = Field(
        default=120.0, ge=10, le=3600, description="A connection held so long without a statement is taken back."
    )
    statement_timeout_seconds: float = Field(
        default=5.0, gt=0, le=600, description="How long a statement of a request may take."
    )

    upload_limit_bytes: int = Field(
        default=512 * 1024 * 1024,
        ge=1024,
        le=8 * 1024 * 1024 * 1024,
        description="How large a file to bring in may be, unpacked.",
    )
    upload_quota_bytes: int = Field(
        default=2 * 1024 * 1024 * 1024,
        ge=1024,
        description="How large all files that are kept of an organisation may be together, unpacked.",
    )
    file_keep_hours: int = Field(
        default=168, ge=1, le=720, description="How long uploads, reports of faults and exports are kept, sealed."
    )

    session_idle_minutes: int = Field(
        default=15, ge=5, le=720, description="How long a session of staff may rest, where no organisation chose."
    )
    subject_session_idle_minutes: int = Field(
        default=30, ge=5, le=720, description="How long a session of a subject may rest, where no organisation chose."
    )
    session_absolute_hours: int = Field(
        default=12, ge=1, le=24, description="After how long a session ends in any case, where no organisation chose."
    )
    public_origins: _Texts = Field(
        default=(), description="Where browsers reach the platform, such as https://care.example; commas between."
    )
    trusted_proxies: _Texts = Field(
        default=(),
        examples=["10.0.0.0/24"],
        description="Networks of the proxies in front, whose X-Forwarded-For is believed; commas between.",
    )

    vault_address: str | None = Field(
        default=None,
        examples=["https://vault.example:8200"],
        description="URL of HashiCorp Vault or OpenBao, or file:///folder with a file a secret, for vault:path#field.",
    )
    vault_token: str | None = Field(default=None, json_schema_extra=_SECRET, description="Token to sign in with.")
    vault_role_id: str | None = Field(default=None, description="AppRole to sign in as, in place of a token.")
    vault_secret_id: str | None = Field(default=None, json_schema_extra=_SECRET, description="Secret of the AppRole.")
    vault_mount: str = Field(default="secret", description="Where the KV version 2 engine is mounted.")
    vault_namespace: str | None = Field(default=None, description="Namespace, where the vault has some.")
    vault_timeout_seconds: float = Field(default=2.0, gt=0, le=30, description="How long an answer may take.")

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network)
        return networks

    @field_validator(*_URLS)
    @classmethod
    def _are_urls(cls, given: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for url in (given,) if isinstance(given, str) else given or ():
            try:
                urlsplit(url)
            except ValueError:
                # Its words may quote the password.
                raise ValueError("no URL") from None
        return given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where values come from: what the caller gives, then the layers."""
        del env_settings, dotenv_settings, file_secret_settings
        return (init_settings, _LayeredSource(settings_cls))

    @property
    def listening_url(self) -> str | None:
        """Where one connection keeps its session: PostgreSQL itself."""
        return self.direct_database_url or self.database_url

    @property
    def database_processes(self) -> int:
        """How many processes share what PostgreSQL grants: the web workers, the worker, the operators' door."""
        return self.pool_processes or self.workers + 2

    @property
    def is_production(self) -> bool:
        """Whether this runs for real people: staging counts, so that it is tried with the same rules."""
        return self.environment in {"staging", "production"}

    @cached_property
    def root_key_path(self) -> Path:
        """Where the root key lies when the local provider holds it."""
        return self.root_key_file or self.data_dir / "keys" / "root.key"


class _Given(Settings):
    """Settings whose layers were read already."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return what the caller gives, and nothing else."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


class Reading(msgspec.Struct, frozen=True):
    """Settings with the layers that they come from."""

    settings: Settings
    layers: Layers

    def origin(self, name: str) -> Origin:
        """Return where a setting's value comes from."""
        return self.layers.origins.get(name, Origin("default"))

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read all layers. Raises SettingsRefused with everything that is wrong."""
        found = _gather(environment)
        faults = list(found.faults)
        try:
            settings = _Given(**found.values)
        except ValidationError as error:
            misfits = {str(one["loc"][0]): one["type"] for one in error.errors(include_input=False)}
            # What a layer could not give is nothing that was not set: of the rest nobody can tell then.
            rest = None if faults else cls._without(found, misfits)
            faults += [_misfit(name, fault_type, found) for name, fault_type in misfits.items()]
            raise SettingsRefused([*found.unknown, *faults], rest=rest, unfit=frozenset(misfits)) from None
        if faults:
            raise SettingsRefused([*found.unknown, *faults])
        return cls(settings, found)

    @classmethod
    def _without(cls, found: Layers, unfit: Collection[str]) -> Self | None:
        values = {name: value for name, value in found.values.items() if name not in unfit}
        try:
            return cls(_Given(**values), found)
        except ValidationError:
            return None


def read(environment: Mapping[str, str] | None = None) -> Reading:
    """Read all layers, of this process's environment unless another is given. Raises SettingsRefused."""
    return Reading.of(current_environment() if environment is None else environment)


def is_secret(name: str) -> bool:
    """Return whether a setting's value is shown to nobody."""
    extra = Settings.model_fields[name].json_schema_extra
    return isinstance(extra, dict) and bool(cast("dict[str, Any]", extra).get("secret"))


def unit_of(name: str) -> str:
    """Return the unit that a setting's name ends in, empty where it has none."""
    last = name.rpartition("_")[2]
    return last if last in _UNITS else ""


def _gather(environment: Mapping[str, str]) -> Layers:
    return gather(environment, names=Settings.model_fields, others=NOT_SETTINGS)


def _misfit(name: str, fault_type: str, found: Layers) -> Fault:
    origin = found.origins.get(name, Origin("default"))
    if fault_type == "value_error" and name in _URLS:
        fault_type = NO_URL
    return misfit(name, Settings.model_fields[name], origin, fault_type=fault_type, unit=unit_of(name))
