"""
The secrets that requests carry: the session cookie and the bearer token. Only their SHA-256 is stored.

    cookie: <organisation, 22 characters>.<secret, 43 characters>
    bearer: hp_<live|test>_<kind>_<id, 22>_<secret, 43>_<check, 6>, the last three in base 62

The organisation is in the cookie so that the session is looked for inside its tenant. The prefix and the check let
scanners recognise a leaked token without asking anybody.
"""

import base64
import binascii
import re
import secrets
import zlib
from hashlib import sha256
from uuid import UUID

import msgspec

from healthprotocol.foundation.cache import tag
from healthprotocol.foundation.ids import OrganisationId

# Of every account at once: their roles and states change seldom, and then it is worth asking again for all.
EVERY_ACCOUNT = tag("account")

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_BYTES = 32
_COOKIE = re.compile(r"(?P<organisation>[A-Za-z0-9_-]{22})\.[A-Za-z0-9_-]{43}")
_BEARER = re.compile(
    r"(?P<body>hp_(?:live|test)_[a-z]{2,12}_[0-9A-Za-z]{22}_[0-9A-Za-z]{43})_(?P<check>[0-9A-Za-z]{6})"
)


class Secret(msgspec.Struct, frozen=True):
    """A secret as it is handed out, once, and the hash by which it is known."""

    text: str
    hash: bytes

    def __repr__(self) -> str:
        """Keep the secret out of whatever prints this."""
        return "Secret(…)"


def new_cookie(organisation_id: OrganisationId) -> Secret:
    """Return a fresh session cookie of 256 random bits."""
    organisation = base64.urlsafe_b64encode(organisation_id.bytes).rstrip(b"=").decode()
    text = f"{organisation}.{secrets.token_urlsafe(_SECRET_BYTES)}"
    return Secret(text, hash_of(text))


def organisation_of_cookie(text: str) -> OrganisationId | None:
    """Return the organisation that a cookie names, None when it is no cookie of ours. It proves nothing yet."""
    match = _COOKIE.fullmatch(text)
    if match is None:
        return None
    try:
        return OrganisationId(UUID(bytes=base64.b64decode(match["organisation"] + "==", altchars=b"-_", validate=True)))
    except (binascii.Error, ValueError):
        return None


def new_bearer(token_id: UUID, *, is_live: bool, kind: str = "api") -> Secret:
    """Return a fresh bearer token; `is_live` False marks one of a system that holds no real people."""
    secret = _base62(int.from_bytes(secrets.token_bytes(_SECRET_BYTES), "big"), 43)
    body = f"hp_{'live' if is_live else 'test'}_{kind}_{_base62(token_id.int, 22)}_{secret}"
    text = f"{body}_{_check(body)}"
    return Secret(text, hash_of(text))


def is_bearer(text: str) -> bool:
    """Tell whether a text has the form and the check of a bearer token; a mistyped one is told without a query."""
    match = _BEARER.fullmatch(text)
    return match is not None and match["check"] == _check(match["body"])


def hash_of(text: str) -> bytes:
    """Return the hash by which a secret is known. It needs no salt: nobody can guess 256 random bits."""
    return sha256(text.encode()).digest()


def credential_tags(credential_hash: bytes) -> tuple[str, str]:
    """Return what a session or token depends on: itself, and what becomes of the organisation's accounts."""
    return own_tag(credential_hash), EVERY_ACCOUNT


def own_tag(credential_hash: bytes) -> str:
    """Return the tag of one session or token."""
    return tag("credential", UUID(bytes=credential_hash[:16]))


def _check(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), 6)


def _base62(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
