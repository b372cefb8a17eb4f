"""Roll a flag out by stages, for all organisations or for one, and take it back."""

from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from healthprotocol.cli.failures import UsedWrongly
from healthprotocol.cli.flags.reaching import For, Key, Why, builtins, in_transaction
from healthprotocol.cli.terminal import JsonFlag, Terminal

if TYPE_CHECKING:
    from uuid import UUID

    from healthprotocol.foundation.db.transaction import Transaction
    from healthprotocol.operations.flags.model import Rollout, RolloutStage, Step


class Turn(Protocol):
    """An act of the service on a running rollout."""

    async def __call__(self, tx: "Transaction", actor: None, key: str, /, *, reason: str) -> "Rollout": ...


def start(
    key: Key,
    *,
    reason: Why,
    variant: Annotated[str, typer.Option(help="What is rolled out.")] = "on",
    stage: Annotated[
        list[str] | None, typer.Option(help="PERCENTAGE:SECONDS, the last 100; usually 1, 10, 50 and 100.")
    ] = None,
    organisation: For = None,
    json: JsonFlag = False,
) -> None:
    """Begin to roll a variant out; the guard goes on by itself, and back by itself."""
    from healthprotocol.operations.flags import service
    from healthprotocol.operations.flags.model import USUAL_STAGES, Course

    stages = tuple(_stage(one) for one in stage) if stage else USUAL_STAGES
    course = Course(variant=variant, stages=stages)
    rollout = in_transaction(organisation, lambda tx: service.start_rollout(tx, None, key, course, reason=reason))
    Terminal(as_json=json).result(
        _document(rollout, []),
        f"{key}: {variant} for {rollout.percentage:g} % of accounts, for {stages[0].hold_seconds:g} s at least.",
    )


def status(key: Key, *, organisation: For = None, json: JsonFlag = False) -> None:
    """Show the rollout of a flag that runs, or ran last: stage, what both sides did, the scores, every decision."""
    from healthprotocol.operations.flags import service

    rollout, steps = in_transaction(organisation, lambda tx: service.get_rollout(tx, None, key))
    watch, plan = rollout.watch, rollout.plan
    said = f"{rollout.status} ({rollout.why})" if rollout.why else str(rollout.status)
    until = None if rollout.ended_at is not None else rollout.paused_until
    said += ", paused" if until is not None else ""
    stage = f"stage {rollout.stage + 1} of {len(rollout.stages)}, of {'one organisation' if rollout.is_own else 'all'}"
    lines = [
        f"{key}: {said}, {rollout.variant} at {rollout.percentage:g} %, {stage}",
        f"treated  {watch.treated.requests} requests, {watch.treated.errors} failed, {watch.treated.slow} slow",
        f"control  {watch.control.requests} requests, {watch.control.errors} failed, {watch.control.slow} slow",
        f"errors {watch.error_score:.2f}, latency {watch.slow_score:.2f}; rolled back at {plan.threshold:.2f}",
        *(
            []
            if until is None
            else [f"paused until {until:%Y-%m-%d %H:%M} UTC at the longest; then the guard stops it"]
        ),
        *(f"{one.at:%Y-%m-%d %H:%M:%S} {one.act}" for one in steps),
    ]
    Terminal(as_json=json).result(_document(rollout, steps), *lines)


def pause(key: Key, *, reason: Why, organisation: For = None, json: JsonFlag = False) -> None:
    """Have a rollout rest in its stage; the guard goes on watching it, and stops it after 14 days."""
    from healthprotocol.operations.flags import service

    _turn(service.pause_rollout, key, organisation, reason=reason, said="rests in its stage", as_json=json)


def resume(key: Key, *, reason: Why, organisation: For = None, json: JsonFlag = False) -> None:
    """Have a paused rollout go on."""
    from healthprotocol.operations.flags import service

    _turn(service.resume_rollout, key, organisation, reason=reason, said="goes on", as_json=json)


def stop(key: Key, *, reason: Why, organisation: For = None, json: JsonFlag = False) -> None:
    """End a rollout: nobody is treated any more. The flag is not killed."""
    from healthprotocol.operations.flags import service

    _turn(service.stop_rollout, key, organisation, reason=reason, said="is stopped", as_json=json)


def back(key: Key, *, reason: Why, organisation: For = None, json: JsonFlag = False) -> None:
    """End a rollout as its guard would: the flag is killed until `flags revive`."""
    from healthprotocol.operations.flags import service

    _turn(service.roll_back, key, organisation, reason=reason, said="is rolled back, the flag is killed", as_json=json)


def _turn(turn: Turn, key: str, organisation: "UUID | None", *, reason: str, said: str, as_json: bool) -> None:
    rollout = in_transaction(organisation, lambda tx: turn(tx, None, key, reason=reason))
    Terminal(as_json=as_json).result(_document(rollout, []), f"{key}: the rollout {said}.")


def _stage(text: str) -> "RolloutStage":
    from healthprotocol.operations.flags.model import RolloutStage

    percentage, _, seconds = text.partition(":")
    try:
        return RolloutStage(percentage=float(percentage), hold_seconds=float(seconds))
    except ValueError:
        raise UsedWrongly(f"--stage takes PERCENTAGE:SECONDS, such as 10:3600, not {text}") from None


def _document(rollout: "Rollout", steps: "list[Step]") -> Any:
    until = builtins(rollout.paused_until)
    return {
        **builtins(rollout),
        "percentage": rollout.percentage,
        "paused_until": until,
        "steps": builtins(steps),
    }
