"""`healthprotocol config`: what the settings are, where they come from, and whether they can work."""

import difflib
import os
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import typer

from healthprotocol.cli.failures import CommandFailed
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.terminal import JsonFlag, Terminal

_PREFIX = "HP_"

# Variables of ours that are no settings: they belong to the build and the tests.
_NOT_SETTINGS = frozenset({"HP_SHARED_DATA", "HP_CHROMIUM", "HP_BASE_URL", "HP_WEB_OUT", "HP_API"})


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="See and check the settings.")
    group.command(epilog="Example: healthprotocol config show --json")(show)
    group.command(epilog="Example: HP_ENVIRONMENT=production healthprotocol config check")(check)
    app.add_typer(group, name="config")


def show(*, json: JsonFlag = False) -> None:
    """Print every setting with its value and where it comes from. Passwords are not printed."""
    settings = Installation.load().settings
    values = {name: _shown(getattr(settings, name)) for name in type(settings).model_fields}
    sources = {name: "environment" if f"{_PREFIX}{name.upper()}" in os.environ else "default" for name in values}
    document = {name: {"value": values[name], "source": sources[name]} for name in values}
    rows = [(f"{_PREFIX}{name.upper()}", values[name] or "", sources[name]) for name in values]
    Terminal(as_json=json).table(document, ("Variable", "Value", "From"), rows)


def check(*, json: JsonFlag = False) -> None:
    """Check the settings alone, without starting anything; exit code 1 when some cannot work."""
    installation = Installation.load()
    faults = [*unknown_variables(os.environ), *production_faults(installation)]
    if faults:
        raise CommandFailed("; ".join(faults))
    Terminal(as_json=json).result({"faults": []}, "The settings can work.")


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return a line for each variable with our prefix that no setting reads, with the name it may have meant."""
    from healthprotocol.foundation.config.settings import Settings

    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    lines: list[str] = []
    for name in sorted(environment):
        if name.startswith(_PREFIX) and name not in known | _NOT_SETTINGS:
            meant = difflib.get_close_matches(name, known, n=1)
            lines.append(f"{name} is no setting{f'; did you mean {meant[0]}?' if meant else ''}")
    return lines


def production_faults(installation: Installation) -> list[str]:
    """Return a line for each setting that is good enough for a laptop and not for patients."""
    settings = installation.settings
    if not settings.is_production:
        return []
    faults: list[str] = []
    if settings.database_url is None:
        faults.append("HP_DATABASE_URL is not set: the embedded PostgreSQL has no replica and no backups of its own")
    if settings.root_key_file is None:
        faults.append("HP_ROOT_KEY_FILE is not set: the root key must not lie beside the data that it opens")
    return faults


def _shown(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in value)
    text = str(value)
    return _without_password(text) if "://" in text else text


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user_and_host = f"{parts.username}:***@{parts.netloc.rsplit('@', 1)[-1]}"
    return urlunsplit(parts._replace(netloc=user_and_host))
