"""
The level between processes: Redis, which may be away, slow, emptied or full of anything. All that costs is time.

Nothing readable stands there: values are sealed under keys from the key ring and bound to their place, names and tags
are marks (see `crypto/sealing`). Every call ends within TIMEOUT_SECONDS or sooner, and after five failures in a row
Redis is left alone for two seconds. What does not open is not a value.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import msgspec
import structlog

from healthprotocol.foundation.cache.entry import Entry, Name, Place, read, written
from healthprotocol.foundation.cache.spec import CacheSpec
from healthprotocol.foundation.crypto.errors import DecryptionFailed
from healthprotocol.foundation.crypto.fields import length_prefixed
from healthprotocol.foundation.crypto.sealing import MARK_BYTES, Sealer
from healthprotocol.foundation.resilience.circuit_breaker import CircuitBreaker
from healthprotocol.foundation.telemetry import metrics

TIMEOUT_SECONDS = 0.1
# For callers who hold a connection of PostgreSQL meanwhile: longer than a load takes, Redis is of no use.
HELD_TIMEOUT_SECONDS = 0.02
LARGEST_BYTES = 1024 * 1024
# Who holds the right to load and dies is forgotten after this.
LOCK_SECONDS = 5.0

_CHANNEL = "hp:cache"
_CONNECTIONS = 16
_PAUSES_SECONDS = (0.2, 5.0)
# Only who holds the lock takes it away: it may have run out, and be another's by now.
_UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"

R = TypeVar("R")
log = structlog.get_logger("cache")


class Refused(Exception):
    """Redis was not asked, or did not answer: go on without it."""


class SharedLevel:
    """Entries in Redis, the right to load a place, and word of changed tags."""

    def __init__(self, url: str, sealer: Sealer, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        # Loaded only where there is a Redis: it is a tenth of a worker's memory.
        from redis import asyncio as redis  # noqa: PLC0415
        from redis.exceptions import RedisError  # noqa: PLC0415

        self._errors: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)
        self._sealer = sealer
        self._timeout_seconds = timeout_seconds
        self._breaker = CircuitBreaker(failures=5, open_seconds=2.0)
        self._client = redis.Redis.from_url(
            url,
            max_connections=_CONNECTIONS,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
        )
        # Waiting for words has no time limit of its own.
        self._hearing = redis.Redis.from_url(url, socket_connect_timeout=1.0, socket_timeout=None)

    async def close(self) -> None:
        """Let the connections go."""
        for client in (self._client, self._hearing):
            with contextlib.suppress(*self._errors):
                await client.aclose()

    async def ping(self) -> None:
        """Return when Redis answers in the time that a request gives it. Raises Refused."""
        # Past the breaker: whoever looks at Redis's health asks Redis, not what was believed of it.
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._client.ping()
        except self._errors as error:
            raise Refused from error

    async def get(self, spec: CacheSpec[Any], place: Place, *, timeout_seconds: float | None = None) -> Entry | None:
        """Return the entry of a place, None when there is none that opens there."""
        try:
            sealed = await self._call(
                lambda: self._client.get(self._address(place, b"value")), timeout_seconds=timeout_seconds
            )
        except Refused:
            return None
        return None if sealed is None else await self._opened(spec, place, sealed, timeout_seconds)

    async def put(
        self,
        spec: CacheSpec[Any],
        place: Place,
        entry: Entry,
        body: bytes | None,
        *,
        timeout_seconds: float | None = None,
    ) -> None:
        """Keep an entry for as long as it may be served."""
        if len(body or b"") > LARGEST_BYTES:
            metrics.cache_event(spec.name, "reject")
            return
        lives = spec.negative_seconds if entry.is_negative else spec.lives_seconds
        sealed = self._sealer.seal(place.organisation_id, _bound(place), written(entry, body))
        with contextlib.suppress(Refused):
            await self._call(
                lambda: self._client.set(self._address(place, b"value"), sealed, px=max(1, int((lives or 0) * 1000))),
                timeout_seconds=timeout_seconds,
            )

    async def lock(self, place: Place) -> bytes | None:
        """Return a token when it is for this process to load a place, None when another does. Raises Refused."""
        token = os.urandom(16)
        taken = await self._call(
            lambda: self._client.set(self._address(place, b"lock"), token, nx=True, px=int(LOCK_SECONDS * 1000))
        )
        return token if taken else None

    async def is_locked(self, place: Place) -> bool:
        """Tell whether a process still loads a place. Raises Refused."""
        return bool(await self._call(lambda: self._client.exists(self._address(place, b"lock"))))

    async def unlock(self, place: Place, token: bytes) -> None:
        """Give the right to load back, if it is still ours."""
        with contextlib.suppress(Refused):
            await self._call(lambda: self._client.eval(_UNLOCK, 1, self._address(place, b"lock"), token))

    async def tell(self, names: Iterable[Name]) -> None:
        """Tell the other processes that tags have changed."""
        marks = b"".join(self.mark(name) for name in names)
        with contextlib.suppress(Refused):
            await self._call(lambda: self._client.publish(_CHANNEL, marks))

    async def hear(self, *, heard: Callable[[list[bytes]], None], lost: Callable[[], None]) -> None:
        """Call `heard` with the marks of changed tags, and `lost` when some may have been missed; until cancelled."""
        pause = _PAUSES_SECONDS[0]
        while True:
            try:
                async with self._hearing.pubsub(ignore_subscribe_messages=True) as words:
                    await words.subscribe(_CHANNEL)
                    lost()
                    pause = _PAUSES_SECONDS[0]
                    async for word in words.listen():
                        heard(_marks(word["data"]))
            except self._errors as error:
                metrics.cache_trouble("redis_failed")
                log.warning("cache.not_hearing", error=type(error).__name__)
            lost()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _PAUSES_SECONDS[1])

    def mark(self, name: Name) -> bytes:
        """Return what a tag is called in Redis."""
        organisation_id, tag = name
        return self._sealer.mark(organisation_id, length_prefixed(b"tag", tag.encode()))

    def _address(self, place: Place, what: bytes) -> str:
        mark = self._sealer.mark(place.organisation_id, length_prefixed(what, _bound(place)))
        return f"hp:{mark.hex()}"

    async def _opened(
        self, spec: CacheSpec[Any], place: Place, sealed: object, timeout_seconds: float | None
    ) -> Entry | None:
        try:
            text = self._sealer.open(place.organisation_id, _bound(place), bytes(sealed))  # pyright: ignore[reportArgumentType] - anything may stand there
            return read(place, text, _decoder(spec))
        except (DecryptionFailed, msgspec.MsgspecError, ValueError, TypeError):
            metrics.cache_trouble("redis_garbage")
            with contextlib.suppress(Refused):
                await self._call(
                    lambda: self._client.delete(self._address(place, b"value")), timeout_seconds=timeout_seconds
                )
            return None

    async def _call(self, call: Callable[[], Awaitable[R]], *, timeout_seconds: float | None = None) -> R:
        """Ask Redis, in time or not at all. Raises Refused."""
        if not self._breaker.allows():
            metrics.cache_trouble("redis_refused")
            raise Refused
        try:
            async with asyncio.timeout(self._timeout_seconds if timeout_seconds is None else timeout_seconds):
                answer = await call()
        except self._errors as error:
            self._breaker.failed()
            metrics.cache_trouble("redis_failed")
            raise Refused from error
        self._breaker.succeeded()
        return answer


def _bound(place: Place) -> bytes:
    # The organisation is bound by the sealer itself.
    return length_prefixed(place.name.encode(), str(place.version).encode(), msgspec.json.encode(place.key))


def _decoder(spec: CacheSpec[Any]) -> "msgspec.msgpack.Decoder[Any]":
    decoder = _decoders.get(spec)
    if decoder is None:
        decoder = _decoders[spec] = msgspec.msgpack.Decoder(spec.kind)
    return decoder


def _marks(data: bytes) -> list[bytes]:
    return [data[start : start + MARK_BYTES] for start in range(0, len(data), MARK_BYTES)]


# Making a decoder costs more than decoding; specs are few, and live as long as the process.
_decoders: dict[CacheSpec[Any], "msgspec.msgpack.Decoder[Any]"] = {}
