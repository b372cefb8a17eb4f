"""Flags over HTTP: what is decided for one's own organisation, and what holds for all."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from healthprotocol.api.gate import Gate
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.operations.flags import schemas, service
from healthprotocol.operations.flags.model import Rollout, Seen, Step
from healthprotocol.trust.permissions.model import Permission

declare = Declare("flags")
_FLAGS = "/api/v1/flags"
_FLAG = "/api/v1/flags/{flag_key:str}"
_ROLLOUT = f"{_FLAG}/rollout"

Watched = tuple[Rollout, list[Step]]


class Turn(Protocol):
    """An act on the running rollout of a flag."""

    async def __call__(self, tx: Transaction, actor: Actor, key: str, /, *, reason: str) -> Rollout: ...


@declare.get(_FLAGS, policy=Permission.SETTING_READ, returns=schemas.FlagsOut, summary="List all flags")
async def list_flags(gate: Gate) -> Answer:
    tenant = gate.actor.organisation_id
    return await gate.read(lambda tx: service.list_flags(tx, gate.actor), lambda seen: schemas.flags(seen, tenant))


@declare.get(
    f"{_FLAGS}/evaluated",
    policy=Permission.SESSION_OWN,
    returns=schemas.EvaluatedOut,
    summary="Read what the flags of clients give you",
)
async def read_evaluated_flags(gate: Gate) -> Answer:
    return await gate.read(service.evaluated, lambda values: schemas.EvaluatedOut(values=values))


@declare.get(
    f"{_FLAGS}/stale",
    policy=Permission.SETTING_READ,
    query=schemas.StaleQuery,
    returns=schemas.StaleFlagsOut,
    summary="List the flags that nobody may need any more",
)
async def list_stale_flags(gate: Gate) -> Answer:
    query = gate.query(schemas.StaleQuery)
    return await gate.read(lambda tx: service.stale(tx, gate.actor, days=query.days), schemas.stale)


@declare.get(_FLAG, policy=Permission.SETTING_READ, returns=schemas.FlagOut, summary="Read a flag")
async def read_flag(gate: Gate, flag_key: str) -> Answer:
    tenant = gate.actor.organisation_id
    return await gate.read(lambda tx: service.get(tx, gate.actor, flag_key), lambda seen: schemas.flag(seen, tenant))


@declare.patch(
    _FLAG,
    policy=Permission.SETTING_WRITE,
    body=schemas.ChangeFlag,
    returns=schemas.FlagOut,
    summary="Decide about a flag for one's organisation",
)
async def change_flag(gate: Gate, flag_key: str) -> Answer:
    revision = gate.expected_revision()
    asked = await gate.body(schemas.ChangeFlag)
    return await _decide(
        gate,
        lambda tx: service.change(
            tx, gate.actor, flag_key, asked.change(), reason=asked.reason, expected_revision=revision
        ),
    )


@declare.post(
    f"{_FLAG}/kill",
    policy=Permission.SETTING_WRITE,
    body=schemas.Because,
    returns=schemas.FlagOut,
    summary="Turn a flag off for one's organisation, whatever is decided about it",
)
async def kill_flag(gate: Gate, flag_key: str) -> Answer:
    because = await gate.body(schemas.Because)
    return await _decide(gate, lambda tx: service.kill(tx, gate.actor, flag_key, reason=because.reason))


@declare.post(
    f"{_FLAG}/revive",
    policy=Permission.SETTING_WRITE,
    body=schemas.Because,
    returns=schemas.FlagOut,
    summary="Undo a kill of one's organisation",
)
async def revive_flag(gate: Gate, flag_key: str) -> Answer:
    because = await gate.body(schemas.Because)
    return await _decide(gate, lambda tx: service.revive(tx, gate.actor, flag_key, reason=because.reason))


@declare.get(
    f"{_FLAG}/history",
    policy=Permission.SETTING_READ,
    returns=schemas.HistoryOut,
    summary="List the changes of a flag",
)
async def read_flag_history(gate: Gate, flag_key: str) -> Answer:
    tenant = gate.actor.organisation_id
    return await gate.read(
        lambda tx: service.history(tx, gate.actor, flag_key), lambda versions: schemas.history(versions, tenant)
    )


@declare.get(
    _ROLLOUT,
    policy=Permission.SETTING_READ,
    returns=schemas.WatchedRolloutOut,
    summary="Read the latest gradual rollout of a flag, with its evidence",
)
async def read_flag_rollout(gate: Gate, flag_key: str) -> Answer:
    return await gate.read(
        lambda tx: service.get_rollout(tx, gate.actor, flag_key), lambda found: schemas.watched(*found)
    )


@declare.post(
    _ROLLOUT,
    policy=Permission.SETTING_WRITE,
    body=schemas.StartRollout,
    returns=schemas.WatchedRolloutOut,
    status=201,
    summary="Begin a gradual rollout of a flag to the accounts of one's organisation, watched by its guard",
)
async def start_flag_rollout(gate: Gate, flag_key: str) -> Answer:
    wanted = await gate.body(schemas.StartRollout)

    async def act(tx: Transaction) -> Watched:
        await service.start_rollout(tx, gate.actor, flag_key, wanted.course(), reason=wanted.reason)
        return await service.get_rollout(tx, gate.actor, flag_key)

    where = {"location": _ROLLOUT.replace("{flag_key:str}", flag_key)}
    return await gate.write(act, lambda found: schemas.watched(*found), headers=lambda _found: where)


@declare.post(
    f"{_ROLLOUT}/pause",
    policy=Permission.SETTING_WRITE,
    body=schemas.Because,
    returns=schemas.WatchedRolloutOut,
    summary="Have a rollout of one's organisation rest in its stage, still watched, for 14 days at most",
)
async def pause_rollout(gate: Gate, flag_key: str) -> Answer:
    return await _turn(gate, flag_key, service.pause_rollout)


@declare.post(
    f"{_ROLLOUT}/resume",
    policy=Permission.SETTING_WRITE,
    body=schemas.Because,
    returns=schemas.WatchedRolloutOut,
    summary="Have a paused rollout of one's organisation go on",
)
async def resume_rollout(gate: Gate, flag_key: str) -> Answer:
    return await _turn(gate, flag_key, service.resume_rollout)


@declare.post(
    f"{_ROLLOUT}/stop",
    policy=Permission.SETTING_WRITE,
    body=schemas.Because,
    returns=schemas.WatchedRolloutOut,
    summary="End a rollout of one's organisation: nobody is given the variant by it any more",
)
async def stop_rollout(gate: Gate, flag_key: str) -> Answer:
    return await _turn(gate, flag_key, service.stop_rollout)


@declare.post(
    f"{_ROLLOUT}/rollback",
    policy=Permission.SETTING_WRITE,
    body=schemas.Because,
    returns=schemas.WatchedRolloutOut,
    summary="End a rollout of one's organisation and kill the flag, as its guard does",
)
async def roll_back_rollout(gate: Gate, flag_key: str) -> Answer:
    return await _turn(gate, flag_key, service.roll_back)


async def _turn(gate: Gate, flag_key: str, turn: Turn) -> Answer:
    because = await gate.body(schemas.Because)

    async def act(tx: Transaction) -> Watched:
        await turn(tx, gate.actor, flag_key, reason=because.reason)
        return await service.get_rollout(tx, gate.actor, flag_key)

    return await gate.write(act, lambda found: schemas.watched(*found))


async def _decide(gate: Gate, act: Callable[[Transaction], Awaitable[Seen]]) -> Answer:
    tenant = gate.actor.organisation_id
    return await gate.write(act, lambda seen: schemas.flag(seen, tenant))


ROUTES = [
    list_flags,
    read_evaluated_flags,
    list_stale_flags,
    read_flag,
    change_flag,
    kill_flag,
    revive_flag,
    read_flag_history,
    read_flag_rollout,
    start_flag_rollout,
    pause_rollout,
    resume_rollout,
    stop_rollout,
    roll_back_rollout,
]
