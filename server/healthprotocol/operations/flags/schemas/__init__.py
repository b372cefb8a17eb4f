"""The wire shapes of flags."""

from healthprotocol.operations.flags.schemas.asked import Because, ChangeFlag, StaleQuery, StartRollout
from healthprotocol.operations.flags.schemas.flags import (
    EvaluatedOut,
    FlagOut,
    FlagsOut,
    HistoryOut,
    StaleFlagsOut,
    flag,
    flags,
    history,
    stale,
)
from healthprotocol.operations.flags.schemas.rollouts import WatchedRolloutOut, watched

__all__ = [
    "Because",
    "ChangeFlag",
    "EvaluatedOut",
    "FlagOut",
    "FlagsOut",
    "HistoryOut",
    "StaleFlagsOut",
    "StaleQuery",
    "StartRollout",
    "WatchedRolloutOut",
    "flag",
    "flags",
    "history",
    "stale",
    "watched",
]
