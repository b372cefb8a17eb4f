"""Only a proxy of ours is believed when it says whose request it carries."""

from typing import Any

import pytest

from healthprotocol.api.middleware.trusted_proxy import TrustedProxyMiddleware


async def client_of(address: str, *forwarded: str, networks: tuple[str, ...] = ("10.0.0.0/24",)) -> str:
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["client"][0])

    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope: Any = {"type": "http", "client": (address, 1234), "headers": headers}
    await TrustedProxyMiddleware(app, networks)(scope, None, None)  # pyright: ignore[reportArgumentType]
    return seen[0]


class TestTrustedProxy:
    @pytest.mark.parametrize(
        ("address", "forwarded", "client"),
        [
            ("10.0.0.7", ("203.0.113.9",), "203.0.113.9"),
            ("::ffff:10.0.0.7", ("203.0.113.9",), "203.0.113.9"),
            # What the client wrote before our proxy added its word is not believed.
            ("10.0.0.7", ("198.51.100.1, 203.0.113.9",), "203.0.113.9"),
            ("10.0.0.7", ("198.51.100.1", "203.0.113.9, 10.0.0.8"), "203.0.113.9"),
            # A stranger may say what she likes.
            ("192.0.2.4", ("203.0.113.9",), "192.0.2.4"),
            ("10.0.0.7", ("not an address",), "10.0.0.7"),
            ("10.0.0.7", (), "10.0.0.7"),
        ],
    )
    async def test_finds_the_client(self, address: str, forwarded: tuple[str, ...], client: str) -> None:
        assert await client_of(address, *forwarded) == client

    async def test_without_networks_believes_nobody(self) -> None:
        assert await client_of("10.0.0.7", "203.0.113.9", networks=()) == "10.0.0.7"
