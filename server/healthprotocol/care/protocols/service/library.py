"""The life of a care protocol: draft, change, publish, retire, duplicate, compare, read."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from healthprotocol.care.protocols import repository
from healthprotocol.care.protocols.errors import (
    NothingToPublish,
    NotPublished,
    NotReadyToPublish,
    ProtocolIsRetired,
    ProtocolNotFound,
    VersionNotFound,
)
from healthprotocol.care.protocols.model import ProtocolContent, ProtocolId, ProtocolVersion, VersionRow
from healthprotocol.care.protocols.repository import KnownContent, KnownTitle, Protocol, StoredSource
from healthprotocol.care.protocols.rules.content_check import check_content, check_publishable
from healthprotocol.care.protocols.rules.difference import Change, differences
from healthprotocol.care.protocols.rules.sanitised import sanitised
from healthprotocol.foundation.cache import CacheSpec
from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.db.listing import Asked, Page
from healthprotocol.foundation.db.transaction import Transaction
from healthprotocol.foundation.errors import Invalid, PreconditionFailed
from healthprotocol.trust.audit import service as audit

LISTING = repository.PROTOCOLS

_OBJECT = "protocol"
_MOST_FAULTS = 100
_LONGEST_TITLE = 100
_COPY = " (copy)"

# Published versions never change, so this process decodes what they say once: every day that is computed asks for it.
VERSIONS: CacheSpec[KnownContent] = CacheSpec(
    name="protocol_version", kind=KnownContent, share=0.6, keep=lambda known: known.published_at is not None
)
# Lists show titles of versions whose days nobody asks for.
TITLES: CacheSpec[KnownTitle] = CacheSpec(
    name="protocol_title", kind=KnownTitle, share=0.05, keep=lambda known: known.published_at is not None
)


async def create(
    tx: Transaction, actor: Actor, content: ProtocolContent, *, source: StoredSource | None = None
) -> ProtocolVersion:
    """Write a new protocol as draft version 1. Raises Invalid with every fault."""
    settled = _settle(content)
    protocol = Protocol(
        id=ProtocolId(tx.new_id()),
        status="draft",
        latest_version=1,
        active_version=None,
        published_at=None,
        revision=1,
        created_at=tx.now,
        created_by=actor.account_id,
        updated_at=tx.now,
    )
    version = _draft(tx, actor, protocol, settled)

    await repository.insert(tx, protocol, settled)
    await repository.insert_version(tx, version, source)
    await audit.record(tx, actor, "protocol.create", protocol.id, object_type=_OBJECT)
    return version


async def get(tx: Transaction, protocol_id: ProtocolId) -> ProtocolVersion:
    """
    Return the newest version, a draft if there is one. Raises ProtocolNotFound.

    Reads of the library are not recorded, here and below: a definition describes no person.
    """
    protocol = await _existing(tx, protocol_id)
    return await _version(tx, protocol, protocol.latest_version)


async def get_version(tx: Transaction, protocol_id: ProtocolId, number: int) -> ProtocolVersion:
    """Return one version. Raises ProtocolNotFound, VersionNotFound."""
    return await _version(tx, await _existing(tx, protocol_id), number)


async def versions(tx: Transaction, protocol_id: ProtocolId) -> list[VersionRow]:
    """Return what lists show of the newest 200 versions, newest first. Raises ProtocolNotFound."""
    await _existing(tx, protocol_id)
    return await repository.versions(tx, protocol_id)


async def page(tx: Transaction, query: Asked, *, q: str = "") -> Page[Any]:
    """Return a page of the library; `q` finds words, as the field `words` does. Raises BadRequest."""
    listing = await LISTING.ask(tx, query)
    return await repository.page(tx, listing, q=q.strip())


async def update(
    tx: Transaction,
    actor: Actor,
    protocol_id: ProtocolId,
    *,
    change: Callable[[ProtocolContent], ProtocolContent],
    expected_revision: int | None,
) -> ProtocolVersion:
    """
    Change the draft; when the newest version is published, this begins the next draft and leaves the version alone.

    A change that changes nothing begins no draft.

    Raises ProtocolNotFound, ProtocolIsRetired, PreconditionFailed, Invalid.
    """
    protocol = await _existing(tx, protocol_id, for_update=True)
    _require_revision(protocol, expected_revision)
    _require_not_retired(protocol)
    newest = await _version(tx, protocol, protocol.latest_version)
    settled = _settle(change(newest.content))
    if settled == newest.content:
        return newest
    after = msgspec.structs.replace(protocol, revision=protocol.revision + 1, updated_at=tx.now)

    if newest.status == "draft":
        await repository.save_draft(tx, protocol_id, newest.version, settled)
    else:
        after = msgspec.structs.replace(after, latest_version=newest.version + 1)
        source = await repository.source(tx, protocol_id, newest.version)
        await repository.insert_version(tx, _draft(tx, actor, after, settled), source)
    await repository.save(tx, after, settled)
    await audit.record(tx, actor, "protocol.update", protocol_id, object_type=_OBJECT)
    return await _version(tx, after, after.latest_version)


async def publish(
    tx: Transaction, actor: Actor, protocol_id: ProtocolId, *, expected_revision: int | None = None
) -> ProtocolVersion:
    """
    Make the draft the active version; from then on it never changes.

    Raises ProtocolNotFound, ProtocolIsRetired, NothingToPublish, NotReadyToPublish, PreconditionFailed.
    """
    protocol = await _existing(tx, protocol_id, for_update=True)
    _require_revision(protocol, expected_revision)
    _require_not_retired(protocol)
    draft = await _version(tx, protocol, protocol.latest_version)
    if draft.status != "draft":
        raise NothingToPublish
    missing = check_publishable(draft.content)
    if missing:
        raise NotReadyToPublish(violations=missing)
    after = msgspec.structs.replace(
        protocol,
        status="active",
        active_version=draft.version,
        published_at=tx.now,
        revision=protocol.revision + 1,
        updated_at=tx.now,
    )

    await repository.publish_version(tx, protocol_id, draft.version, actor.account_id)
    await repository.save(tx, after, draft.content)
    await audit.record(
        tx, actor, "protocol.publish", protocol_id, object_type=_OBJECT, detail={"version": draft.version}
    )
    return await _version(tx, after, draft.version)


async def retire(
    tx: Transaction, actor: Actor, protocol_id: ProtocolId, *, expected_revision: int | None = None
) -> ProtocolVersion:
    """Retire the protocol with all its versions: running assignments go on, new ones are refused. Twice is once."""
    protocol = await _existing(tx, protocol_id, for_update=True)
    _require_revision(protocol, expected_revision)
    newest = await _version(tx, protocol, protocol.latest_version)
    if protocol.status == "retired":
        return newest
    after = msgspec.structs.replace(protocol, status="retired", revision=protocol.revision + 1, updated_at=tx.now)

    await repository.retire_versions(tx, protocol_id)
    await repository.save(tx, after, newest.content)
    await audit.record(tx, actor, "protocol.retire", protocol_id, object_type=_OBJECT)
    return await _version(tx, after, after.latest_version)


async def duplicate(tx: Transaction, actor: Actor, protocol_id: ProtocolId) -> ProtocolVersion:
    """Return a new protocol, a draft with the content and imported source of the newest version."""
    protocol = await _existing(tx, protocol_id)
    newest = await _version(tx, protocol, protocol.latest_version)
    source = await repository.source(tx, protocol_id, newest.version)
    title = newest.content.title[: _LONGEST_TITLE - len(_COPY)] + _COPY
    return await create(tx, actor, msgspec.structs.replace(newest.content, title=title), source=source)


async def compare(tx: Transaction, protocol_id: ProtocolId, *, first: int, second: int) -> tuple[Change, ...]:
    """Return what changed from version `first` to `second`. Raises ProtocolNotFound, VersionNotFound."""
    protocol = await _existing(tx, protocol_id)
    before, after = await _version(tx, protocol, first), await _version(tx, protocol, second)
    return differences(before.content, after.content)


async def assignable(tx: Transaction, protocol_id: ProtocolId, number: int | None) -> ProtocolVersion:
    """
    Return the version to assign: `number`, or the newest published one.

    Raises ProtocolNotFound, ProtocolIsRetired, VersionNotFound, NotPublished.
    """
    protocol = await _existing(tx, protocol_id)
    _require_not_retired(protocol)
    wanted = number if number is not None else protocol.active_version
    if wanted is None:
        raise NotPublished
    version = await _version(tx, protocol, wanted)
    if version.status == "draft":
        raise NotPublished
    return version


async def contents(tx: Transaction, wanted: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], ProtocolContent]:
    """Return the content of versions named by protocol and number, in at most one query; unknown ones are left out."""
    known = await tx.cache.get_many(VERSIONS, wanted, repository.contents)
    return {name: one.content for name, one in known.items()}


async def version_titles(tx: Transaction, wanted: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], str]:
    """Return the titles of versions named by protocol and number, in at most one query, and without what they say."""
    known = await tx.cache.get_many(TITLES, wanted, repository.version_titles)
    return {name: one.title for name, one in known.items()}


async def titles(tx: Transaction, protocol_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the titles of these protocols that exist."""
    return await repository.titles(tx, protocol_ids)


