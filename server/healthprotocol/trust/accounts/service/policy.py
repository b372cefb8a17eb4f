"""The limits of sessions and of guessing, as they are chosen now."""

from datetime import timedelta
from typing import Any

import msgspec

from healthprotocol.foundation.config.runtime import value_everywhere, value_of
from healthprotocol.foundation.db.transaction import Database, Transaction
from healthprotocol.trust.accounts.model import (
    FREE_ATTEMPTS,
    LONGEST_SESSION_HOURS,
    LONGEST_WAIT_SECONDS,
    MOST_SESSIONS,
    PATIENT_IDLE_MINUTES,
    STAFF_IDLE_MINUTES,
    SessionPolicy,
)
from healthprotocol.trust.accounts.rules.attempts import PERSON, Lane

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


def usual_choices(usual: SessionPolicy) -> dict[str, Any]:
    """Return what holds, by the names of settings, while nobody chose otherwise: what the process was started with."""
    return {
        STAFF_IDLE_MINUTES.name: usual.staff_idle // _MINUTE,
        PATIENT_IDLE_MINUTES.name: usual.patient_idle // _MINUTE,
        LONGEST_SESSION_HOURS.name: usual.absolute // _HOUR,
        MOST_SESSIONS.name: usual.most_sessions,
    }


def policy_of(tx: Transaction, usual: SessionPolicy) -> SessionPolicy:
    """Return the limits that the transaction's organisation chose; `usual` where a process has no runtime settings."""
    return SessionPolicy(
        staff_idle=_MINUTE * value_of(tx, STAFF_IDLE_MINUTES, otherwise=usual.staff_idle // _MINUTE),
        patient_idle=_MINUTE * value_of(tx, PATIENT_IDLE_MINUTES, otherwise=usual.patient_idle // _MINUTE),
        absolute=_HOUR * value_of(tx, LONGEST_SESSION_HOURS, otherwise=usual.absolute // _HOUR),
        most_sessions=value_of(tx, MOST_SESSIONS, otherwise=usual.most_sessions),
    )


def person_lane(database: Database) -> Lane:
    """Return the limit on one person's wrong passwords that holds in the installation now."""
    return msgspec.structs.replace(
        PERSON,
        free=value_everywhere(database, FREE_ATTEMPTS),
        longest_seconds=float(value_everywhere(database, LONGEST_WAIT_SECONDS)),
    )
