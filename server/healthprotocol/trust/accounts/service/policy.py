"""The limits of sessions and of guessing, as they are chosen now."""

from datetime import timedelta
from typing import Any

import msgspec

from healthprotocol.foundation.config.layers import variable
from healthprotocol.foundation.config.runtime import Usual, value_everywhere, value_of
from healthprotocol.foundation.config.setting import Setting
from healthprotocol.foundation.config.settings import Settings
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

# Where nobody is treated, nobody is to be signed out in the middle of trying something.
_RELAXED: dict[str, Any] = {STAFF_IDLE_MINUTES.name: 720, MOST_SESSIONS.name: 1_000}
_STARTED = {
    STAFF_IDLE_MINUTES.name: "session_idle_minutes",
    PATIENT_IDLE_MINUTES.name: "subject_session_idle_minutes",
    LONGEST_SESSION_HOURS.name: "session_absolute_hours",
}


def usual_choices(settings: Settings) -> dict[str, Usual]:
    """Return what holds in place of defaults, by the names of settings, while nobody chose while it runs; and why."""
    relaxed = {} if settings.is_production else {name: Usual(value, "relaxed") for name, value in _RELAXED.items()}
    started = {
        name: Usual(getattr(settings, given), "started", variable(given))
        for name, given in _STARTED.items()
        if given in settings.model_fields_set
    }
    return relaxed | started


def session_policy(settings: Settings) -> SessionPolicy:
    """Return the limits of sessions while nobody chose: long in development, unless a start-up setting says."""
    usual = usual_choices(settings)

    def of(setting: Setting[int]) -> int:
        return usual[setting.name].value if setting.name in usual else setting.default

    return SessionPolicy(
        staff_idle=_MINUTE * of(STAFF_IDLE_MINUTES),
        patient_idle=_MINUTE * of(PATIENT_IDLE_MINUTES),
        absolute=_HOUR * of(LONGEST_SESSION_HOURS),
        most_sessions=of(MOST_SESSIONS),
    )


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
