"""Every answer forbids what it does not need."""

from typing import Any

import pytest

from healthprotocol.api.middleware.access_log import AccessLogMiddleware
from healthprotocol.api.middleware.body_limit import BodyLimitMiddleware
from healthprotocol.api.middleware.compression import CompressionMiddleware
from healthprotocol.api.middleware.request_id import RequestIdMiddleware
from healthprotocol.api.middleware.security_headers import SecurityHeadersMiddleware
from tests.api.middleware.asgi import answering, ask


class TestSecurityHeaders:
    @pytest.mark.parametrize("status", [200, 302, 404, 500])
    async def test_are_on_every_answer(self, status: int) -> None:
        answer = await ask(SecurityHeadersMiddleware(answering(status=status)))

        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("referrer-policy") == "no-referrer"
        assert answer.header("cross-origin-opener-policy") == "same-origin"
        assert answer.header("cross-origin-resource-policy") == "same-origin"
        assert answer.header("x-frame-options") == "DENY"
        assert str(answer.header("content-security-policy")).startswith("default-src 'none'; frame-ancestors 'none'")
        assert answer.header("cache-control") == "no-store"
        assert "camera=()" in str(answer.header("permissions-policy"))

    async def test_an_answer_may_bring_its_own_policy_and_caching(self) -> None:
        own = [(b"Content-Security-Policy", b"default-src 'self'"), (b"Cache-Control", b"max-age=60")]

        answer = await ask(SecurityHeadersMiddleware(answering(headers=own)))

        names = [name.lower() for name, _ in answer.headers]
        assert names.count(b"content-security-policy") == names.count(b"cache-control") == 1
        assert (b"Content-Security-Policy", b"default-src 'self'") in answer.headers

    async def test_an_answer_cannot_weaken_the_others(self) -> None:
        answer = await ask(SecurityHeadersMiddleware(answering(headers=[(b"X-Frame-Options", b"ALLOWALL")])))

        assert [value for name, value in answer.headers if name.lower() == b"x-frame-options"] == [b"DENY"]

    async def test_the_software_is_not_named(self) -> None:
        answer = await ask(SecurityHeadersMiddleware(answering(headers=[(b"Server", b"granian")])))

        assert b"granian" not in [value for _, value in answer.headers]

    @pytest.mark.parametrize(
        "middleware",
        [
            RequestIdMiddleware,
            AccessLogMiddleware,
            SecurityHeadersMiddleware,
            BodyLimitMiddleware,
            CompressionMiddleware,
        ],
    )
    async def test_what_is_no_request_passes_every_middleware(self, middleware: Any) -> None:
        seen: list[str] = []

        async def app(scope: dict[str, Any], _receive: Any, _send: Any) -> None:
            seen.append(scope["type"])

        await middleware(app)({"type": "lifespan"}, None, None)

        assert seen == ["lifespan"]

    async def test_hsts_is_for_installations_behind_tls(self) -> None:
        plain = await ask(SecurityHeadersMiddleware(answering()))
        tls = await ask(SecurityHeadersMiddleware(answering(), is_https_only=True))

        assert plain.header("strict-transport-security") is None
        assert tls.header("strict-transport-security") == "max-age=63072000; includeSubDomains"
