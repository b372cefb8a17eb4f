"""A client of the running server, signed in like anybody; one connection, one request after the other."""

import http.client
import json
from time import perf_counter
from typing import Any
from urllib.parse import urlencode

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """What came back, and after how long."""

    status: int
    body: bytes
    milliseconds: float

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class Door:
    """One signed-in account on one kept connection."""

    def __init__(self, port: int, *, email: str, password: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"content-type": "application/json"}
        body = json.dumps({"email": email, "password": password})
        self._connection.request("POST", "/api/v1/session", body, self._headers)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status != 200:  # noqa: PLR2004
            raise SystemExit(f"{email} cannot sign in: {answer.status} {said[:200]!r}")
        self._headers["cookie"] = answer.getheader("set-cookie", "").partition(";")[0]
        self._headers["x-csrf-token"] = json.loads(said)["csrf_token"]

    @property
    def cookie(self) -> str:
        """What the session is kept by."""
        return self._headers["cookie"]

    def get(self, path: str, query: dict[str, Any] | None = None, *, past_caches: bool = False) -> Answer:
        """Ask for `/api/v1` + `path`; the time includes the whole body."""
        headers = self._headers | ({"cache-control": "no-cache"} if past_caches else {})
        address = f"/api/v1{path}" + (f"?{urlencode(query)}" if query else "")
        began = perf_counter()
        try:
            self._connection.request("GET", address, headers=headers)
            answer = self._connection.getresponse()
        except http.client.RemoteDisconnected:
            # The server closes a connection on which nobody asked anything for a while.
            began = perf_counter()
            self._connection.request("GET", address, headers=headers)
            answer = self._connection.getresponse()
        body = answer.read()
        return Answer(answer.status, body, (perf_counter() - began) * 1000)
