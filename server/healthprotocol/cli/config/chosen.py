"""Settings that are chosen while the platform runs, for the installation or one organisation: set, look back, undo."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer

from healthprotocol.cli.acting import assembled
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.terminal import JsonFlag, Terminal

if TYPE_CHECKING:
    from healthprotocol.assembly import Assembly
    from healthprotocol.foundation.config.runtime_rows import Choice
    from healthprotocol.foundation.config.setting import Setting, Variation
    from healthprotocol.foundation.ids import OrganisationId

T = TypeVar("T")

Organisation = Annotated[
    UUID | None, typer.Option(help="Id of the organisation that it is for; without it, the whole installation.")
]
Reason = Annotated[str, typer.Option(help="Why, in words about the setting; it is kept with the change.")]
Named = Annotated[str, typer.Argument(help="Name of the setting, such as entry.late_days.")]


def set_(
    name: Named,
    value: Annotated[str, typer.Argument(help="The value; `inherit` takes the own choice back.")],
    *,
    reason: Reason,
    organisation: Organisation = None,
    vary: Annotated[
        str | None,
        typer.Option(
            help="Another value and when it holds: '30 from=2026-12-01T00:00Z until=2027-01-01T00:00Z percent=10'."
        ),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Choose a setting. Every process knows within a second; the change is a version that one can go back to."""
    from healthprotocol.foundation.config.runtime import Wish
    from healthprotocol.operations.settings.service import change_as_operator

    _require_chosen(name)

    async def act(assembly: "Assembly") -> "Choice | None":
        setting = assembly.runtime.get(name)
        await _require_there(assembly, organisation)
        wish = Wish(value=_parsed(setting, value), variation=_variation(setting, vary), reason=reason)
        async with assembly.database.transaction(_tenant(organisation)) as tx:
            return await change_as_operator(tx, name, wish)

    _say(Terminal(as_json=json), name, _run(act))


def rollback(
    name: Named,
    *,
    to: Annotated[int, typer.Option("--to", min=0, help="The version that holds again; 0 is before the first.")],
    reason: Reason,
    organisation: Organisation = None,
    json: JsonFlag = False,
) -> None:
    """Choose again what an earlier version said, as a new version."""
    from healthprotocol.operations.settings.service import roll_back_as_operator

    async def act(assembly: "Assembly") -> "Choice | None":
        await _require_there(assembly, organisation)
        async with assembly.database.transaction(_tenant(organisation)) as tx:
            return await roll_back_as_operator(tx, name, to_version=to, reason=reason)

    _say(Terminal(as_json=json), name, _run(act))


def history(name: Named, *, organisation: Organisation = None, json: JsonFlag = False) -> None:
    """Print who changed a setting, when, why and to what, the newest first."""
    from msgspec import to_builtins

    from healthprotocol.foundation.config.runtime_rows import list_versions

    async def act(assembly: "Assembly") -> "list[Choice]":
        assembly.runtime.get(name)
        async with assembly.database.transaction(_tenant(organisation)) as tx:
            return await list_versions(tx, name)

    found = _run(act)
    rows = [
        (
            str(one.version),
            f"{one.changed_at:%Y-%m-%d %H:%M:%S}Z",
            str(one.changed_by or "operator"),
            _words(one),
            one.reason,
        )
        for one in found
    ]
    terminal = Terminal(as_json=json)
    if not rows and not json:
        terminal.note("Nobody changed it.")
        return
    terminal.table(to_builtins(found), ("Version", "When", "Who", "To", "Why"), rows)


def list_(*, organisation: Organisation = None, json: JsonFlag = False) -> None:
    """List what may be chosen while the platform runs: in words, what holds, what fits, and whose choice it is."""
    found = shown_choices(Installation.load(), organisation)
    rows = [
        (name, one["title"], f"{one['value']} {one['unit']}".rstrip(), one["range"], origin_in_words(one))
        for name, one in found.items()
    ]
    Terminal(as_json=json).table(found, ("Setting", "In words", "Value", "Range", "From"), rows)


def origin_in_words(shown: dict[str, Any]) -> str:
    """Return where a value comes from, as one reads it in a table."""
    if shown["source"] == "relaxed":
        return str(shown["where"])
    return " ".join(part for part in (shown["source"], shown["where"]) if part)


def range_in_words(setting: "Setting[Any]") -> str:
    """Return which values fit, such as `5 to 720`; empty when all of the type do."""
    if setting.choices:
        return ", ".join(map(str, setting.choices))
    least, most = (None if bound is None else f"{bound:g}" for bound in (setting.least, setting.most))
    if least is not None and most is not None:
        return f"{least} to {most}"
    return f"at least {least}" if least is not None else f"at most {most}" if most is not None else ""


