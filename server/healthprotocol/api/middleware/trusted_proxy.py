"""
Whose request it is when a proxy stands in front: the nearest address in X-Forwarded-For that is no proxy of ours.

Without trusted networks the header is not looked at: anybody can write anything into it.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from litestar.types import ASGIApp, Receive, Scope, Send

_MOST_HOPS = 20


class TrustedProxyMiddleware:
    """Puts the client's own address into the scope. `networks` are those of the proxies, such as 10.0.0.0/24."""

    def __init__(self, app: ASGIApp, networks: Sequence[str]) -> None:
        self._app = app
        self._networks = tuple(ip_network(network) for network in networks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if self._networks and client is not None and self._is_trusted(client[0]):
            forwarded = [value for name, value in scope.get("headers", ()) if name == b"x-forwarded-for"]
            hops = b",".join(forwarded).decode("latin-1").split(",")[-_MOST_HOPS:]
            scope["client"] = (self._nearest(client[0], hops), 0)
        await self._app(scope, receive, send)

    def _nearest(self, address: str, hops: Sequence[str]) -> str:
        """Walk back from us, for as long as who tells is to be believed."""
        for hop in reversed(hops):
            if not self._is_trusted(address):
                break
            text = hop.strip()
            if _parsed(text) is None:
                break
            address = text
        return address

    def _is_trusted(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    mapped = getattr(parsed, "ipv4_mapped", None)
    return mapped or parsed
