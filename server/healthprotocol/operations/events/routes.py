"""What happens in an organisation, as server-sent events."""

from healthprotocol.api import stream
from healthprotocol.api.gate import Gate
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.operations.events import service
from healthprotocol.operations.events.model import Event
from healthprotocol.trust.permissions.model import Permission

declare = Declare("events")


@declare.get(
    "/api/v1/events",
    policy=Permission.EVENT_READ,
    returns=Event,
    media_type=stream.MEDIA_TYPE,
    summary="Hear of what changes, as server-sent events with ids only",
)
async def stream_events(gate: Gate) -> Answer:
    after = stream.last_event_id(gate.request.headers.get("last-event-id"))
    listener = service.Listener(gate.actor, gate.doorkeeper.is_still_in, after)
    return stream.Stream(await service.listen(gate.database, listener))


ROUTES = [stream_events]
