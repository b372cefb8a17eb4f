"""Care protocols and their versions in SQL. Opened by this slice's service only."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from healthprotocol.care.protocols.model import ProtocolContent, ProtocolId, ProtocolStatus, ProtocolVersion, VersionRow
from healthprotocol.foundation.db.listing import (
    Listing,
    ListingSpec,
    Page,
    SqlText,
    choice,
    fetch_page,
    integer,
    tags,
    text,
    timestamp,
    words,
)
from healthprotocol.foundation.db.listing import uuid as uuid_field
from healthprotocol.foundation.db.transaction import Record, Transaction
from healthprotocol.foundation.ids import AccountId

PROTOCOLS = ListingSpec(
    name="protocols",
    fields={
        "id": uuid_field("p.id", sortable=True),
        "status": choice("p.status", ("draft", "active", "retired")),
        "title": text("p.title", sortable=True, prefix=True),
        "category": text("p.category", nullable=True),
        "tags": tags("p.tags", match="p.id in (select found from hp_protocols_tagged(?) as found)"),
        "words": words(
            "p.id in (select found from hp_protocols_with_words(?) as found)",
            about="of the newest version's title, category, tags and description, each by its beginning, as a web "
            'search: `one two`, `"a phrase"`, `-without`, `one or other`',
        ),
        "version": integer("p.latest_version"),
        "created_at": timestamp("p.created_at", sortable=True),
        "updated_at": timestamp("p.updated_at", sortable=True),
        "published_at": timestamp("p.published_at", nullable=True),
    },
    default_order="title",
)


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """What all versions of a protocol share. `latest_version` is a draft when it is above `active_version`."""

    id: ProtocolId
    status: ProtocolStatus
    latest_version: int
    active_version: int | None
    published_at: datetime | None
    revision: int
    created_at: datetime
    created_by: AccountId
    updated_at: datetime


class KnownContent(msgspec.Struct, frozen=True, kw_only=True):
    """What a version says, and since when it can change no more; None: it still can."""

    content: ProtocolContent
    published_at: datetime | None


class KnownTitle(msgspec.Struct, frozen=True, kw_only=True):
    """The title of a version, and since when it cannot change; None: it is a draft."""

    title: str
    published_at: datetime | None


class StoredSource(msgspec.Struct, frozen=True):
    """The source that a version was imported from: its format and exact bytes."""

    format: str
    body: bytes


async def insert(tx: Transaction, protocol: Protocol, content: ProtocolContent) -> None:
    """Insert a protocol; its first version is inserted by `insert_version`."""
    await tx.execute(
        """
        insert into protocol (
          organisation_id, id, status, title, category, tags, latest_version, active_version, published_at, revision,
          created_at, created_by, updated_at, description
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        """,
        tx.tenant,
        protocol.id,
        protocol.status,
        content.title,
        content.category,
        list(content.tags),
        protocol.latest_version,
        protocol.active_version,
        protocol.published_at,
        protocol.revision,
        protocol.created_at,
        protocol.created_by,
        protocol.updated_at,
        content.description,
    )


async def save(tx: Transaction, protocol: Protocol, content: ProtocolContent) -> None:
    """Write what changed of a protocol; `content` is that of the newest version."""
    await tx.execute(
        """
        update protocol
        set status = $3, title = $4, category = $5, tags = $6, latest_version = $7, active_version = $8,
          published_at = $9, revision = $10, updated_at = $11, description = $12
        where organisation_id = $1 and id = $2
        """,
        tx.tenant,
        protocol.id,
        protocol.status,
        content.title,
        content.category,
        list(content.tags),
        protocol.latest_version,
        protocol.active_version,
        protocol.published_at,
        protocol.revision,
        protocol.updated_at,
        content.description,
    )


async def insert_version(tx: Transaction, version: ProtocolVersion, source: StoredSource | None) -> None:
    """Insert a version."""
    await tx.execute(
        """
        insert into protocol_version (
          organisation_id, protocol_id, version, status, content, source_format, source, created_at, created_by,
          updated_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        tx.tenant,
        version.protocol_id,
        version.version,
        version.status,
        version.content,
        source.format if source else None,
        source.body if source else None,
        version.created_at,
        version.created_by,
        version.updated_at,
    )


async def save_draft(tx: Transaction, protocol_id: ProtocolId, version: int, content: ProtocolContent) -> None:
    """Write the content of a draft; the database refuses it for a published version."""
    await tx.execute(
        """
        update protocol_version
        set content = $4, updated_at = $5
        where organisation_id = $1 and protocol_id = $2 and version = $3
        """,
        tx.tenant,
        protocol_id,
        version,
        content,
        tx.now,
    )


async def publish_version(tx: Transaction, protocol_id: ProtocolId, version: int, by: AccountId) -> None:
    """Make a draft immutable."""
    await tx.execute(
        """
        update protocol_version
        set status = 'active', published_at = $4, published_by = $5, updated_at = $4
        where organisation_id = $1 and protocol_id = $2 and version = $3
        """,
        tx.tenant,
        protocol_id,
        version,
        tx.now,
        by,
    )


async def retire_versions(tx: Transaction, protocol_id: ProtocolId) -> None:
    """Retire all versions of a protocol, a draft too: nothing may be made of it any more."""
    await tx.execute(
        """
        update protocol_version
        set status = 'retired', updated_at = $3
        where organisation_id = $1 and protocol_id = $2 and status <> 'retired'
        """,
        tx.tenant,
        protocol_id,
        tx.now,
    )


async def get(tx: Transaction, protocol_id: ProtocolId, *, for_update: bool = False) -> Protocol | None:
    """Return a protocol, None when there is none in this organisation."""
    row = await tx.fetchrow(
        f"""
        select id, status, latest_version, active_version, published_at, revision, created_at, created_by, updated_at
        from protocol
        where organisation_id = $1 and id = $2
        {"for update" if for_update else ""}
        """,  # noqa: S608 - made of constants of this module
        tx.tenant,
        protocol_id,
    )
    return None if row is None else msgspec.convert(dict(row), Protocol, strict=False)


_VERSION = """
select v.protocol_id, v.version, v.status, v.content::text as content, v.created_at, v.updated_at, v.created_by,
  v.published_at, p.revision
from protocol_version v
join protocol p on p.organisation_id = v.organisation_id and p.id = v.protocol_id
"""


async def get_version(tx: Transaction, protocol_id: ProtocolId, version: int) -> ProtocolVersion | None:
    """Return a version, None when there is none."""
    row = await tx.fetchrow(
        f"{_VERSION} where v.organisation_id = $1 and v.protocol_id = $2 and v.version = $3",
        tx.tenant,
        protocol_id,
        version,
    )
    return None if row is None else _version(row)


async def versions(tx: Transaction, protocol_id: ProtocolId) -> list[VersionRow]:
    """Return the newest 200 versions of a protocol, newest first."""
    rows = await tx.fetch(
        """
        select v.protocol_id, v.version, v.status, v.content ->> 'title' as title,
          coalesce(v.content ->> 'description', '') as description,
          (v.content ->> 'duration_days')::int as duration_days, v.created_at, v.updated_at, v.published_at
        from protocol_version v
        where v.organisation_id = $1 and v.protocol_id = $2
        order by v.version desc
        limit 200
        """,
        tx.tenant,
        protocol_id,
    )
    return [VersionRow(**dict(row)) for row in rows]


async def version_titles(tx: Transaction, wanted: list[tuple[UUID, int]]) -> dict[tuple[UUID, int], KnownTitle]:
    """Return the titles of many versions, named by protocol and number, in one query."""
    rows = await _named(tx, "v.content ->> 'title' as title", wanted)
    return {
        (row["protocol_id"], row["version"]): KnownTitle(title=row["title"], published_at=row["published_at"])
        for row in rows
    }


async def contents(tx: Transaction, wanted: list[tuple[UUID, int]]) -> dict[tuple[UUID, int], KnownContent]:
    """Return the content of many versions, named by protocol and number, in one query."""
    rows = await _named(tx, "v.content::text as content", wanted)
    return {
        (row["protocol_id"], row["version"]): KnownContent(
            content=_decoder.decode(row["content"]),
            published_at=row["published_at"],
        )
        for row in rows
    }


async def titles(tx: Transaction, protocol_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the titles of these protocols that exist."""
    rows = await tx.fetch(
        "select id, title from protocol where organisation_id = $1 and id = any($2::uuid[])",
        tx.tenant,
        list(protocol_ids),
    )
    return {row["id"]: row["title"] for row in rows}


async def ids_of_title(tx: Transaction, title: str) -> list[UUID]:
    """Return the ids of at most two protocols of exactly this title that are not retired."""
    rows = await tx.fetch(
        """
        select id from protocol
        where organisation_id = $1 and title = $2 and status <> 'retired'
        order by id
        limit 2
        """,
        tx.tenant,
        title,
    )
    return [row["id"] for row in rows]


async def source(tx: Transaction, protocol_id: ProtocolId, version: int) -> StoredSource | None:
    """Return the source a version was imported from, None when it was written here."""
    row = await tx.fetchrow(
        """
        select source_format, source
        from protocol_version
        where organisation_id = $1 and protocol_id = $2 and version = $3 and source is not null
        """,
        tx.tenant,
        protocol_id,
        version,
    )
    return None if row is None else StoredSource(row["source_format"], row["source"])


async def page(tx: Transaction, listing: Listing, *, q: str) -> Page[Record]:
    """Return one page of protocols, as rows with what a list shows of the newest version; `q` finds by words."""
    if not q:
        return await fetch_page(tx, listing, _LISTED, "p.organisation_id = $1", tx.tenant)
    where: SqlText = "p.organisation_id = $1 and p.id in (select found from hp_protocols_with_words($2) as found)"
    return await fetch_page(tx, listing, _LISTED, where, tx.tenant, q)


_LISTED: SqlText = """
select p.id, p.status, p.title, p.category, p.tags, p.latest_version as version, p.active_version,
  p.published_at, p.created_at, p.updated_at, p.revision,
  v.content ->> 'description' as description, (v.content ->> 'duration_days')::int as duration_days,
  coalesce(jsonb_array_length(v.content -> 'phases'), 0) as phase_count,
  coalesce(jsonb_array_length(jsonb_path_query_array(v.content, '$.phases[*].activities[*]')), 0) as activity_count
from protocol p
join protocol_version v
  on v.organisation_id = p.organisation_id and v.protocol_id = p.id and v.version = p.latest_version
"""


async def _named(tx: Transaction, column: SqlText, wanted: list[tuple[UUID, int]]) -> list[Record]:
    """Return a column of many versions, named by protocol and number."""
    return await tx.fetch(
        f"""
        select v.protocol_id, v.version, v.published_at, {column}
        from protocol_version v
        join unnest($2::uuid[], $3::int[]) as w (protocol_id, version)
          on w.protocol_id = v.protocol_id and w.version = v.version
        where v.organisation_id = $1
        """,  # noqa: S608 - a column of this module
        tx.tenant,
        [protocol_id for protocol_id, _ in wanted],
        [version for _, version in wanted],
    )


def _version(row: Record) -> ProtocolVersion:
    return ProtocolVersion(
        protocol_id=ProtocolId(row["protocol_id"]),
        version=row["version"],
        status=row["status"],
        content=_decoder.decode(row["content"]),
        revision=row["revision"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        created_by=AccountId(row["created_by"]),
        published_at=row["published_at"],
    )


# From the text itself: the driver's own decoding of jsonb would build every value twice.
_decoder = msgspec.json.Decoder(ProtocolContent)
