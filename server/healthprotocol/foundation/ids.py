"""Typed ids: UUIDv7 (RFC 9562 §5.7), so that rows made together lie together and ids sort by time."""

import os
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NewType
from uuid import UUID

OrganisationId = NewType("OrganisationId", UUID)
AccountId = NewType("AccountId", UUID)
OperationId = NewType("OperationId", UUID)

_DRAWN_AT_ONCE = 256

# The organisation of what holds for all of them: rows that every tenant may read and only an operator writes.
INSTALLATION = OrganisationId(UUID(int=0))


def new_id(at: datetime) -> UUID:
    """Return a fresh UUIDv7 whose 48-bit millisecond stamp is the aware instant `at`; the other 74 bits are random."""
    milliseconds = int(at.timestamp() * 1000)
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76
    value |= (random >> 68 & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=value)


def ascending_ids(at: datetime) -> Iterator[UUID]:
    """
    Yield UUIDv7 of one instant in ascending order, for rows whose order is to be kept; millions fit.

    Source: RFC 9562 §6.2, monotonic random (method 2).
    """
    # The top bit of the last 62 stays free, so that no sum reaches the bits of the variant.
    value = new_id(at).int & ~(1 << 61)
    while True:
        # Many steps of 32 bits from one call into the system.
        for (step,) in struct.iter_unpack(">I", os.urandom(4 * _DRAWN_AT_ONCE)):
            yield UUID(int=value)
            value += 1 + step


def first_id(at: datetime) -> UUID:
    """Return the least value of a UUIDv7 of the aware instant `at`: ranges of ids are ranges of time."""
    return UUID(int=(int(at.timestamp() * 1000) & 0xFFFF_FFFF_FFFF) << 80)


def made_at(identifier: UUID) -> datetime:
    """Return the instant, to the millisecond, that a UUIDv7 carries."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)
