"""`healthprotocol doctor`: looks at everything that a start needs, and says what to do about what is wrong."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.installation import Installation, require_reachable
from healthprotocol.cli.ports import is_free
from healthprotocol.cli.safety import advice_on_settings, faults_of_database
from healthprotocol.cli.terminal import JsonFlag, Terminal
from healthprotocol.cli.unsafe_settings import unsafe_settings
from healthprotocol.foundation.processes import LockFile

if TYPE_CHECKING:
    import asyncpg

_LEAST_FREE_BYTES = 500_000_000
_OLDEST_POSTGRESQL, _NEWEST_POSTGRESQL = 15, 18


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at. `remedy` is what to do when it is not well."""

    name: str
    is_well: bool
    detail: str
    remedy: str = ""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: healthprotocol doctor --json")(doctor)


def doctor(*, json: JsonFlag = False) -> None:
    """Look at settings, folders, ports, keys, the web app and the database; exit code 1 when something is wrong."""
    installation = Installation.load()
    looks: tuple[Callable[[Installation], list[Finding]], ...] = (
        _settings,
        _programs,
        _data_directory,
        _port,
        _root_key,
        _web_app,
        _database,
    )
    findings = [finding for look in looks for finding in _look(look, installation)]
    terminal = Terminal(as_json=json)
    rows = [
        ("✓" if found.is_well else "✗", found.name, found.detail if found.is_well else found.remedy)
        for found in findings
    ]
    terminal.table({"findings": [msgspec.to_builtins(found) for found in findings]}, ("", "Looked at", ""), rows)
    if not all(found.is_well for found in findings):
        raise typer.Exit(1)


def _look(look: Callable[[Installation], list[Finding]], installation: Installation) -> list[Finding]:
    """Look at one thing; a look that fails is a finding, and does not keep the others from being made."""
    try:
        return look(installation)
    except Exception as error:  # noqa: BLE001 - a doctor who dies at the first wound helps nobody
        name = look.__name__.strip("_").replace("_", " ")
        return [Finding(name, False, "", str(error) if isinstance(error, CommandFailed) else type(error).__name__)]


def _settings(installation: Installation) -> list[Finding]:
    faults = [
        str(fault)
        for fault in (
            *installation.layers.unknown,
            *unsafe_settings(installation.settings, installation.layers),
        )
    ]
    advice = [f"to be better: {one}" for one in advice_on_settings(installation)]
    detail = "; ".join([f"{installation.settings.environment}, data in {installation.data_dir}", *advice])
    return [Finding("settings", not faults, detail, "; ".join(faults))]


def _programs(installation: Installation) -> list[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    findings = [Finding("Python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")]
    if installation.is_embedded:
        from healthprotocol.foundation.db.embedded import EmbeddedServer

        findings.append(Finding("embedded PostgreSQL", True, EmbeddedServer.version()))
    return findings


def _data_directory(installation: Installation) -> list[Finding]:
    folder = installation.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return [
        Finding("data directory", os.access(folder, os.W_OK), str(installation.data_dir), f"{folder} is not writable"),
        Finding("disk", free > _LEAST_FREE_BYTES, f"{free / 1e9:.1f} GB free", "less than 0.5 GB is free: make room"),
    ]


def _port(installation: Installation) -> list[Finding]:
    settings = installation.settings
    lock = LockFile(installation.data_dir / "healthprotocol.lock")
    if installation.data_dir.exists() and lock.is_held():
        return [Finding("port", True, f"running on {lock.read().get('url')}")]
    remedy = f"port {settings.port} is taken by another program: choose another HP_PORT"
    return [Finding("port", is_free(settings.host, settings.port), f"{settings.port} is free", remedy)]


def _root_key(installation: Installation) -> list[Finding]:
    from healthprotocol.foundation.crypto.errors import RootKeyRefused
    from healthprotocol.foundation.crypto.root import LocalRootKey

    path = installation.settings.root_key_path
    if not path.exists() and not installation.settings.is_production:
        return [Finding("root key", True, "made at the first start")]
    try:
        LocalRootKey.load(
            path,
            inside_checkout=not installation.settings.is_production,
            environment=installation.settings.environment,
        )
    except RootKeyRefused as error:
        return [Finding("root key", False, "", str(error))]
    return [Finding("root key", True, str(path))]


def _web_app(installation: Installation) -> list[Finding]:
    from pathlib import Path

    folder = installation.settings.web_dir or Path(__file__).resolve().parents[1] / "web"
    remedy = "the web app is not built: run `make web` in the checkout, or install the wheel"
    return [Finding("web app", (folder / "pack.json").is_file(), str(folder), remedy)]


def _database(installation: Installation) -> list[Finding]:
    from healthprotocol.foundation.db import migrate

    if installation.is_embedded and not (installation.data_dir / "postgresql").exists():
        return [Finding("database", True, "made at the first start")]
    with installation.database_url() as url:
        require_reachable(url)
        status = asyncio.run(migrate.status(url))
        findings = [_schema(status.current, status.pending)]
        if not status.pending:
            findings += asyncio.run(_ask(installation.application_url(url)))
            faults = [str(fault) for fault in asyncio.run(faults_of_database(url, installation))]
            findings.append(Finding("safety of the database", not faults, "good enough", "; ".join(faults)))
    return findings


def _schema(current: str | None, pending: tuple[str, ...]) -> Finding:
    remedy = f"{len(pending)} migrations are to come: run `healthprotocol migrate up`"
    return Finding("schema", not pending, f"revision {current}", remedy)


async def _ask(url: str) -> list[Finding]:
    import asyncpg

    connection = await asyncpg.connect(url, timeout=5)
    try:
        return [await _version(connection), await _rights(connection)]
    finally:
        await connection.close()


async def _version(connection: "asyncpg.Connection[Any]") -> Finding:
    number = int(await connection.fetchval("show server_version_num")) // 10_000
    remedy = f"PostgreSQL {number} is not supported: use {_OLDEST_POSTGRESQL} to {_NEWEST_POSTGRESQL}"
    is_well = _OLDEST_POSTGRESQL <= number <= _NEWEST_POSTGRESQL
    return Finding("PostgreSQL", is_well, await connection.fetchval("show server_version"), remedy)


async def _rights(connection: "asyncpg.Connection[Any]") -> Finding:
    row = await connection.fetchrow(
        "select rolsuper or rolbypassrls as above from pg_roles where rolname = current_user"
    )
    remedy = "the application's role is above row-level security: run `healthprotocol migrate up`"
    return Finding("rights", not (row and row["above"]), "row-level security holds for the application", remedy)
