"""A cached value with what decides whether it may still be served."""

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

Name = tuple[UUID, str]
"""A tag of an organisation."""
Epochs = Mapping[Name, int]

# A struct in memory takes about three times its text, and an entry by itself this much.
_PER_BYTE = 3
_PER_ENTRY = 600
# What came from another machine's clock may be this far ahead of ours; more is nonsense.
_SKEW_SECONDS = 5.0


class Place(msgspec.Struct, frozen=True, cache_hash=True):
    """Where a value stands: organisation, spec and key. Never two values in one place."""

    organisation_id: UUID
    name: str
    version: int
    key: Any


class Entry(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """
    A value, or the knowledge that there is none.

    `epochs` were read before the value was. `made_at` is of this process's monotonic clock. `cost_seconds` is what it
    took to make. `size_bytes` is about what it takes in memory.
    """

    value: Any
    is_negative: bool
    epochs: Epochs
    made_at: float
    cost_seconds: float
    size_bytes: int


class _Envelope(msgspec.Struct, array_like=True):
    """An entry as it leaves the process, before it is sealed. Times are of the wall clock."""

    made_at: float
    cost_seconds: float
    epochs: dict[str, int]
    body: bytes | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Envelope)


def made(value: Any, *, epochs: Epochs, made_at: float, cost_seconds: float) -> tuple[Entry, bytes | None]:
    """Return the entry of a value, and the value's bytes. `value` None is the knowledge that there is none."""
    body = None if value is None else _encoder.encode(value)
    return _entry(value, body, epochs=epochs, made_at=made_at, cost_seconds=cost_seconds), body


def written(entry: Entry, body: bytes | None) -> bytes:
    """Return an entry as bytes for other processes."""
    age = time.monotonic() - entry.made_at
    epochs = {tag: epoch for (_, tag), epoch in entry.epochs.items()}
    return _encoder.encode(_Envelope(time.time() - age, entry.cost_seconds, epochs, body))


def read(place: Place, text: bytes, decoder: "msgspec.msgpack.Decoder[Any]") -> Entry:
    """Return what `written` made in another process. Raises msgspec.MsgspecError, ValueError when it did not."""
    envelope = _decoder.decode(text)
    age = time.time() - envelope.made_at
    if age < -_SKEW_SECONDS:
        raise ValueError("made in the future")
    return _entry(
        None if envelope.body is None else decoder.decode(envelope.body),
        envelope.body,
        epochs={(place.organisation_id, tag): epoch for tag, epoch in envelope.epochs.items()},
        made_at=time.monotonic() - max(0.0, age),
        cost_seconds=envelope.cost_seconds,
    )


def _entry(value: Any, body: bytes | None, *, epochs: Epochs, made_at: float, cost_seconds: float) -> Entry:
    return Entry(
        value=value,
        is_negative=body is None,
        epochs=epochs,
        made_at=made_at,
        cost_seconds=cost_seconds,
        size_bytes=_PER_ENTRY + _PER_BYTE * len(body or b""),
    )
