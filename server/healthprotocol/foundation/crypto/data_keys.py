"""Data keys in use: the versions of one key, which encrypt with the newest and decrypt with the one that is named."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar
from uuid import UUID

from healthprotocol.foundation.crypto.errors import DecryptionFailed
from healthprotocol.foundation.crypto.fields import KEY_REFERENCE, FieldCipher, Padding, reference_of

MAX_USES = 2**20

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class DataKey:
    """All usable versions of one data key. Decryption picks the version by its id in the header, never by trying."""

    __slots__ = ("_active", "_ciphers", "uses")

    def __init__(self, ciphers: Mapping[bytes, FieldCipher], *, active: FieldCipher) -> None:
        self._ciphers = ciphers
        self._active = active
        self.uses = 0

    @property
    def version(self) -> int:
        """The version that new values are written with."""
        return self._active.version

    def encrypt(self, *, table: str, column: str, row_id: UUID, plaintext: bytes, pad: Padding = Padding.TEXT) -> bytes:
        """Return the value as an HP1 cell that opens at this place only. `row_id` must never change."""
        self.uses += 1
        return self._active.encrypt(table=table, column=column, row_id=row_id, plaintext=plaintext, pad=pad)

    def decrypt(self, *, table: str, column: str, row_id: UUID, ciphertext: bytes) -> bytes:
        """Return the value of a cell. Raises DecryptionFailed when it was altered, moved, or is of another key."""
        cipher = self._ciphers.get(reference_of(ciphertext))
        if cipher is None:
            raise DecryptionFailed(private=f"{table}.{column} of row {row_id} names another key or a destroyed version")
        return cipher.decrypt(table=table, column=column, row_id=row_id, ciphertext=ciphertext)

    def encrypt_text(
        self, text: str | None, *, table: str, column: str, row_id: UUID, pad: Padding = Padding.TEXT
    ) -> bytes | None:
        """Encrypt a text as UTF-8; None stays None, so an absent value is visibly absent."""
        if text is None:
            return None
        return self.encrypt(table=table, column=column, row_id=row_id, plaintext=text.encode(), pad=pad)

    def decrypt_text(self, ciphertext: bytes | None, *, table: str, column: str, row_id: UUID) -> str | None:
        """Undo `encrypt_text`."""
        if ciphertext is None:
            return None
        cipher = self._ciphers.get(ciphertext[KEY_REFERENCE])
        if cipher is None:
            return self.decrypt(table=table, column=column, row_id=row_id, ciphertext=ciphertext).decode()
        return cipher.decrypt(table=table, column=column, row_id=row_id, ciphertext=ciphertext).decode()


class SubjectKey(DataKey):
    """The key of one record owner: destroying it makes everything under it unreadable."""

    __slots__ = ("subject_id",)

    def __init__(self, subject_id: UUID, ciphers: Mapping[bytes, FieldCipher], *, active: FieldCipher) -> None:
        super().__init__(ciphers, active=active)
        self.subject_id = subject_id


class PurposeKey(DataKey):
    """The key of an organisation for one purpose, for what belongs to no single record owner."""

    __slots__ = ("purpose",)

    def __init__(self, purpose: str, ciphers: Mapping[bytes, FieldCipher], *, active: FieldCipher) -> None:
        super().__init__(ciphers, active=active)
        self.purpose = purpose


class KeyCache(Generic[K, V]):
    """Unwrapped keys of one process: at most `capacity`, the least recently used go first, none older than its time."""

    def __init__(self, *, capacity: int, ttl_seconds: float, monotonic: Callable[[], float]) -> None:
        self._capacity = capacity
        self._ttl_seconds = ttl_seconds
        self._monotonic = monotonic
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, name: K) -> V | None:
        """Return the key, None when it is not here or too old."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        if self._monotonic() >= entry[0]:
            del self._entries[name]
            return None
        self._entries.move_to_end(name)
        return entry[1]

    def put(self, name: K, key: V) -> None:
        """Keep a key from now on for its time."""
        self._entries[name] = (self._monotonic() + self._ttl_seconds, key)
        self._entries.move_to_end(name)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def drop(self, name: K) -> None:
        """Forget a key now."""
        self._entries.pop(name, None)

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
