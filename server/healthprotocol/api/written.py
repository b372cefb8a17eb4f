"""
Where a client's last write stands in the database's log: told with each write, sent back with reads.

A replica then shows a client no less than it wrote, whichever process answers. It is a number and no secret: whoever
sends a wrong one is answered by the primary, or is shown less of what it wrote itself.
"""

from typing import Any

from litestar import Request

HEADER = "x-hp-written"
COOKIE = "hp_written"
_DIGITS = 16


def position_of(request: "Request[Any, Any, Any]") -> int:
    """Return the position that a request came with, by header or cookie; 0 when it brought none that can be read."""
    said = request.headers.get(HEADER) or request.cookies.get(COOKIE) or ""
    if not said or len(said) > _DIGITS or not all(one in "0123456789abcdef" for one in said):
        return 0
    return int(said, 16)


def told(position: int, *, seconds: float, is_https: bool) -> dict[str, str]:
    """Return the headers that tell a client its position, for as long as a replica may be behind it."""
    said = f"{position:x}"
    secure = "; Secure" if is_https else ""
    cookie = f"{COOKIE}={said}; Path=/api; Max-Age={int(seconds) + 2}; HttpOnly; SameSite=Strict{secure}"
    return {HEADER: said, "set-cookie": cookie}
