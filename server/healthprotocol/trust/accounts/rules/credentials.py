"""Whether what came with a request is still good, and whether a browser sent it from our own pages."""

from collections.abc import Collection
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from healthprotocol.trust.accounts.model import AccountStatus, BearerCredential, Session, SessionPolicy
from healthprotocol.trust.permissions.model import Role

# Writing the last use at every request would double the cost of a read.
SEEN_EVERY = timedelta(minutes=1)

LONGEST_TOKEN_LIFE = timedelta(days=365)


def is_live(session: Session, *, now: datetime) -> bool:
    """Tell whether a session may be used: account active, neither too long idle nor too old."""
    return session.status == AccountStatus.ACTIVE and now < min(session.expires_at, session.last_seen_at + session.idle)


def is_valid(token: BearerCredential, *, now: datetime) -> bool:
    """Tell whether a bearer token may be used: account active, not revoked, not expired."""
    return token.status == AccountStatus.ACTIVE and token.revoked_at is None and now < token.expires_at


def is_stale(seen_at: datetime | None, *, now: datetime) -> bool:
    """Tell whether the time of the last use should be written again. It is exact to a minute."""
    return seen_at is None or now - seen_at >= SEEN_EVERY


def idle_of(role: str, policy: SessionPolicy) -> timedelta:
    """Return how long a session of this role may rest."""
    return policy.patient_idle if role == Role.PATIENT else policy.staff_idle


def is_own_site(*, origin: str | None, fetch_site: str | None, host: str | None, own_origins: Collection[str]) -> bool:
    """
    Tell whether a browser sent this from our own pages.

    A request without Origin and Sec-Fetch-Site comes from a program, which has no cookies of anybody else.
    """
    if fetch_site is not None and fetch_site not in {"same-origin", "none"}:
        return False
    if origin is None:
        return True
    return origin in own_origins or (host is not None and urlsplit(origin).netloc == host)