async def ids_of_title(tx: Transaction, title: str) -> list[UUID]:
    """Return the ids of the protocols of exactly this title that are not retired: none, one, or two of several."""
    return await repository.ids_of_title(tx, title)


def _settle(content: ProtocolContent) -> ProtocolContent:
    """Return the content with its rich text sanitised. Raises Invalid with every fault."""
    faults = check_content(content)
    if faults:
        raise Invalid(violations=faults[:_MOST_FAULTS])
    patient_content = content.patient_content
    return msgspec.structs.replace(
        content,
        title=content.title.strip(),
        content=sanitised(content.content),
        patient_content=None if patient_content is None else sanitised(patient_content),
    )


def _draft(tx: Transaction, actor: Actor, protocol: Protocol, content: ProtocolContent) -> ProtocolVersion:
    return ProtocolVersion(
        protocol_id=protocol.id,
        version=protocol.latest_version,
        status="draft",
        content=content,
        revision=protocol.revision,
        created_at=tx.now,
        updated_at=tx.now,
        created_by=actor.account_id,
    )


async def _existing(tx: Transaction, protocol_id: ProtocolId, *, for_update: bool = False) -> Protocol:
    protocol = await repository.get(tx, protocol_id, for_update=for_update)
    if protocol is None:
        raise ProtocolNotFound
    return protocol


async def _version(tx: Transaction, protocol: Protocol, number: int) -> ProtocolVersion:
    # Other numbers may not even fit the column.
    is_possible = 0 < number <= protocol.latest_version
    version = await repository.get_version(tx, protocol.id, number) if is_possible else None
    if version is None:
        raise VersionNotFound
    return version


def _require_revision(protocol: Protocol, expected_revision: int | None) -> None:
    if expected_revision is not None and expected_revision != protocol.revision:
        raise PreconditionFailed


def _require_not_retired(protocol: Protocol) -> None:
    if protocol.status == "retired":
        raise ProtocolIsRetired
