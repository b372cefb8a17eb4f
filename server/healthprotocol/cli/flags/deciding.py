"""Look at flags and decide about them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from healthprotocol.cli.decided import state_in_words
from healthprotocol.cli.failures import CommandFailed, UsedWrongly
from healthprotocol.cli.flags.reaching import For, Key, Why, builtins, in_transaction
from healthprotocol.cli.terminal import JsonFlag, Terminal

if TYPE_CHECKING:
    from healthprotocol.foundation.db.transaction import Transaction
    from healthprotocol.foundation.flags.model import Rule
    from healthprotocol.operations.flags.model import Change, Seen

_KINDS = frozenset({"organisation", "role", "account", "percentage", "organisations", "from", "until"})
_MARKS = {
    "past_end": "past its end",
    "settled": "settled",
    "not_asked_for": "not asked for",
    "unknown_to_database": "never used",
    "not_declared": "gone from the program",
}


def list_flags(*, organisation: For = None, json: JsonFlag = False) -> None:
    """List all flags with what they give where nobody is named, and what should be looked at."""
    from healthprotocol.operations.flags import service

    seen = in_transaction(organisation, lambda tx: service.list_flags(tx, None))
    rows = [
        (
            one.flag.key,
            one.decision.variant,
            one.decision.cause,
            _state(one),
            ", ".join(_MARKS.get(mark, mark) for mark in one.marks),
        )
        for one in seen
    ]
    columns = ("Flag", "Gives", "Because", "Decided", "Look at it")
    Terminal(as_json=json).table([_document(one, organisation) for one in seen], columns, rows)


def show(key: Key, *, organisation: For = None, json: JsonFlag = False) -> None:
    """Show one flag: how it is declared, what is decided, what it gives."""
    from healthprotocol.operations.flags import service

    _say(in_transaction(organisation, lambda tx: service.get(tx, None, key)), organisation, as_json=json)


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

    _say(in_transaction(organisation, act), organisation, as_json=json)


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
        in_transaction(organisation, lambda tx: service.kill(tx, None, key, reason=reason)), organisation, as_json=json
    )


def revive(key: Key, *, reason: Why, organisation: For = None, json: JsonFlag = False) -> None:
    """Undo a kill: what was decided before holds again. A rollout that it ended stays ended."""
    from healthprotocol.operations.flags import service

    _say(
        in_transaction(organisation, lambda tx: service.revive(tx, None, key, reason=reason)),
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

    found = in_transaction(None, lambda tx: service.stale(tx, None, days=days))
    rows = [(one.key, one.owner or "-", text) for one in found for text in one.marks.values()]
    terminal = Terminal(as_json=json)
    if not rows and not json:
        terminal.note("No flag is to be looked at.")
        return
    terminal.table(builtins(found), ("Flag", "Owner", "Why"), rows)
    if check and found:
        raise CommandFailed(f"{len(found)} flags should be looked at")


def history(key: Key, *, organisation: For = None, json: JsonFlag = False) -> None:
    """List the latest changes of a flag, newest first: who, when, what, before and after, why."""
    from healthprotocol.operations.flags import service

    versions = in_transaction(organisation, lambda tx: service.history(tx, None, key))
    rows = [
        (
            f"{one.changed_at:%Y-%m-%d %H:%M:%S}",
            one.act.replace("_", " "),
            one.changed_as,
            "one" if one.is_own else "all",
            state_in_words(one.before),
            state_in_words(one.after),
            one.reason,
        )
        for one in versions
    ]
    terminal = Terminal(as_json=json)
    if not rows and not json:
        terminal.note("Nobody changed it: it is as the program declares it.")
        return
    columns = ("When (UTC)", "What", "Who", "For", "Before", "After", "Why")
    terminal.table(builtins(versions), columns, rows)


def _change(key: str, asked: "Change", organisation: UUID | None, *, reason: str, as_json: bool) -> None:
    from healthprotocol.operations.flags import service

    seen = in_transaction(organisation, lambda tx: service.change(tx, None, key, asked, reason=reason))
    _say(seen, organisation, as_json=as_json)


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
    document = builtins(seen)
    document["organisation_id"] = str(organisation) if organisation else None
    document.pop("rollout")
    return document
