"""
The root key: wraps the key of each organisation and is never in the database, nor in its backups.

A provider is anything with the methods of `RootKey`; the one here keeps the key in a local file. A key service in the
network is a second implementation of the same methods.
"""

import base64
import binascii
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from healthprotocol.foundation.crypto.errors import DecryptionFailed, RootKeyRefused
from healthprotocol.foundation.crypto.fields import KEY_BYTES, length_prefixed
from healthprotocol.foundation.crypto.hkdf import derive

_FORMAT = "healthprotocol-root-key/1"
_NONCE_BYTES = 12
_LARGEST_FILE_BYTES = 64 * 1024


class WrappedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key under the root: which root key and version wrapped it, and the bytes that only that version opens."""

    root_id: str
    root_version: int
    wrapped: bytes


class RootState(msgspec.Struct, frozen=True, kw_only=True):
    """What may be told of a root key: the kind of its provider, and which version wraps now. Nothing of the key."""

    provider: str
    root_id: str
    current: int
    versions: tuple[int, ...]
    environment: str | None = None


class RootKey(Protocol):
    """What a provider of root keys does. `context` is bound into the wrapping: unwrapping asks for the same."""

    async def wrap(self, key: bytes, context: Mapping[str, str]) -> WrappedKey:
        """Wrap under the current version. Raises Unavailable when the provider does not answer."""
        ...

    async def unwrap(self, wrapped: WrappedKey, context: Mapping[str, str]) -> bytes:
        """Open. Raises Unavailable when the provider does not answer, DecryptionFailed when key or context differ."""
        ...

    def state(self) -> RootState:
        """Return what may be told of it."""
        ...

    async def health(self) -> None:
        """Return when the provider can wrap and unwrap now. Raises Unavailable."""
        ...

    def derive(self, *purpose: str, length: int = 32) -> bytes:
        """Return bytes for a purpose, the same at every start and across versions."""
        ...


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """
    The file's content.

    `derivation` does not rotate with the versions: what is derived from it (page marks, the database login) must be
    the same in processes that have and have not seen a new version yet. `environment` is what the key was made for; it
    is bound into every wrapping, so that changing it here opens nothing. None in files of releases before it.
    """

    format: str
    root_id: str
    current: int
    versions: dict[str, str]
    derivation: str
    environment: str | None = None


class LocalRootKey:
    """A root key in a file that only its owner can read (0400)."""

    def __init__(
        self,
        *,
        root_id: str,
        versions: Mapping[int, bytes],
        current: int,
        derivation: bytes,
        environment: str | None = None,
    ) -> None:
        self.environment = environment
        self._root_id = root_id
        self._aeads = {version: AESGCM(key) for version, key in versions.items()}
        self._current = current
        self._derivation = derivation

    @classmethod
    def load(cls, path: Path, *, inside_checkout: bool = False, environment: str | None = None) -> Self:
        """
        Read the file; `environment` is what this process is for, None when it does not say.

        Raises RootKeyRefused when it is absent, broken, readable by others than its owner, made for another
        environment, or, unless `inside_checkout` allows it, lies below a folder with a `.git`, from where it would be
        committed one day.
        """
        if not inside_checkout:
            _refuse_checkout(path)
        key = cls._parse(path, _read_private(path))
        if environment is not None and key.environment not in {None, environment}:
            raise RootKeyRefused(
                f"{path} was made for {key.environment}, and this is {environment}: "
                f"name this environment's own root key, or start with HP_ENVIRONMENT={key.environment}"
            )
        return key

    @classmethod
    def create(cls, path: Path, *, environment: str | None = None) -> Self:
        """
        Make a new key file for an environment, None for any.

        Raises FileExistsError rather than replace one: replacing loses every value under it.
        """
        content = _KeyFile(
            format=_FORMAT,
            root_id=os.urandom(8).hex(),
            current=1,
            versions={"1": _encoded(os.urandom(KEY_BYTES))},
            derivation=_encoded(os.urandom(KEY_BYTES)),
            environment=environment,
        )
        raw = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
        _write_private(path, raw)
        return cls._parse(path, raw)

    @classmethod
    def load_or_create(cls, path: Path, *, inside_checkout: bool = False, environment: str | None = None) -> Self:
        """Read the file, or make it when there is none. Two processes that start at once end with the same key."""
        if not path.exists():
            if not inside_checkout:
                _refuse_checkout(path)
            try:
                return cls.create(path, environment=environment)
            except FileExistsError:
                # Another process was faster between the two lines; its key is the key.
                return cls.load(path, inside_checkout=inside_checkout, environment=environment)
        return cls.load(path, inside_checkout=inside_checkout, environment=environment)

    async def wrap(self, key: bytes, context: Mapping[str, str]) -> WrappedKey:
        """Wrap under the current version."""
        nonce = os.urandom(_NONCE_BYTES)
        aad = self._aad(self._current, context)
        wrapped = nonce + self._aeads[self._current].encrypt(nonce, key, aad)
        return WrappedKey(root_id=self._root_id, root_version=self._current, wrapped=wrapped)

    async def unwrap(self, wrapped: WrappedKey, context: Mapping[str, str]) -> bytes:
        """Open with the version that the wrapping names."""
        aead = self._aeads.get(wrapped.root_version)
        if wrapped.root_id != self._root_id or aead is None:
            raise DecryptionFailed(
                private=f"root key {wrapped.root_id} version {wrapped.root_version} is not in the file"
            )
        nonce, body = wrapped.wrapped[:_NONCE_BYTES], wrapped.wrapped[_NONCE_BYTES:]
        try:
            return aead.decrypt(nonce, body, self._aad(wrapped.root_version, context))
        except (InvalidTag, ValueError) as error:
            raise DecryptionFailed(private="a wrapped key does not open with the root key in its context") from error

    def state(self) -> RootState:
        """Return what may be told of it."""
        return RootState(
            provider="file",
            root_id=self._root_id,
            current=self._current,
            versions=tuple(sorted(self._aeads)),
            environment=self.environment,
        )

    async def health(self) -> None:
        """Return at once: the key is in memory."""

    def derive(self, *purpose: str, length: int = 32) -> bytes:
        """Return bytes for a purpose from the part of the file that does not rotate."""
        return derive(self._derivation, "hp/root/v1", *purpose, length=length)

    def _aad(self, version: int, context: Mapping[str, str]) -> bytes:
        pairs = [part.encode() for name in sorted(context) for part in (name, context[name])]
        if self.environment is not None:
            # Another first part, so that no environment can be mistaken for a piece of the context.
            return length_prefixed(
                b"hp/wrap/root/v2", self.environment.encode(), self._root_id.encode(), str(version).encode(), *pairs
            )
        return length_prefixed(b"hp/wrap/root/v1", self._root_id.encode(), str(version).encode(), *pairs)

    @classmethod
    def _parse(cls, path: Path, raw: bytes) -> Self:
        try:
            content = msgspec.json.decode(raw, type=_KeyFile)
            versions = {int(version): _decoded(key) for version, key in content.versions.items()}
            derivation = _decoded(content.derivation)
        except (msgspec.DecodeError, ValueError) as error:
            # The cause is cut off: it could quote the file.
            raise RootKeyRefused(f"{path} is not a root key file; restore it from its backup") from _kind_only(error)
        if content.format != _FORMAT or content.current not in versions:
            raise RootKeyRefused(f"{path} is a root key file of another format; use the release that wrote it")
        return cls(
            root_id=content.root_id,
            versions=versions,
            current=content.current,
            derivation=derivation,
            environment=content.environment,
        )


def _refuse_checkout(path: Path) -> None:
    for folder in (*path.absolute().parents, *path.resolve().parents):
        if (folder / ".git").exists():
            raise RootKeyRefused(f"{path} lies inside the checkout {folder}; keep the root key outside of it")


def _read_private(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise RootKeyRefused(
            f"there is no root key file at {path}; restore it, or create one for a new system"
        ) from error
    except OSError as error:
        raise RootKeyRefused(f"{path} cannot be opened: {error.strerror}") from error
    try:
        # Asked of the open file, not of the path, so that nobody can swap it in between.
        _refuse_public(path, os.fstat(descriptor))
        return os.read(descriptor, _LARGEST_FILE_BYTES)
    finally:
        os.close(descriptor)


def _refuse_public(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise RootKeyRefused(f"{path} is not a plain file")
    if status.st_mode & 0o077:
        raise RootKeyRefused(f"{path} can be read by others than its owner; run: chmod 0400 {path}")
    if status.st_uid not in {os.geteuid(), 0}:
        raise RootKeyRefused(f"{path} belongs to another user; give it to the one that runs the server")


def _write_private(path: Path, raw: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        # A hard link fails when the name is taken, and shows the file only when it is whole.
        os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _decoded(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES:
        raise binascii.Error("a key has 32 bytes")
    return key


def _kind_only(error: Exception) -> Exception:
    return ValueError(type(error).__name__)
