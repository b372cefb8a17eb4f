"""`healthprotocol flags`: decide about feature flags, for all organisations or for one; roll them out, and back."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer

from healthprotocol.cli.decided import state_in_words
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.installation import Installation
from healthprotocol.cli.terminal import JsonFlag, Terminal

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Transaction
    from healthprotocol.foundation.flags.model import Rule
    from healthprotocol.operations.flags.model import Change, Rollout, RolloutStage, Seen, Step

T = TypeVar("T")
_KINDS = frozenset({"organisation", "role", "account", "percentage", "organisations", "from", "until"})

Key = Annotated[str, typer.Argument(help="The flag, such as lists.cost-guard.")]
For = Annotated[
    UUID | None, typer.Option("--organisation", help="For this organisation only; without it for all of them.")
]
Why = Annotated[str, typer.Option("--reason", help="Why, for whoever reads the history.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(no_args_is_help=True, help="Look at feature flags, decide about them, roll them out.")
    group.command("list", epilog="Example: healthprotocol flags list --json")(list_flags)
    group.command(epilog="Example: healthprotocol flags show lists.cost-guard")(show)
    group.command("set", epilog="Example: healthprotocol flags set lists.cost-guard off --reason 'Refuses too much.'")(
        set_default
    )
    group.command(
        epilog="Example: healthprotocol flags target lists.cost-guard off --to role=admin --to percentage=9 --reason A"
    )(target)
    group.command(
        # What it needs would be named behind it; naming none takes all away.
        epilog="Example: healthprotocol flags require lists.cost-guard --reason 'Needs no other.'"
    )(require)
    group.command(epilog="Example: healthprotocol flags kill lists.cost-guard --reason 'Lists fail.'")(kill)
    group.command(epilog="Example: healthprotocol flags revive lists.cost-guard --reason 'Mended in 1.4.'")(revive)
    group.command(epilog="Example: healthprotocol flags stale --days 60 --check")(stale)
    group.command(epilog="Example: healthprotocol flags history lists.cost-guard --json")(history)
    rollout = typer.Typer(no_args_is_help=True, help="Give a variant to more and more accounts, watched by a guard.")
    rollout.command(
        "start",
        epilog="Example: healthprotocol flags rollout start lists.cost-guard --variant off --stage 1:1800 "
        "--stage 10:3600 --stage 100:3600 --reason 'Release 1.4.'",
    )(start_rollout)
    rollout.command("status", epilog="Example: healthprotocol flags rollout status lists.cost-guard --json")(
        rollout_status
    )
    rollout.command("stop", epilog="Example: healthprotocol flags rollout stop lists.cost-guard --reason 'Not now.'")(
        stop_rollout
    )
    group.add_typer(rollout, name="rollout")
    app.add_typer(group, name="flags")


def list_flags(*, organisation: For = None, json: JsonFlag = False) -> None:
    """List all flags with what they give where nobody is named, and what should be looked at."""
    from healthprotocol.operations.flags import service

    seen = _in_transaction(organisation, lambda tx: service.list_flags(tx, None))
    rows = [(one.flag.key, one.decision.variant, one.decision.cause, _state(one), ", ".join(one.marks)) for one in seen]
    columns = ("Flag", "Gives", "Because", "Decided", "Look at it")
    Terminal(as_json=json).table([_document(one, organisation) for one in seen], columns, rows)


def show(key: Key, *, organisation: For = None, json: JsonFlag = False) -> None:
    """Show one flag: how it is declared, what is decided, what it gives."""
    from healthprotocol.operations.flags import service

    _say(_in_transaction(organisation, lambda tx: service.get(tx, None, key)), organisation, as_json=json)


def set_default(
    key: Key,
    variant: Annotated[str, typer.Argument(help="For whom no rule matches; `inherit` leaves it to what is above.")],
    *,
    reason: Why,
    organisation: For = None,
    json: JsonFlag = False,
) -> None:
    """Choose the variant for everybody whom no rule names."""
    from healthprotocol.operations.flags.model import Change

    _change(key, Change(default=None if variant == "inherit" else variant), organisation, reason=reason, as_json=json)


def target(
    key: Key,
    variant: Annotated[str, typer.Argument(help="What they are given; `nobody` takes all rules away.")],
    *,
    reason: Why,
    organisation: For = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            help="organisation=ID, role=NAME, account=ID, percentage=0-100, organisations=0-100 (per cent of them), "
            "from=INSTANT, until=INSTANT; may be said often, all kinds must hold."
        ),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Add a rule behind those that there are."""
    from healthprotocol.operations.flags import service
    from healthprotocol.operations.flags.model import Change

    if not to and variant != "nobody":
        raise UsedWrongly("Say for whom with --to, such as --to role=admin; --to percentage=100 is every account.")
    rule = _rule(variant, to or [])

    async def act(tx: "Transaction") -> "Seen":
        before = await service.get(tx, None, key)
        state = (before.installation if organisation is None else before.own).state
        rules = () if variant == "nobody" else (*state.rules, rule)
        return await service.change(tx, None, key, Change(rules=rules), reason=reason)

    _say(_in_transaction(organisation, act), organisation, as_json=json)


