"""Look at flags, decide about them, and roll them out."""

from healthprotocol.operations.flags.service.deciding import change, kill, revive
from healthprotocol.operations.flags.service.keeping import Keeper
from healthprotocol.operations.flags.service.looking import evaluated, get, history, list_flags, stale
from healthprotocol.operations.flags.service.rollouts import (
    get_rollout,
    pause_rollout,
    resume_rollout,
    roll_back,
    start_rollout,
    stop_rollout,
    watch_rollouts,
)

__all__ = [
    "Keeper",
    "change",
    "evaluated",
    "get",
    "get_rollout",
    "history",
    "kill",
    "list_flags",
    "pause_rollout",
    "resume_rollout",
    "revive",
    "roll_back",
    "stale",
    "start_rollout",
    "stop_rollout",
    "watch_rollouts",
]
