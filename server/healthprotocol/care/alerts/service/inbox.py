"""What the care team does with alerts: list, read, acknowledge, resolve. Every read and act is recorded."""

from collections.abc import Sequence

import msgspec

from healthprotocol.care.alerts import repository
from healthprotocol.care.alerts.errors import AlertNotFound
from healthprotocol.care.alerts.model import Alert, AlertChanged, AlertId, Episode
from healthprotocol.care.alerts.rules import episodes
from healthprotocol.care.patients import service as patients
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.listing import Asked, Page
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import PreconditionFailed
from healthprotocol.trust.access import service as access
from healthprotocol.trust.audit import service as audit

LISTING = repository.ALERTS


class Listed(msgspec.Struct, frozen=True):
    """An alert with the name of whom it is about."""

    alert: Alert
    patient_name: str

    @property
    def revision(self) -> int:
        """That of the alert."""
        return self.alert.revision


async def page(tx: Transaction, actor: Actor, query: Asked) -> Page[Listed]:
    """Return a page of the alerts about patients within sight, the most urgent first. Raises BadRequest."""
    sight = await access.sight(tx, actor)
    listing = await LISTING.ask(tx, query)
    found = await repository.page(tx, listing, only=sight.only)

    subjects = dict.fromkeys(row.episode.patient_id for row in found.items)
    await audit.record(tx, actor, "alert.list", subject_ids=tuple(subjects))
    return found.of(await _named(tx, actor, found.items))


async def get(tx: Transaction, actor: Actor, alert_id: AlertId) -> Listed:
    """Return an alert. Raises AlertNotFound."""
    alert = await _visible(tx, actor, alert_id)

    await audit.record(tx, actor, "alert.read", alert_id, subject_id=alert.episode.patient_id)
    return (await _named(tx, actor, [alert]))[0]


async def acknowledge(
    tx: Transaction, actor: Actor, alert_id: AlertId, *, expected_revision: int | None = None
) -> Listed:
    """Say: I am on it. Doing it again changes nothing. Raises AlertNotFound, AlertIsResolved, PreconditionFailed."""
    before = await _held(tx, actor, alert_id, expected_revision=expected_revision)
    episode = episodes.acknowledge(before.episode, by=actor.account_id, at=tx.now)
    return await _keep(tx, actor, "alert.acknowledge", before, msgspec.structs.replace(before, episode=episode))


async def resolve(
    tx: Transaction, actor: Actor, alert_id: AlertId, *, note: str | None = None, expected_revision: int | None = None
) -> Listed:
    """
    Settle an alert, with a note where there is something to say.

    While its condition lasts it does not fire again. Raises AlertNotFound, AlertIsResolved, PreconditionFailed.
    """
    before = await _held(tx, actor, alert_id, expected_revision=expected_revision)
    episode = episodes.resolve(before.episode, by=actor.account_id, at=tx.now)
    return await _keep(tx, actor, "alert.resolve", before, msgspec.structs.replace(before, episode=episode, note=note))


async def tell(tx: Transaction, action: str, changed: Sequence[Episode]) -> None:
    """Record and announce what happened to alerts by itself, or by what somebody recorded."""
    for one in changed:
        await audit.record(tx, tx.actor, action, one.id, subject_id=one.patient_id, detail={"rule": one.rule})
        await tx.publish(AlertChanged(one.id, one.patient_id))


async def _keep(tx: Transaction, actor: Actor, action: str, before: Alert, after: Alert) -> Listed:
    if after != before:
        await repository.save(tx, after)
        await audit.record(tx, actor, action, after.episode.id, subject_id=after.episode.patient_id)
        await tx.publish(AlertChanged(after.episode.id, after.episode.patient_id))
    return (await _named(tx, actor, [after]))[0]


async def _held(tx: Transaction, actor: Actor, alert_id: AlertId, *, expected_revision: int | None) -> Alert:
    alert = await _visible(tx, actor, alert_id, for_update=True)
    if expected_revision is not None and expected_revision != alert.revision:
        raise PreconditionFailed
    return alert


async def _visible(tx: Transaction, actor: Actor, alert_id: AlertId, *, for_update: bool = False) -> Alert:
    alert = await repository.get(tx, alert_id, for_update=for_update)
    if alert is None or not (await access.sight(tx, actor)).includes(alert.episode.patient_id):
        raise AlertNotFound
    return alert


async def _named(tx: Transaction, actor: Actor, alerts: Sequence[Alert]) -> list[Listed]:
    named = await patients.names(tx, actor, list(dict.fromkeys(one.episode.patient_id for one in alerts)))
    return [Listed(one, named[one.episode.patient_id]) for one in alerts if one.episode.patient_id in named]
