"""Argon2id in a bounded pool of threads: hashing is dear on purpose, so nobody may ask for it without end."""

import asyncio
import base64
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec
from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError

from healthprotocol.trust.accounts.errors import SignInBusy

T = TypeVar("T")

# The minimum of OWASP's password storage cheat sheet for argon2id: 19 MiB, two passes, one lane.
MEMORY_KIB = 19_456
PASSES = 2
THREADS = 2
QUEUE = 50

_SALT_BYTES = 16
_HASH_BYTES = 32


class Verdict(msgspec.Struct, frozen=True):
    """Whether the password is the one, and whether its hash was made with other costs than those of today."""

    matches: bool
    needs_rehash: bool = False


class PasswordHasher:
    """Makes and checks password hashes, `THREADS` at a time with at most `QUEUE` waiting. One per process."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._argon2 = Argon2(
            time_cost=passes, memory_cost=memory_kib, parallelism=1, hash_len=_HASH_BYTES, salt_len=_SALT_BYTES
        )
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._asked_for = 0
        # Nobody's hash, for addresses without an account: checking it costs what checking any other costs.
        salt, digest = (_encoded(os.urandom(length)) for length in (_SALT_BYTES, _HASH_BYTES))
        self._nobodys = f"$argon2id$v=19$m={memory_kib},t={passes},p=1${salt}${digest}"

    async def hash(self, password: str) -> str:
        """Return the hash of a password in PHC form. Raises SignInBusy when too many wait."""
        return await self._in_pool(lambda: self._argon2.hash(password))

    async def verify(self, password: str, password_hash: str | None) -> Verdict:
        """Check a password; None never matches and takes as long as a hash. Raises SignInBusy when too many wait."""
        return await self._in_pool(lambda: self._verify(password, password_hash))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, password_hash: str | None) -> Verdict:
        try:
            self._argon2.verify(password_hash or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return Verdict(matches=False)
        return Verdict(
            matches=password_hash is not None,
            needs_rehash=self._argon2.check_needs_rehash(password_hash or self._nobodys),
        )

    async def _in_pool(self, work: Callable[[], T]) -> T:
        if self._asked_for >= THREADS + QUEUE:
            raise SignInBusy(retry_after_seconds=2)
        self._asked_for += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._asked_for -= 1


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).rstrip(b"=").decode()