def require(
    key: Key,
    other: Annotated[
        list[str] | None, typer.Argument(help="Flags that must be on; none takes requirements away.")
    ] = None,
    *,
    reason: Why,
    organisation: For = None,
    json: JsonFlag = False,
) -> None:
    """Have a flag be off wherever another is not on."""
    from healthprotocol.foundation.flags.model import Requirement
    from healthprotocol.operations.flags.model import Change

    asked = Change(requires=tuple(Requirement(key=one) for one in other or ()))
    _change(key, asked, organisation, reason=reason, as_json=json)


def kill(key: Key, *, reason: Why, organisation: For = None, json: JsonFlag = False) -> None:
    """Turn a flag off at once, whatever is decided about it; every process follows within a second."""
    from healthprotocol.operations.flags import service

    _say(
        _in_transaction(organisation, lambda tx: service.kill(tx, None, key, reason=reason)), organisation, as_json=json
    )


def revive(key: Key, *, reason: Why, organisation: For = None, json: JsonFlag = False) -> None:
    """Undo a kill: what was decided before holds again. A rollout that it ended stays ended."""
    from healthprotocol.operations.flags import service

    _say(
        _in_transaction(organisation, lambda tx: service.revive(tx, None, key, reason=reason)),
        organisation,
        as_json=json,
    )


def stale(
    *,
    days: Annotated[int, typer.Option(min=1, help="Stale is what has stood still for so long.")] = 30,
    check: Annotated[bool, typer.Option("--check", help="Exit code 1 when there is any.")] = False,
    json: JsonFlag = False,
) -> None:
    """Name the flags that nobody may need any more, and why."""
    from healthprotocol.operations.flags import service

    found = _in_transaction(None, lambda tx: service.stale(tx, None, days=days))
    rows = [(one.key, one.owner or "-", text) for one in found for text in one.marks.values()]
    Terminal(as_json=json).table(_builtins(found), ("Flag", "Owner", "Why"), rows)
    if check and found:
        raise CommandFailed(f"{len(found)} flags should be looked at")


def history(key: Key, *, organisation: For = None, json: JsonFlag = False) -> None:
    """List the latest changes of a flag, newest first: who, when, what, before and after, why."""
    from healthprotocol.operations.flags import service

    versions = _in_transaction(organisation, lambda tx: service.history(tx, None, key))
    rows = [
        (
            f"{one.changed_at:%Y-%m-%d %H:%M:%S}",
            one.act,
            one.changed_as,
            "one" if one.is_own else "all",
            state_in_words(one.before),
            state_in_words(one.after),
            one.reason,
        )
        for one in versions
    ]
    columns = ("When (UTC)", "What", "Who", "For", "Before", "After", "Why")
    Terminal(as_json=json).table(_builtins(versions), columns, rows)


