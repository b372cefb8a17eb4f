"""Acts on alerts: `inbox` is what people do with them, `evaluation` how they come about, go on and end."""

from healthprotocol.care.alerts.service.evaluation import (
    BATCH,
    escalate,
    look,
    on_brought,
    on_changed,
    on_many_started,
    on_patient_erased,
    on_recorded,
    on_started,
)
from healthprotocol.care.alerts.service.inbox import LISTING, Listed, acknowledge, get, page, resolve

__all__ = [
    "BATCH",
    "LISTING",
    "Listed",
    "acknowledge",
    "escalate",
    "get",
    "look",
    "on_brought",
    "on_changed",
    "on_many_started",
    "on_patient_erased",
    "on_recorded",
    "on_started",
    "page",
    "resolve",
]
