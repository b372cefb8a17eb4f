"""
Headers that tell browsers what this site never does, on every answer: errors, files and redirects too.

An answer may bring its own value (the web pack has its own policy for pages and caching for files); the values here
are what holds when nobody thought about it, and they forbid everything.
"""

from litestar.types import ASGIApp, Message, Receive, Scope, Send

# An API answer is data: nothing in it may run, load, or be put into a frame.
DEFAULT_POLICY = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PERMISSIONS = (
    b"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), "
    b"midi=(), payment=(), usb=(), browsing-topics=()"
)
TWO_YEARS = b"max-age=63072000; includeSubDomains"

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", PERMISSIONS),
)
_UNLESS_SET = (
    (b"content-security-policy", DEFAULT_POLICY),
    (b"cache-control", b"no-store"),
)
_NAMES_SET_HERE = frozenset(name for name, _ in _ALWAYS)
# Tells which software answers, which helps only those who look for its faults.
_NEVER = frozenset({b"server", b"x-powered-by"})


class SecurityHeadersMiddleware:
    """Adds the headers. `is_https_only` adds HSTS: for installations that are never reached without TLS."""

    def __init__(self, app: ASGIApp, *, is_https_only: bool = False) -> None:
        self._app = app
        self._always = (*_ALWAYS, (b"strict-transport-security", TWO_YEARS)) if is_https_only else _ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._completed(list(message["headers"]))
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _completed(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        kept = [item for item in headers if (name := item[0].lower()) not in _NAMES_SET_HERE and name not in _NEVER]
        present = {name.lower() for name, _ in kept}
        missing = [item for item in _UNLESS_SET if item[0] not in present]
        return [*kept, *self._always, *missing]