def start_rollout(
    key: Key,
    *,
    reason: Why,
    variant: Annotated[str, typer.Option(help="What is rolled out.")] = "on",
    stage: Annotated[
        list[str] | None, typer.Option(help="PERCENTAGE:SECONDS, the last 100; usually 1, 10, 50 and 100.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Begin to roll a variant out to all organisations; the guard goes on by itself, and back by itself."""
    from healthprotocol.operations.flags import service
    from healthprotocol.operations.flags.model import USUAL_STAGES

    stages = tuple(_stage(one) for one in stage) if stage else USUAL_STAGES
    rollout = _in_transaction(None, lambda tx: service.start_rollout(tx, key, variant, stages=stages, reason=reason))
    Terminal(as_json=json).result(
        _rollout_document(rollout, []),
        f"{key}: {variant} for {rollout.percentage:g} % of accounts, for {stages[0].hold_seconds:g} s at least.",
    )


def rollout_status(key: Key, *, json: JsonFlag = False) -> None:
    """Show the latest rollout of a flag: stage, what both sides did, the scores, every decision."""
    from healthprotocol.operations.flags import service

    rollout, steps = _in_transaction(None, lambda tx: service.get_rollout(tx, None, key))
    watch, plan = rollout.watch, rollout.plan
    status = f"{rollout.status} ({rollout.why})" if rollout.why else rollout.status
    stage = f"stage {rollout.stage + 1} of {len(rollout.stages)}"
    lines = [
        f"{key}: {status}, {rollout.variant} at {rollout.percentage:g} %, {stage}",
        f"treated  {watch.treated.requests} requests, {watch.treated.errors} failed, {watch.treated.slow} slow",
        f"control  {watch.control.requests} requests, {watch.control.errors} failed, {watch.control.slow} slow",
        f"errors {watch.error_score:.2f}, latency {watch.slow_score:.2f}; rolled back at {plan.threshold:.2f}",
        *(f"{one.at:%Y-%m-%d %H:%M:%S} {one.act}" for one in steps),
    ]
    Terminal(as_json=json).result(_rollout_document(rollout, steps), *lines)


def stop_rollout(key: Key, *, reason: Why, json: JsonFlag = False) -> None:
    """End a rollout: nobody is treated any more. The flag is not killed."""
    from healthprotocol.operations.flags import service

    rollout = _in_transaction(None, lambda tx: service.stop_rollout(tx, key, reason=reason))
    Terminal(as_json=json).result(_rollout_document(rollout, []), f"{key}: the rollout is stopped.")


def _change(key: str, asked: "Change", organisation: UUID | None, *, reason: str, as_json: bool) -> None:
    from healthprotocol.operations.flags import service

    seen = _in_transaction(organisation, lambda tx: service.change(tx, None, key, asked, reason=reason))
    _say(seen, organisation, as_json=as_json)


def _in_transaction(organisation: UUID | None, act: "Callable[[Transaction], Awaitable[T]]") -> T:
    """Run an act as the operator, in the organisation, None for the installation."""
    from healthprotocol.foundation.ids import INSTALLATION, OrganisationId

    tenant = INSTALLATION if organisation is None else OrganisationId(organisation)
    installation = Installation.load()
    with installation.database_url() as url:
        os.environ.update(installation.child_environment(HP_DATABASE_URL=installation.application_url(url)))
        return asyncio.run(_assembled(tenant, act))


async def _assembled(tenant: Any, act: "Callable[[Transaction], Awaitable[T]]") -> T:
    from healthprotocol.assembly import assemble
    from healthprotocol.foundation.config.settings import Settings

    parts = await assemble(Settings())
    try:
        await parts.keeper.tables.load(tenant)
        async with parts.database.transaction(tenant) as tx:
            return await act(tx)
    finally:
        await parts.close()


def _rule(variant: str, conditions: list[str]) -> "Rule":
    from datetime import UTC

    from healthprotocol.foundation.flags.model import Rule, StickyBy
    from healthprotocol.trust.permissions.model import Role

    said: dict[str, list[str]] = {}
    for condition in conditions:
        kind, _, value = condition.partition("=")
        said.setdefault(kind, []).append(value)
    if unknown := said.keys() - _KINDS:
        raise UsedWrongly(f"--to knows {', '.join(sorted(_KINDS))}, not {min(unknown)}")
    if strangers := set(said.get("role", ())) - set(Role):
        raise UsedWrongly(f"There is no role {min(strangers)}; there are {', '.join(Role)}")
    shares = said.get("percentage") or said.get("organisations")

    def instant(kind: str) -> datetime | None:
        if kind not in said:
            return None
        read = datetime.fromisoformat(said[kind][-1])
        return read if read.tzinfo else read.replace(tzinfo=UTC)

    try:
        return Rule(
            variant=variant,
            organisations=tuple(UUID(one) for one in said.get("organisation", ())),
            roles=tuple(said.get("role", ())),
            accounts=tuple(UUID(one) for one in said.get("account", ())),
            percentage=float(shares[-1]) if shares else None,
            sticky_by=StickyBy.ORGANISATION if "organisations" in said else StickyBy.ACCOUNT,
            from_at=instant("from"),
            until_at=instant("until"),
        )
    except ValueError:
        raise UsedWrongly("--to takes ids, numbers and instants such as 2026-12-01T08:00:00Z") from None


def _stage(text: str) -> "RolloutStage":
    from healthprotocol.operations.flags.model import RolloutStage

    percentage, _, seconds = text.partition(":")
    try:
        return RolloutStage(percentage=float(percentage), hold_seconds=float(seconds))
    except ValueError:
        raise UsedWrongly(f"--stage takes PERCENTAGE:SECONDS, such as 10:3600, not {text}") from None


def _say(seen: "Seen", organisation: UUID | None, *, as_json: bool) -> None:
    flag = seen.flag
    until = "stays" if flag.ends_on is None else f"to be gone by {flag.ends_on}"
    lines = [
        f"{flag.key} ({flag.kind}: {', '.join(flag.variants)}) - {flag.description}",
        f"owner {flag.owner}, made on {flag.created_on}, {until}",
        f"gives {seen.decision.variant} ({seen.decision.cause}); {_state(seen)}",
        *seen.marks.values(),
    ]
    Terminal(as_json=as_json).result(_document(seen, organisation), *lines)


def _state(seen: "Seen") -> str:
    stored = seen.own if seen.own.revision else seen.installation
    return state_in_words(stored.state)


def _document(seen: "Seen", organisation: UUID | None) -> Any:
    document = _builtins(seen)
    document["organisation_id"] = str(organisation) if organisation else None
    document.pop("rollout")
    return document


def _rollout_document(rollout: "Rollout", steps: "list[Step]") -> Any:
    return {**_builtins(rollout), "percentage": rollout.percentage, "steps": _builtins(steps)}


def _builtins(value: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(value)
