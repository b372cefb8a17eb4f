"""Settings, typed, read once at start from the environment (`HP_…`) and from files whose paths it names."""

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Environment = Literal["development", "test", "staging", "production"]


class Settings(BaseSettings):
    """
    Everything an operator may choose. Each field is the environment variable `HP_` + its name in capitals.

    `database_url` None means the embedded server in `data_dir`. `root_key_file` None means `data_dir/keys/root.key`.
    Raises pydantic.ValidationError naming the variable when one does not fit.
    """

    model_config = SettingsConfigDict(env_prefix="HP_", extra="ignore", frozen=True)

    environment: Environment = "development"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    operations_port: int = Field(default=9000, ge=0, le=65535)
    data_dir: Path = Path("var")
    database_url: str | None = None
    redis_url: str | None = None
    workers: int = Field(default=1, ge=1, le=64)
    root_key_file: Path | None = None
    web_dir: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    pool_size: int = Field(default=30, ge=1, le=500, description="Most connections that a process lends at once.")
    pool_wait_seconds: float = Field(default=2.0, gt=0, le=60, description="How long one waits for a connection.")
    pool_processes: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Processes that share PostgreSQL's connections; by default those of this machine.",
    )
    pool_leak_seconds: float = Field(
        default=120.0, ge=10, le=3600, description="A connection held so long without a statement is taken back."
    )
    statement_timeout_seconds: float = Field(default=5.0, gt=0, le=600)
    job_statement_timeout_seconds: float = Field(default=60.0, gt=0, le=3600)

    upload_limit_bytes: int = Field(
        default=512 * 1024 * 1024,
        ge=1024,
        le=8 * 1024 * 1024 * 1024,
        description="How large a file to bring in may be, unpacked.",
    )
    file_keep_hours: int = Field(
        default=168, ge=1, le=720, description="How long uploads, reports of faults and exports are kept, sealed."
    )

    session_idle_minutes: int = Field(default=15, ge=5, le=720)
    subject_session_idle_minutes: int = Field(default=30, ge=5, le=720)
    session_absolute_hours: int = Field(default=12, ge=1, le=24)
    public_origins: tuple[str, ...] = ()

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
