"""The pages on the operations port: `/metrics` for Prometheus, `/healthz` with every part."""

import msgspec

from healthprotocol.foundation.db.transaction import Database
from healthprotocol.foundation.telemetry import metrics
from healthprotocol.foundation.telemetry.door import Page, Pages
from healthprotocol.operations.health import schemas, service
from healthprotocol.operations.health.service import Readiness


def pages(database: Database, readiness: Readiness) -> Pages:
    """Return the pages, to be given to `serve_door`."""

    async def show_metrics() -> Page:
        await service.measure(database)
        return Page(200, metrics.CONTENT_TYPE, metrics.render())

    async def show_health() -> Page:
        health = await readiness.look()
        replicas = database.replicas.seen() if database.replicas is not None else []
        body = msgspec.json.encode(schemas.detail(health, service.pools(), replicas))
        return Page(200 if health.is_ready else 503, "application/json", body)

    return {"/metrics": show_metrics, "/healthz": show_health}
