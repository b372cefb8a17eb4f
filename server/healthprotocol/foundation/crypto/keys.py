"""
The key ring of a process: root key → organisation key → a data key for each subject and each purpose.

Plaintext keys live only here, in memory, for a bounded time. Every method that reads or makes a data key takes the
transaction, whose tenant says whose keys are meant, so that a key and the first value under it commit together.
"""

import os
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID
from weakref import WeakKeyDictionary

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from healthprotocol.foundation.crypto import key_rows
from healthprotocol.foundation.crypto.blind_index import UNIQUE_BYTES, Indexer
from healthprotocol.foundation.crypto.data_keys import MAX_USES, DataKey, KeyCache, PurposeKey, SubjectKey
from healthprotocol.foundation.crypto.errors import DecryptionFailed, KeyUnknown
from healthprotocol.foundation.crypto.fields import KEY_BYTES, FieldCipher, length_prefixed
from healthprotocol.foundation.crypto.hkdf import Signer
from healthprotocol.foundation.crypto.key_rows import ACTIVE, DataKeyRow, OrganisationKeyRow, Unit
from healthprotocol.foundation.crypto.root import RootKey
from healthprotocol.foundation.crypto.sealing import Sealer
from healthprotocol.foundation.telemetry import metrics

INDEX_ROOT = "index"
GENERAL = "general"
PURPOSES = (GENERAL, "auth", "audit", "protocol", "webhook")

DATA_KEY_CAPACITY = 10_000
DATA_KEY_TTL_SECONDS = 300.0
ORGANISATION_KEY_TTL_SECONDS = 900.0

_NONCE_BYTES = 12

__all__ = ["DataKey", "KeyRing", "PurposeKey", "SubjectKey"]


class _OrganisationKey:
    """The versions of an organisation's key, unwrapped: they open and close data keys."""

    def __init__(self, organisation_id: UUID, keys: dict[int, bytes], *, active: int) -> None:
        self._organisation_id = organisation_id
        self._aeads = {version: AESGCM(key) for version, key in keys.items()}
        self.active = active

    def wrap(self, owner: UUID | str, key_id: UUID, version: int, key: bytes) -> DataKeyRow:
        nonce = os.urandom(_NONCE_BYTES)
        aad = self._aad(owner, key_id, version, self.active)
        return DataKeyRow(
            owner=owner,
            key_id=key_id,
            version=version,
            wrapped=nonce + self._aeads[self.active].encrypt(nonce, key, aad),
            wrapping_version=self.active,
            state=ACTIVE,
        )

    def unwrap(self, row: DataKeyRow) -> bytes:
        aead = self._aeads.get(row.wrapping_version)
        if aead is None:
            raise DecryptionFailed(private=f"key {row.key_id} is under a destroyed version of the organisation's key")
        aad = self._aad(row.owner, row.key_id, row.version, row.wrapping_version)
        try:
            return aead.decrypt(row.wrapped[:_NONCE_BYTES], row.wrapped[_NONCE_BYTES:], aad)
        except (InvalidTag, ValueError) as error:
            raise DecryptionFailed(private=f"key {row.key_id} does not open with the organisation's key") from error

    def _aad(self, owner: UUID | str, key_id: UUID, version: int, wrapping_version: int) -> bytes:
        kind, name = (b"subject", owner.bytes) if isinstance(owner, UUID) else (b"purpose", owner.encode())
        versions = struct.pack(">II", version, wrapping_version)
        return length_prefixed(b"hp/wrap/data/v1", self._organisation_id.bytes, kind, name, key_id.bytes, versions)


class _Fresh:
    """Keys that a running transaction made. They are for it alone: nobody may use a key that could be rolled back."""

    def __init__(self) -> None:
        self.organisation: _OrganisationKey | None = None
        self.subjects: dict[UUID, SubjectKey] = {}
        self.purposes: dict[str, PurposeKey] = {}
        self.index_root: bytes | None = None

    def copy(self) -> "_Fresh":
        copied = _Fresh()
        copied.organisation, copied.index_root = self.organisation, self.index_root
        copied.subjects, copied.purposes = dict(self.subjects), dict(self.purposes)
        return copied


