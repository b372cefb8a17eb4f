"""Alerts over HTTP."""

from uuid import UUID

from healthprotocol.api.gate import Gate
from healthprotocol.api.paging import ListQuery, Page
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.care.alerts import schemas, service
from healthprotocol.care.alerts.model import AlertId
from healthprotocol.trust.permissions.model import Permission

declare = Declare("alerts")
_ALL = "/api/v1/alerts"
_ONE = "/api/v1/alerts/{alert_id:uuid}"


@declare.get(
    _ALL,
    policy=Permission.ALERT_READ,
    returns=Page[schemas.AlertOut],
    query=ListQuery,
    is_list=True,
    listing=service.LISTING,
    summary="List alerts, the most urgent first",
)
async def list_alerts(gate: Gate) -> Answer:
    query = gate.query(ListQuery)
    return await gate.read(
        lambda tx: service.page(tx, gate.actor, query),
        schemas.page,
    )


@declare.get(_ONE, policy=Permission.ALERT_READ, returns=schemas.AlertOut, summary="Read an alert")
async def read_alert(gate: Gate, alert_id: UUID) -> Answer:
    return await gate.read(lambda tx: service.get(tx, gate.actor, AlertId(alert_id)), schemas.alert)


@declare.post(_ONE + "/acknowledge", policy=Permission.ALERT_WRITE, returns=schemas.AlertOut, summary="Say: I am on it")
async def acknowledge_alert(gate: Gate, alert_id: UUID) -> Answer:
    revision = gate.expected_revision(required=False)
    return await gate.write(
        lambda tx: service.acknowledge(tx, gate.actor, AlertId(alert_id), expected_revision=revision), schemas.alert
    )


@declare.post(
    _ONE + "/resolve",
    policy=Permission.ALERT_WRITE,
    returns=schemas.AlertOut,
    body=schemas.ResolveAlert,
    summary="Settle an alert",
)
async def resolve_alert(gate: Gate, alert_id: UUID) -> Answer:
    revision = gate.expected_revision(required=False)
    sent = await gate.request.body()
    data = await gate.body(schemas.ResolveAlert) if sent else schemas.ResolveAlert()
    return await gate.write(
        lambda tx: service.resolve(tx, gate.actor, AlertId(alert_id), note=data.note, expected_revision=revision),
        schemas.alert,
    )


ROUTES = [list_alerts, read_alert, acknowledge_alert, resolve_alert]
