"""Settings that a process is started with: show, check, compare."""

import json as json_module
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit, urlunsplit

import typer

from healthprotocol.cli.config.chosen import Organisation, origin_in_words, shown_choices
from healthprotocol.cli.failures import CommandFailed, FaultsFound, UsedWrongly
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.safety import advice_on_settings, faults_at
from healthprotocol.cli.terminal import JsonFlag, Terminal
from healthprotocol.cli.unsafe_settings import faults_with_misfits, unsafe_settings
from healthprotocol.foundation.config.layers import Origin, variable
from healthprotocol.foundation.config.settings import Settings, SettingsRefused, is_secret, read, unit_of
from healthprotocol.foundation.processes import ProcessIdentity

_RUNNING = "running-settings.json"
_FINGERPRINT_DIGITS = 8

Name = Literal["development", "test", "staging", "production"]


def show(
    *,
    runtime: Annotated[bool, typer.Option(help="Ask the database too, for what was chosen while it runs.")] = True,
    organisation: Organisation = None,
    json: JsonFlag = False,
) -> None:
    """Print every setting: its value, unit, where it comes from, and whether a change needs a restart. No secrets."""
    installation = Installation.load()
    document: dict[str, Any] = {name: {**one, "needs_restart": True} for name, one in described(installation).items()}
    terminal = Terminal(as_json=json)
    if runtime:
        try:
            document |= shown_choices(installation, organisation)
        except CommandFailed as error:
            terminal.note(f"without what is chosen while it runs: {error}")
    rows = [
        (
            variable(name) if one["needs_restart"] else name,
            str(one["value"] if one["value"] is not None else ""),
            one["unit"],
            origin_in_words(one),
            "at a restart" if one["needs_restart"] else "at once",
        )
        for name, one in document.items()
    ]
    terminal.table(document, ("Setting", "Value", "Unit", "From", "A change holds"), rows)


def check(*, json: JsonFlag = False) -> None:
    """Check the settings, and the database if there is one, without starting anything; exit code 1 for any fault."""
    try:
        reading = read()
    except SettingsRefused as refused:
        raise FaultsFound(faults_with_misfits(refused)) from None
    installation = Installation(reading.settings, layers=reading.layers)
    faults = [*installation.layers.unknown, *unsafe_settings(installation.settings, installation.layers)]
    url = installation.settings.database_url
    if url is not None:
        faults += faults_at(url, installation)
    if faults:
        raise FaultsFound(faults)
    advice = [str(one) for one in advice_on_settings(installation)]
    lines = ["The settings can work.", *(f"To be better: {one}" for one in advice)]
    Terminal(as_json=json).result({"faults": [], "advice": advice}, *lines)


def diff(
    *,
    first: Annotated[Name | None, typer.Option("--from", help="Environment whose section of the file is read.")] = None,
    second: Annotated[Name | None, typer.Option("--to", help="Environment to compare it with.")] = None,
    running: Annotated[
        bool, typer.Option("--running", help="Compare what runs from this data directory with what a start would take.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Show what differs between two environments, or between what runs and what is written; secrets by fingerprint."""
    if running == (first is not None) or (first is None) != (second is None):
        raise UsedWrongly("give either --from and --to, or --running")
    if running:
        before, after = _running(Installation.load()), described(Installation.load())
        columns = ("Setting", "Running", "Written")
    else:
        before, after = (_described_as(name) for name in (first, second))
        columns = ("Setting", str(first), str(second))
    document = {
        name: {"from": before[name]["value"], "to": after[name]["value"]}
        for name in after
        if name in before and before[name]["value"] != after[name]["value"]
    }
    rows = [(variable(name), str(one["from"]), str(one["to"])) for name, one in document.items()]
    terminal = Terminal(as_json=json)
    if not rows and not json:
        terminal.result(document, "Nothing differs.")
        return
    terminal.table(document, columns, rows)


def described(installation: Installation) -> dict[str, dict[str, Any]]:
    """Return each setting's value as it may be shown, its unit, and where it comes from."""
    found: dict[str, dict[str, Any]] = {}
    for name in Settings.model_fields:
        origin = installation.layers.origins.get(name, Origin("default"))
        where = "" if origin.where == variable(name) else origin.where
        value = getattr(installation.settings, name)
        shown = _secret(installation, value) if is_secret(name) else _shown(value)
        found[name] = {"value": shown, "unit": unit_of(name), "source": origin.layer, "where": where}
    return found


@contextmanager
def told(installation: Installation) -> Iterator[None]:
    """Leave word in the data directory of what this process was started with, for as long as the block lasts."""
    path = installation.data_dir / _RUNNING
    me = ProcessIdentity.of(os.getpid())
    word = {"pid": os.getpid(), "started_at": me.started_at if me else 0.0, "settings": described(installation)}
    # A data directory that cannot be written to is told of by whoever needs it; this is for comparing alone.
    with suppress(OSError):
        installation.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json_module.dump(word, file)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def _running(installation: Installation) -> dict[str, dict[str, Any]]:
    path: Path = installation.data_dir / _RUNNING
    try:
        word = json_module.loads(path.read_text())
    except (OSError, ValueError):
        raise CommandFailed(f"no server runs from {installation.data_dir}; name its HP_DATA_DIR") from None
    if not ProcessIdentity(int(word["pid"]), float(word["started_at"])).is_alive():
        raise CommandFailed(f"the server that ran from {installation.data_dir} has ended")
    return word["settings"]


def _described_as(environment: Name | None) -> dict[str, dict[str, Any]]:
    try:
        reading = read({**os.environ, "HP_ENVIRONMENT": str(environment)})
    except SettingsRefused as refused:
        raise UsedWrongly(f"{environment}: {refused}") from None
    return described(Installation(reading.settings, layers=reading.layers))


def _secret(installation: Installation, value: str | tuple[str, ...] | None) -> str | None:
    """Return the parts of a secret that may be seen, and a fingerprint that tells equal ones from unequal ones."""
    if value is None:
        return None
    if isinstance(value, tuple):
        return ", ".join(str(_secret(installation, each)) for each in value)
    seen = f"{without_password(value)} " if "://" in value else "set "
    mark = _fingerprint(installation, value)
    return f"{seen}({mark})" if mark else seen.strip()


def _fingerprint(installation: Installation, value: str) -> str:
    """Return a few digits under the root key: without it nobody can try passwords on them."""
    if not installation.settings.root_key_path.exists():
        return ""
    import hmac

    key = installation.root_key.derive("settings", "fingerprint")
    return hmac.new(key, value.encode(), "sha256").hexdigest()[:_FINGERPRINT_DIGITS]


def _shown(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value)
    text = str(value)
    return without_password(text) if "://" in text else text


def without_password(url: str) -> str:
    """Return a URL with *** in the place of its password, and of everything in its query."""
    parts = urlsplit(url)
    netloc = parts.netloc
    if parts.password is not None:
        netloc = f"{parts.username}:***@{parts.netloc.rsplit('@', 1)[-1]}"
    query = "&".join(f"{pair.partition('=')[0]}={_of_query(pair)}" for pair in parts.query.split("&") if pair)
    return urlunsplit(parts._replace(netloc=netloc, query=query))


def _of_query(pair: str) -> str:
    name, _, value = pair.partition("=")
    return value if name in {"sslmode", "application_name", "host", "target_session_attrs"} else "***"
