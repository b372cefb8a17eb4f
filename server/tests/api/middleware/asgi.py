"""A client of ASGI applications for tests: one call, the messages in, the answer out."""

from collections.abc import Sequence
from typing import Any

import msgspec

Headers = Sequence[tuple[bytes, bytes]]


class Answer(msgspec.Struct, frozen=True):
    """What came out."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        values = [value.decode() for key, value in self.headers if key == name.encode()]
        return ", ".join(values) or None

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


async def ask(
    app: Any,
    path: str = "/",
    *,
    method: str = "GET",
    headers: Headers = (),
    parts: Sequence[bytes] = (b"",),
    query: bytes = b"",
) -> Answer:
    """Send one request whose body comes in `parts`."""
    messages: list[dict[str, Any]] = []
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        if not waiting:
            return {"type": "http.disconnect"}
        part = waiting.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": list(headers),
        "state": {},
    }
    await app(scope, receive, send)
    start = messages[0]
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return Answer(start["status"], list(start["headers"]), body)


def answering(
    body: bytes = b"{}", *, status: int = 200, headers: Headers = ((b"content-type", b"application/json"),)
) -> Any:
    """Return an application that reads the whole request and answers the same to everything."""

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        app.scope = scope
        app.read = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                break
            app.read += message.get("body", b"")
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    app: Any = answer
    app.scope = None
    app.read = None
    return app
