"""Every answer carries the id of its request."""

from uuid import UUID

import pytest

from healthprotocol.api.middleware.request_id import RequestIdMiddleware
from tests.api.middleware.asgi import answering, ask


class TestRequestId:
    async def test_a_request_without_one_gets_a_uuid7(self) -> None:
        app = answering()

        answer = await ask(RequestIdMiddleware(app))

        assert UUID(answer.header("x-request-id")).version == 7
        assert app.scope["state"]["request_id"] == answer.header("x-request-id")

    async def test_one_that_looks_like_an_id_is_kept(self) -> None:
        answer = await ask(RequestIdMiddleware(answering()), headers=[(b"x-request-id", b"proxy-0123456789")])

        assert answer.header("x-request-id") == "proxy-0123456789"

    @pytest.mark.parametrize(
        "given", [b"short", b"with space in it", b"a" * 65, b"line\nbreak12", b"<script>alert", b""]
    )
    async def test_anything_else_is_replaced(self, given: bytes) -> None:
        answer = await ask(RequestIdMiddleware(answering()), headers=[(b"x-request-id", given)])

        assert UUID(answer.header("x-request-id")).version == 7

    async def test_the_answer_has_one_only(self) -> None:
        app = answering(headers=[(b"X-Request-Id", b"of the application")])

        answer = await ask(RequestIdMiddleware(app))

        assert [name for name, _ in answer.headers] == [b"x-request-id"]
