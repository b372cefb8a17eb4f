"""Who acts, and in which request. Passed as values, never found in ambient state."""

from uuid import UUID

import msgspec

from healthprotocol.foundation.flags.exposure import Exposures
from healthprotocol.foundation.ids import AccountId, OrganisationId


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """
    The account behind an act, as authenticated for this request or job.

    `subject_id` is the one record that an account of its own subject is bound to, else None. `scopes` is None for a
    person (the role decides) and the granted set for a bearer token. `session_hash` is the SHA-256 of the credential.
    """

    account_id: AccountId
    organisation_id: OrganisationId
    role: str
    subject_id: UUID | None = None
    scopes: frozenset[str] | None = None
    session_hash: bytes | None = None


class RequestContext(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where an act comes from: goes into the audit row and the problem body. `address` is the client's IP.

    `is_past_caches`: it wants to be answered from the database, whatever has been kept.
    `exposures` remembers which sides of running rollouts the request was on; None where nobody measures.
    """

    request_id: str
    address: str | None = None
    purpose: str = "TREAT"
    is_past_caches: bool = False
    exposures: Exposures | None = None
