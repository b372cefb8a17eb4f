"""End a rollout, whoever ends it."""

from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.operations.flags.model import Rollout, RolloutStatus
from healthprotocol.operations.flags.repository import rollouts
from healthprotocol.operations.flags.rules import advancing


async def end(tx: Transaction, rollout: Rollout, status: RolloutStatus, act: str) -> None:
    """Keep how a rollout ended, and on what evidence; what becomes of its flag is the caller's."""
    rollout.status, rollout.ended_at = status, tx.now
    await rollouts.save(tx, rollout)
    await rollouts.add_step(tx, rollout, act, advancing.evidence(rollout))


async def end_for_kill(tx: Transaction, rollout: Rollout, *, reason: str) -> None:
    """End the running rollout of a flag that is being killed."""
    rollout.reason = reason
    await end(tx, rollout, RolloutStatus.STOPPED, "killed")
