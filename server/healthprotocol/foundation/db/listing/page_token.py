"""
Page tokens (AIP-158): where the next page begins, authenticated and bound to the question it continues.

A token is base64url(mac length ‖ mac ‖ sort values as MessagePack). The binding (organisation, list, filter, order) is
in the MAC but not in the token, so a token of another tenant or of a changed query simply does not verify.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

import msgspec

from .fields import Field, Kind
from .values import Value

LONGEST = 4_000
LARGEST_MAC_BYTES = 64
_PURPOSE = b"hp/page-token/v1"

_WIRE_TYPES: dict[Kind, type] = {
    Kind.TEXT: str,
    Kind.CHOICE: str,
    Kind.TAGS: str,
    Kind.UUID: UUID,
    Kind.DATE: date,
    Kind.TIMESTAMP: datetime,
    Kind.INTEGER: int,
    Kind.BOOLEAN: bool,
    Kind.WORDS: str,
    Kind.SECRET: str,
}


class Signer(Protocol):
    """Makes and checks message authentication codes under a key that never leaves the server."""

    def sign(self, message: bytes) -> bytes:
        """Return the code of `message`, 16 to 64 bytes."""
        ...

    def verify(self, message: bytes, mac: bytes) -> bool:
        """Compare in constant time."""
        ...


def seal(values: Sequence[Value | None], *, binding: Sequence[str], signer: Signer) -> str:
    """Return the token that carries `values` to the next request."""
    body = msgspec.msgpack.encode(values)
    mac = signer.sign(_message(binding, body))
    return base64.urlsafe_b64encode(bytes([len(mac)]) + mac + body).rstrip(b"=").decode()


def unseal(
    token: str, fields: Sequence[Field], *, binding: Sequence[str], signer: Signer
) -> tuple[Value | None, ...] | None:
    """Return the values that `seal` was given for `fields`, or None when the token is not ours for this question."""
    raw = _decoded(token)
    if raw is None or not 0 < raw[0] <= LARGEST_MAC_BYTES or len(raw) <= raw[0] + 1:
        return None
    mac, body = raw[1 : raw[0] + 1], raw[raw[0] + 1 :]
    if not signer.verify(_message(binding, body), mac):
        return None
    return _typed(body, fields)


def _decoded(token: str) -> bytes | None:
    if not token or len(token) > LONGEST or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # One spelling for each token: the unused low bits of the last character must be zero.
    is_canonical = base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == token
    return raw if raw and is_canonical else None


def _message(binding: Sequence[str], body: bytes) -> bytes:
    """Length-prefix every part, so that no two bindings share a message."""
    parts = [_PURPOSE, *[part.encode("utf-8", "surrogatepass") for part in binding], body]
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])


def _typed(body: bytes, fields: Sequence[Field]) -> tuple[Value | None, ...] | None:
    try:
        loose = msgspec.msgpack.decode(body, type=list)
        if len(loose) != len(fields):
            return None
        return tuple(
            None if value is None else msgspec.convert(value, _WIRE_TYPES[field.kind], strict=True)
            for value, field in zip(loose, fields, strict=True)
        )
    except msgspec.MsgspecError:
        return None
