"""One line a request, with the route and nothing that tells whose it was."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from healthprotocol.api.middleware.access_log import AccessLogMiddleware
from healthprotocol.foundation.errors import Unavailable
from healthprotocol.foundation.telemetry import metrics
from tests.api.middleware.asgi import answering, ask

ADDRESS = "/api/v1/protocols/01890a5d-ac96-774b-bcce-b302099a8057"
ROUTE = "/api/v1/protocols/{protocol_id}"


def routed(app: Any) -> Any:
    async def router(scope: dict[str, Any], receive: Any, send: Any) -> None:
        scope["path_template"] = ROUTE
        await app(scope, receive, send)

    return router


class TestAccessLog:
    async def test_names_the_route_and_how_it_ended(self) -> None:
        with capture_logs() as lines:
            await ask(AccessLogMiddleware(routed(answering(status=201))), ADDRESS, method="POST", query=b"q=Ebro")

        [line] = lines
        assert (line["event"], line["method"], line["route"], line["status"]) == ("request.ended", "POST", ROUTE, 201)
        assert line["bytes"] == 2
        assert "Ebro" not in str(line)
        assert "01890a5d" not in str(line)

    async def test_an_address_without_a_route_is_not_written_down(self) -> None:
        with capture_logs() as lines:
            await ask(AccessLogMiddleware(answering(status=404)), "/Ebro")

        assert lines[0]["route"] == "(no route)"

    async def test_a_method_of_the_clients_own_is_not_written_down(self) -> None:
        with capture_logs() as lines:
            await ask(AccessLogMiddleware(answering()), method="EBRO")

        assert lines[0]["method"] == "OTHER"

    async def test_probes_are_counted_but_not_written(self) -> None:
        async def livez(scope: Any, receive: Any, send: Any) -> None:
            scope["path_template"] = "/livez"
            await answering()(scope, receive, send)

        with capture_logs() as lines:
            await ask(AccessLogMiddleware(livez), "/livez")

        assert lines == []
        assert b'route="/livez"' in metrics.render()

    async def test_a_crash_is_written_and_raised(self) -> None:
        async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
            raise ValueError("Ebro")

        with capture_logs() as lines, pytest.raises(ValueError, match="Ebro"):
            await ask(AccessLogMiddleware(broken))

        assert [line["event"] for line in lines] == ["request.crashed", "request.ended"]
        assert lines[1]["status"] == 499

    async def test_a_stream_that_breaks_off_is_no_crash(self) -> None:
        async def broken(_scope: Any, _receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            raise Unavailable(private="pool: shed")

        with capture_logs() as lines, pytest.raises(Unavailable):
            await ask(AccessLogMiddleware(broken))

        assert [(line["event"], line["log_level"]) for line in lines] == [
            ("request.broken_off", "warning"),
            ("request.ended", "info"),
        ]
        assert "Unavailable" in lines[0]["error"]

    async def test_is_measured_by_route_and_status(self) -> None:
        await ask(AccessLogMiddleware(routed(answering(status=418))), ADDRESS)

        assert f'hp_request_seconds_count{{method="GET",route="{ROUTE}",status="418"}} 1.0' in metrics.render().decode()
