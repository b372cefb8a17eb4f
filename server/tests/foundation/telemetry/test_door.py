"""The operators' door answers its pages, refuses the rest, and is not held open."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from healthprotocol.foundation.telemetry import door
from healthprotocol.foundation.telemetry.door import Page, serve_door
from tests.foundation.jobs.workers import PATIENCE_SECONDS, eventually


async def hello() -> Page:
    return Page(200, "text/plain", b"hello")


async def broken() -> Page:
    raise ValueError("Ebro")


@pytest.fixture
async def port(unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(door, "REQUEST_SECONDS", PATIENCE_SECONDS)
    stop = asyncio.Event()
    serving = asyncio.create_task(serve_door("127.0.0.1", unused_tcp_port, {"/hello": hello, "/broken": broken}, stop))
    await eventually(lambda: is_open(unused_tcp_port))
    yield unused_tcp_port
    stop.set()
    await asyncio.wait_for(serving, PATIENCE_SECONDS)


async def is_open(port: int) -> bool:
    with contextlib.suppress(OSError):
        await sent(port, b"GET /hello HTTP/1.1\r\n\r\n")
        return True
    return False


async def sent(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    writer.close()
    await writer.wait_closed()
    return answer


class TestServeDoor:
    async def test_answers_a_page(self, port: int) -> None:
        answer = await sent(port, b"GET /hello?x=1 HTTP/1.1\r\nhost: h\r\n\r\n")

        assert answer.startswith(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n")
        assert answer.endswith(b"\r\n\r\nhello")

    @pytest.mark.parametrize(
        ("request_line", "status"),
        [
            (b"GET /other HTTP/1.1", b"404"),
            (b"POST /hello HTTP/1.1", b"405"),
            (b"hello", b"400"),
            (b"GET /broken HTTP/1.1", b"503"),
        ],
    )
    async def test_refuses_the_rest(self, port: int, request_line: bytes, status: bytes) -> None:
        answer = await sent(port, request_line + b"\r\n\r\n")

        assert answer.split(b" ")[1] == status
        assert b"Ebro" not in answer

    async def test_a_request_without_end_is_cut_off(self, port: int) -> None:
        assert await sent(port, b"GET /hello HTTP/1.1\r\nx: " + b"a" * 20_000) == b""

    async def test_a_slow_client_is_let_go(self, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(door, "REQUEST_SECONDS", 0.05)

        assert await sent(port, b"GET /hello") == b""