class KeyRing:
    """
    All keys that a process can reach. One per process, given to `Database`.

    Methods raise Unavailable when a key is not cached and the root provider does not answer.
    """

    def __init__(self, root: RootKey, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._organisations: KeyCache[UUID, _OrganisationKey] = KeyCache(
            capacity=1_000, ttl_seconds=ORGANISATION_KEY_TTL_SECONDS, monotonic=monotonic
        )
        self._subjects: KeyCache[tuple[UUID, UUID], SubjectKey] = KeyCache(
            capacity=DATA_KEY_CAPACITY, ttl_seconds=DATA_KEY_TTL_SECONDS, monotonic=monotonic
        )
        self._purposes: KeyCache[tuple[UUID, str], PurposeKey] = KeyCache(
            capacity=DATA_KEY_CAPACITY, ttl_seconds=DATA_KEY_TTL_SECONDS, monotonic=monotonic
        )
        self._index_roots: KeyCache[UUID, bytes] = KeyCache(
            capacity=1_000, ttl_seconds=DATA_KEY_TTL_SECONDS, monotonic=monotonic
        )
        self._indexers: KeyCache[tuple[UUID, str, str, str, int], Indexer] = KeyCache(
            capacity=DATA_KEY_CAPACITY, ttl_seconds=DATA_KEY_TTL_SECONDS, monotonic=monotonic
        )
        self._signers: dict[str, Signer] = {}
        self._fresh: WeakKeyDictionary[Unit, _Fresh] = WeakKeyDictionary()

    async def create_organisation(self, tx: Unit) -> None:
        """Make the key of the transaction's organisation, its index root and its purpose keys. Once in its life."""
        key = os.urandom(KEY_BYTES)
        wrapped = await self._root.wrap(key, _context(tx.tenant, 1))
        await key_rows.insert_organisation_key(tx, OrganisationKeyRow(version=1, wrapped=wrapped, state=ACTIVE))
        fresh = self._fresh_of(tx)
        fresh.organisation = _OrganisationKey(tx.tenant, {1: key}, active=1)
        fresh.index_root = os.urandom(KEY_BYTES)
        await key_rows.insert_purpose_key(tx, fresh.organisation.wrap(INDEX_ROOT, tx.new_id(), 1, fresh.index_root))
        for purpose in PURPOSES:
            await self._create_purpose(tx, purpose)

    async def create_subjects(self, tx: Unit, subject_ids: Sequence[UUID]) -> dict[UUID, SubjectKey]:
        """Make the keys of new subjects in one statement. Fails on the unique constraint when one has a key."""
        organisation = await self._organisation(tx)
        rows: list[DataKeyRow] = []
        made: dict[UUID, SubjectKey] = {}
        for subject_id in subject_ids:
            key, key_id = os.urandom(KEY_BYTES), tx.new_id()
            rows.append(organisation.wrap(subject_id, key_id, 1, key))
            cipher = FieldCipher(organisation_id=tx.tenant, key_id=key_id, version=1, key=key)
            made[subject_id] = SubjectKey(subject_id, {cipher.reference: cipher}, active=cipher)
        await key_rows.insert_subject_keys(tx, rows)
        self._fresh_of(tx).subjects.update(made)
        return made

    async def subject(self, tx: Unit, subject_id: UUID) -> SubjectKey:
        """Return the key of a subject. Raises KeyUnknown when it has none, or none any more."""
        found = await self.subjects(tx, [subject_id])
        if subject_id not in found:
            raise KeyUnknown
        return found[subject_id]

    async def subjects(self, tx: Unit, subject_ids: Iterable[UUID]) -> dict[UUID, SubjectKey]:
        """Return the keys of many subjects with at most one query; subjects without a key are left out."""
        found: dict[UUID, SubjectKey] = {}
        missing: list[UUID] = []
        fresh = self._fresh_of(tx).subjects
        for subject_id in subject_ids:
            key = fresh.get(subject_id) or self._subjects.get((tx.tenant, subject_id))
            if key is None or key.uses > MAX_USES:
                missing.append(subject_id)
            else:
                found[subject_id] = key
        if found:
            metrics.cache_event("subject_keys", "hit_memory", times=len(found))
        if missing:
            metrics.cache_event("subject_keys", "load", times=len(missing))
            found.update(await self._load_subjects(tx, missing))
        return found

    async def destroy_subject(self, tx: Unit, subject_id: UUID) -> int:
        """
        Destroy all versions of a subject's key: everything under it is unreadable from the commit on.

        Other processes may use a cached key for up to 300 seconds more. Returns how many versions there were.
        """
        count = await key_rows.destroy_subject_keys(tx, subject_id)
        tenant = tx.tenant

        async def forget() -> None:
            self._subjects.drop((tenant, subject_id))

        self._fresh_of(tx).subjects.pop(subject_id, None)
        tx.after_commit(forget)
        return count

    async def purpose(self, tx: Unit, purpose: str) -> PurposeKey:
        """Return the organisation's key for a purpose (a short plain word), made at first use."""
        key = self._fresh_of(tx).purposes.get(purpose) or self._purposes.get((tx.tenant, purpose))
        if key is not None and key.uses <= MAX_USES:
            return key
        rows = await key_rows.purpose_keys(tx, purpose)
        if not rows:
            made = await self._create_purpose(tx, purpose)
            if made is not None:
                return made
            # Another transaction made it in the same moment; ours waited for its commit.
            rows = await key_rows.purpose_keys(tx, purpose)
        ciphers, active = _ciphers(tx.tenant, await self._organisation(tx), rows)
        key = PurposeKey(purpose, ciphers, active=active)
        self._purposes.put((tx.tenant, purpose), key)
        return key

    async def organisation(self, tx: Unit) -> PurposeKey:
        """Return the organisation's general key, for what has neither a subject nor a purpose key of its own."""
        return await self.purpose(tx, GENERAL)

    async def index(self, tx: Unit, table: str, column: str, name: str, *, size: int = UNIQUE_BYTES) -> Indexer:
        """
        Return the blind index `name` of a column, for this organisation.

        `size` in bytes: 16 for unique values, 8 (COMPOUND_BYTES) for an index over several values together.
        """
        place = (tx.tenant, table, column, name, size)
        indexer = self._indexers.get(place)
        if indexer is None:
            root = await self._index_root(tx)
            indexer = Indexer(root, table=table, column=column, name=name, size=size)
            if self._fresh_of(tx).index_root is None:
                self._indexers.put(place, indexer)
        return indexer

    def savepoint(self, tx: Unit) -> Callable[[], None]:
        """Return what forgets the keys that `tx` makes from now on, for when their rows are rolled back."""
        kept = self._fresh_of(tx).copy()

        def forget() -> None:
            self._fresh[tx] = kept

        return forget

    def directory(self, name: str) -> Indexer:
        """Return an index that is the same in all organisations: it finds an organisation before one is known."""
        return Indexer(self._root.derive("directory"), table="directory", column="lookup", name=name, size=KEY_BYTES)

    def signer(self, purpose: str) -> Signer:
        """Return the signer of a purpose, the same in all processes under the same root."""
        signer = self._signers.get(purpose)
        if signer is None:
            signer = self._signers[purpose] = Signer(self._root.derive("signer", purpose))
        return signer

    def sealer(self, purpose: str) -> Sealer:
        """Return what seals values of a purpose outside the database, the same in all processes under the same root."""
        return Sealer(self._root.derive("sealer", purpose))

    async def health(self) -> None:
        """Return when the root provider answers. Raises Unavailable."""
        await self._root.health()

    def forget(self) -> None:
        """Drop all cached plaintext keys."""
        for cache in (self._organisations, self._subjects, self._purposes, self._index_roots, self._indexers):
            cache.clear()

    def _fresh_of(self, tx: Unit) -> _Fresh:
        fresh = self._fresh.get(tx)
        if fresh is None:
            fresh = self._fresh[tx] = _Fresh()
        return fresh

    async def _organisation(self, tx: Unit) -> _OrganisationKey:
        key = self._fresh_of(tx).organisation or self._organisations.get(tx.tenant)
        if key is not None:
            return key
        rows = await key_rows.organisation_keys(tx)
        if not rows:
            raise KeyUnknown(private="the organisation has no key")
        keys = {row.version: await self._root.unwrap(row.wrapped, _context(tx.tenant, row.version)) for row in rows}
        active = max(row.version for row in rows if row.state == ACTIVE)
        key = _OrganisationKey(tx.tenant, keys, active=active)
        self._organisations.put(tx.tenant, key)
        return key

    async def _load_subjects(self, tx: Unit, subject_ids: Sequence[UUID]) -> dict[UUID, SubjectKey]:
        organisation = await self._organisation(tx)
        by_subject: dict[UUID, list[DataKeyRow]] = {}
        for row in await key_rows.subject_keys(tx, subject_ids):
            by_subject.setdefault(UUID(str(row.owner)), []).append(row)
        found: dict[UUID, SubjectKey] = {}
        for subject_id, rows in by_subject.items():
            ciphers, active = _ciphers(tx.tenant, organisation, rows)
            found[subject_id] = SubjectKey(subject_id, ciphers, active=active)
            self._subjects.put((tx.tenant, subject_id), found[subject_id])
        return found

    async def _create_purpose(self, tx: Unit, purpose: str) -> PurposeKey | None:
        organisation = await self._organisation(tx)
        key, key_id = os.urandom(KEY_BYTES), tx.new_id()
        if not await key_rows.insert_purpose_key(tx, organisation.wrap(purpose, key_id, 1, key)):
            return None
        cipher = FieldCipher(organisation_id=tx.tenant, key_id=key_id, version=1, key=key)
        made = PurposeKey(purpose, {cipher.reference: cipher}, active=cipher)
        self._fresh_of(tx).purposes[purpose] = made
        return made

    async def _index_root(self, tx: Unit) -> bytes:
        root = self._fresh_of(tx).index_root or self._index_roots.get(tx.tenant)
        if root is not None:
            return root
        rows = await key_rows.purpose_keys(tx, INDEX_ROOT)
        if not rows:
            raise KeyUnknown(private="the organisation has no index root")
        newest = max(rows, key=lambda row: row.version)
        root = (await self._organisation(tx)).unwrap(newest)
        self._index_roots.put(tx.tenant, root)
        return root


def _context(organisation_id: UUID, version: int) -> dict[str, str]:
    return {"organisation": str(organisation_id), "purpose": "organisation-key", "version": str(version)}


def _ciphers(
    organisation_id: UUID, organisation: _OrganisationKey, rows: Sequence[DataKeyRow]
) -> tuple[dict[bytes, FieldCipher], FieldCipher]:
    """Return the ciphers by their reference, and the newest active one."""
    ciphers: dict[bytes, FieldCipher] = {}
    active: FieldCipher | None = None
    for row in rows:
        cipher = FieldCipher(
            organisation_id=organisation_id, key_id=row.key_id, version=row.version, key=organisation.unwrap(row)
        )
        ciphers[cipher.reference] = cipher
        if row.state == ACTIVE and (active is None or row.version > active.version):
            active = cipher
    if active is None:
        raise DecryptionFailed(private="a key has no active version")
    return ciphers, active
