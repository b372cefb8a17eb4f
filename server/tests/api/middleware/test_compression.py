"""Large texts travel small; streams and what is packed already stay as they are."""

import gzip
from typing import Any

import pytest

from healthprotocol.api.middleware.compression import CompressionMiddleware
from tests.api.middleware.asgi import Answer, answering, ask

LARGE = b'{"river": "Ebro"}' * 100
GZIP = [(b"accept-encoding", b"br, gzip;q=0.8")]
JSON = (b"content-type", b"application/json")


async def asked(app: Any, headers: Any = GZIP, method: str = "GET") -> Answer:
    return await ask(CompressionMiddleware(app), headers=headers, method=method)


class TestCompression:
    async def test_a_large_text_is_packed(self) -> None:
        answer = await asked(answering(LARGE, headers=[JSON, (b"content-length", str(len(LARGE)).encode())]))

        assert answer.header("content-encoding") == "gzip"
        assert answer.header("vary") == "accept-encoding"
        assert answer.header("content-length") == str(len(answer.body))
        assert len(answer.body) < len(LARGE) / 5
        assert gzip.decompress(answer.body) == LARGE

    async def test_a_problem_is_a_text_too(self) -> None:
        answer = await asked(answering(LARGE, headers=[(b"content-type", b"application/problem+json")]))

        assert answer.header("content-encoding") == "gzip"

    async def test_a_small_one_is_not_worth_it(self) -> None:
        answer = await asked(answering(b"{}"))

        assert (answer.header("content-encoding"), answer.header("vary")) == (None, "accept-encoding")

    @pytest.mark.parametrize("accepted", [[], [(b"accept-encoding", b"br")], [(b"accept-encoding", b"gzip;q=0, br")]])
    async def test_who_does_not_accept_it_gets_it_plain(self, accepted: list[tuple[bytes, bytes]]) -> None:
        answer = await asked(answering(LARGE), accepted)

        assert (answer.header("content-encoding"), answer.body) == (None, LARGE)

    async def test_any_encoding_includes_this_one(self) -> None:
        answer = await asked(answering(LARGE), [(b"accept-encoding", b"*")])

        assert answer.header("content-encoding") == "gzip"

    @pytest.mark.parametrize(
        "headers",
        [
            [(b"content-type", b"text/event-stream")],
            [(b"content-type", b"image/png")],
            [(b"content-type", b"text/css"), (b"content-encoding", b"br")],
            [],
        ],
    )
    async def test_others_pass_untouched(self, headers: list[tuple[bytes, bytes]]) -> None:
        answer = await asked(answering(LARGE, headers=headers))

        assert (answer.body, answer.headers) == (LARGE, headers)

    async def test_a_stream_is_passed_on_as_it_comes(self) -> None:
        async def streaming(_scope: Any, _receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [JSON]})
            await send({"type": "http.response.body", "body": LARGE, "more_body": True})
            await send({"type": "http.response.body", "body": LARGE, "more_body": False})

        answer = await asked(streaming)

        assert (answer.header("content-encoding"), answer.body) == (None, LARGE * 2)

    async def test_head_is_left_alone(self) -> None:
        assert (await asked(answering(LARGE), method="HEAD")).header("content-encoding") is None
