"""How an answer is put together: its body, its ETag, and what stands in its headers."""

from collections.abc import Mapping

import msgspec
from litestar.response import Response

from healthprotocol.api.routing import Answer


def encoded(value: object) -> bytes:
    """Return a body as JSON, as it is when it is encoded already."""
    return value if isinstance(value, bytes) else msgspec.json.encode(value)


def located(address: str | None) -> dict[str, str]:
    """Return the header that says where something is, nothing without an address."""
    return {} if address is None else {"location": address}


def etag_of(value: object) -> str | None:
    """Return the ETag of what has a revision, None for anything else."""
    revision = getattr(value, "revision", None)
    return f'"r{revision}"' if isinstance(revision, int) else None


def names(header: str | None, etag: str) -> bool:
    """Return whether an If-None-Match names this ETag (RFC 9110 §13.1.2)."""
    if header is None:
        return False
    return header.strip() == "*" or etag in {part.strip().removeprefix("W/") for part in header.split(",")}


def answer(status: int, body: bytes, etag: str | None, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer; a content-type among its headers is its media type."""
    others = dict(headers or {})
    media_type = others.pop("content-type", "application/json")
    if etag:
        others["etag"] = etag
    return Response(body, status_code=status, headers=others, media_type=media_type)
