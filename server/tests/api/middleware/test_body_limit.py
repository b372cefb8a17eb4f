"""What is too large, too deep or no text is refused before anything parses it."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.api.middleware import body_limit
from healthprotocol.api.middleware.body_limit import DEEPEST, BodyLimitMiddleware, check_json, depth
from healthprotocol.foundation.errors import BadRequest
from tests.api.middleware.asgi import Answer, answering, ask

JSON = (b"content-type", b"application/json")


async def post(
    *parts: bytes, path: str = "/", limit: int = 100, larger: dict[str, int] | None = None, announced: bool = False
) -> tuple[Answer, bytes | None]:
    app = answering()
    headers = [JSON, (b"content-length", str(sum(map(len, parts))).encode())] if announced else [JSON]
    answer = await ask(
        BodyLimitMiddleware(app, limit=limit, larger=larger), path, method="POST", headers=headers, parts=parts
    )
    return answer, app.read


class TestSize:
    async def test_a_body_at_the_limit_arrives_whole(self) -> None:
        body = b'"' + b"a" * 98 + b'"'

        answer, read = await post(body[:40], body[40:])

        assert (answer.status, read) == (200, body)

    @pytest.mark.parametrize("announced", [True, False])
    async def test_a_byte_more_is_413_and_never_arrives(self, announced: bool) -> None:
        answer, read = await post(b'"' + b"a" * 99, b'"', announced=announced)

        assert (answer.status, read) == (413, None)
        assert answer.header("content-type") == "application/problem+json"
        assert answer.header("connection") == "close"
        assert answer.json["limit_bytes"] == 100

    async def test_an_endless_body_is_cut_off(self) -> None:
        answer, _ = await post(*[b"a" * 50] * 1000)

        assert answer.status == 413

    async def test_a_path_may_take_more(self) -> None:
        larger = {"/api/v1/imports": 1000, "/api/v1/imports/small": 10}

        assert (await post(b"[" + b" " * 500 + b"]", path="/api/v1/imports", larger=larger))[0].status == 200
        assert (await post(b"[" + b" " * 50 + b"]", path="/api/v1/imports/small", larger=larger))[0].status == 413

    async def test_a_read_without_a_body_is_not_touched(self) -> None:
        assert (await ask(BodyLimitMiddleware(answering()), parts=())).status == 200

    async def test_a_body_that_ends_too_early_is_told_and_nothing_runs(self) -> None:
        app = answering()

        answer = await ask(BodyLimitMiddleware(app), method="POST", headers=[JSON], parts=())

        assert (answer.status, answer.json["errors"][0]["code"]) == (400, "body_incomplete")
        assert app.scope is None


class TestReadable:
    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b'"\xff"', "utf8_invalid"),
            (b'"\xed\xa0\x80"', "utf8_invalid"),
            (b'"a\\u0000b"', "nul_character"),
            (b'"\\\\\\u0000"', "nul_character"),
            (b"[" * 65 + b"]" * 65, "too_deep"),
            (b'{"a":' * 65 + b"1" + b"}" * 65, "too_deep"),
        ],
    )
    async def test_what_is_not_is_400(self, body: bytes, code: str) -> None:
        answer, read = await post(body, limit=10_000)

        assert (answer.status, read) == (400, None)
        assert [error["code"] for error in answer.json["errors"]] == [code]

    @pytest.mark.parametrize(
        "body",
        [
            b"[" * DEEPEST + b"]" * DEEPEST,
            b'"' + b"[" * 200 + b'"',
            b'"\\"' + b"{" * 200 + b'"',
            b'"a backslash, then u0000: \\\\u0000"',
            b"not json at all",
            b"",
        ],
    )
    async def test_what_is_is_left_to_the_parser(self, body: bytes) -> None:
        answer, read = await post(body, limit=10_000)

        assert (answer.status, read) == (200, body)

    async def test_other_types_than_json_are_only_measured(self) -> None:
        app = answering()

        answer = await ask(
            BodyLimitMiddleware(app), method="POST", headers=[(b"content-type", b"text/csv")], parts=[b"\xff\x00"]
        )

        assert (answer.status, app.read) == (200, b"\xff\x00")

    @pytest.mark.parametrize("query", [b"q=%00", b"q=" + b"a" * 9000])
    async def test_a_query_has_its_limits_too(self, query: bytes) -> None:
        assert (await ask(BodyLimitMiddleware(answering()), query=query)).status == 400


_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(alphabet='[]{}"\\a', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='[]{}"\\', max_size=3), inner, max_size=3)
    ),
)


def _levels(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_levels, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_levels, value), default=0)
    return 0


class TestDepth:
    @given(_JSON_VALUES)
    def test_is_that_of_the_parsed_value(self, value: object) -> None:
        # Many brackets beside each other, so that the count alone does not decide.
        wide = [value, [[]] * DEEPEST]

        assert depth(msgspec.json.encode(wide)) == _levels(wide)

    @given(st.binary(max_size=200))
    def test_any_bytes_are_let_through_or_refused(self, body: bytes) -> None:
        try:
            check_json(body)
        except BadRequest:
            return

        assert body.decode() is not None


class TestStreamed:
    async def refused(self, *parts: bytes, headers: tuple[tuple[bytes, bytes], ...] = (), endless: bool = False) -> int:
        """Have a streamed body refused before any of it is read; return how many of its parts were read by then."""
        read, read_by_then = 0, -1

        async def receive() -> Any:
            nonlocal read
            if read == len(parts):
                if endless:
                    await asyncio.Event().wait()
                return {"type": "http.disconnect"}
            read += 1
            return {"type": "http.request", "body": parts[read - 1], "more_body": read < len(parts) or endless}

        async def send(message: Any) -> None:
            nonlocal read_by_then
            if message["type"] == "http.response.start":
                read_by_then = read

        async def refusing(_scope: Any, _receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 409, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        scope: Any = {"type": "http", "method": "PUT", "path": "/part", "query_string": b"", "headers": [*headers]}
        await BodyLimitMiddleware(refusing, streamed=[("PUT", "/part")])(scope, receive, send)
        return read_by_then

    async def test_that_is_refused_is_read_before_the_answer(self) -> None:
        assert await self.refused(b"a", b"b", b"c") == 3

    async def test_that_is_refused_is_not_read_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(body_limit, "REST_BYTES", 10)
        monkeypatch.setattr(body_limit, "REST_SECONDS", 0.05)

        assert await self.refused(*[b"abcd"] * 100) == 3
        assert await self.refused(b"abcd", endless=True) == 1

    async def test_that_is_refused_and_too_long_or_not_sent_yet_is_not_read(self) -> None:
        length = str(body_limit.REST_BYTES + 1).encode()

        assert await self.refused(b"a", b"b", headers=((b"content-length", length),)) == 0
        assert await self.refused(b"a", b"b", headers=((b"expect", b"100-continue"),)) == 0