def shown_choices(installation: Installation, organisation: UUID | None) -> dict[str, dict[str, Any]]:
    """Return every setting that may be chosen, as `config show` prints it. Raises CommandFailed without a database."""
    if installation.is_embedded and not (installation.data_dir / "postgresql" / "postmaster.pid").exists():
        raise CommandFailed("the database does not run")

    async def act(assembly: "Assembly") -> dict[str, dict[str, Any]]:
        runtime, tenant = assembly.runtime, _tenant(organisation)
        await runtime.prepare(tenant)
        now = assembly.database.clock()
        found: dict[str, dict[str, Any]] = {}
        for name, setting in sorted(runtime.registry.items()):
            value, source = runtime.holds(setting, tenant, now=now)
            shown = "set" if setting.is_sensitive else str(value)
            found[name] = {
                "title": setting.title,
                "description": setting.description,
                "value": shown,
                "unit": setting.unit,
                "range": range_in_words(setting),
                "chosen_for": setting.scope,
                "source": source,
                "where": _where(assembly, name, source),
                "needs_restart": False,
            }
        return found

    return _run(act, installation)


def _where(assembly: "Assembly", name: str, source: str) -> str:
    """Return the variable or environment that stands for a choice which nobody made while it runs."""
    if source == "relaxed":
        return f"{assembly.settings.environment} environment"
    return assembly.runtime.usual[name].where if source == "started" else ""


def _run(act: "Callable[[Assembly], Awaitable[T]]", installation: Installation | None = None) -> T:
    loaded = installation or Installation.load()
    with loaded.database_url() as url:
        loaded.require_environment(url)
        settings = loaded.application_settings(url, pool_size=3)

        async def run() -> T:
            async with assembled(settings) as assembly:
                return await act(assembly)

        return asyncio.run(run())


def _say(terminal: Terminal, name: str, choice: "Choice | None") -> None:
    from msgspec import to_builtins

    if choice is None:
        terminal.result({"name": name, "changed": False}, f"{name} is chosen so already; nothing was written.")
        return
    document = to_builtins(choice) | {"changed": True}
    terminal.result(document, f"{choice.name} is {_words(choice)} from now on (version {choice.version}).")


def _words(choice: "Choice") -> str:
    base = "inherited" if choice.value is None else str(choice.value)
    variation = choice.variation
    if variation is None:
        return base
    bounds = [
        f"from {variation.starts_at.isoformat()}" if variation.starts_at else "",
        f"until {variation.ends_at.isoformat()}" if variation.ends_at else "",
        f"for {variation.percent:g} %" if variation.percent is not None else "",
    ]
    return f"{base}, and {variation.value} {' '.join(bound for bound in bounds if bound)}".rstrip()


def _require_chosen(name: str) -> None:
    """Raise UsedWrongly for what a process is started with: it is no setting that is chosen while it runs."""
    from healthprotocol.foundation.config.settings import Settings

    field = name.lower().removeprefix("hp_")
    if field in Settings.model_fields:
        raise UsedWrongly(
            f"HP_{field.upper()} is what a process is started with: give it to the server's environment, or to "
            "HP_CONFIG_FILE, and start it anew; `config list` names what is chosen while it runs"
        )


async def _require_there(assembly: "Assembly", organisation: UUID | None) -> None:
    """Raise CommandFailed when there is no such organisation."""
    from healthprotocol.foundation.errors import NotFound
    from healthprotocol.trust.accounts.service import get_organisation

    if organisation is None:
        return
    try:
        async with assembly.database.transaction(_tenant(organisation)) as tx:
            await get_organisation(tx)
    except NotFound:
        raise CommandFailed(f"there is no organisation {organisation}") from None


def _tenant(organisation: UUID | None) -> "OrganisationId":
    from healthprotocol.foundation.ids import INSTALLATION, OrganisationId

    return INSTALLATION if organisation is None else OrganisationId(organisation)


def _variation(setting: "Setting[Any]", text: str | None) -> "Variation | None":
    """Return what `30 from=… until=… percent=10` means. Raises UsedWrongly."""
    from healthprotocol.foundation.config.setting import Variation

    if text is None:
        return None
    value, *bounds = text.split() or [""]
    given: dict[str, str] = {bound.partition("=")[0]: bound.partition("=")[2] for bound in bounds}
    if unknown := set(given) - {"from", "until", "percent"}:
        raise UsedWrongly(f"--vary takes a value, from=, until= and percent=, not {', '.join(sorted(unknown))}")
    if not given:
        raise UsedWrongly(
            "--vary says when its value holds too, such as '30 percent=10'; what always holds is the value"
        )
    try:
        percent = float(given["percent"]) if "percent" in given else None
        return Variation(
            value=_parsed(setting, value),
            starts_at=_instant(given.get("from")),
            ends_at=_instant(given.get("until")),
            percent=percent,
        )
    except ValueError:
        raise UsedWrongly(
            "--vary: from= and until= take instants such as 2026-12-01T00:00Z, percent= a number"
        ) from None


def _parsed(setting: "Setting[Any]", text: str) -> Any:
    """Return what a word at the terminal means for a setting; `inherit` is None."""
    if text == "inherit":
        return None
    try:
        if setting.kind == "boolean":
            return {"true": True, "false": False}[text.lower()]
        return {"integer": int, "number": float, "text": str}[setting.kind](text)
    except (KeyError, ValueError):
        fitting = range_in_words(setting)
        raise UsedWrongly(
            f"{setting.name} takes a value of type {setting.kind}{f': {fitting}' if fitting else ''}; or `inherit`"
        ) from None


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    given = datetime.fromisoformat(text)
    return given.replace(tzinfo=given.tzinfo or UTC)
