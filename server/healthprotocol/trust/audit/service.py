"""
Record what is done and seen, and let auditors read it.

`record` only remembers; all events of a transaction are written in one statement right before its commit. So an act
and its event stand or fall together, and a page of a list costs one event, not fifty. The events of reads that happen
at the same time are written together beside them, by the `ReadTrail`; no read is answered before its event is durable.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import Any, Unpack
from uuid import UUID

import msgspec

from healthprotocol.api.paging import ListQuery, Page
from healthprotocol.foundation.context import Actor, RequestContext
from healthprotocol.foundation.crypto.data_keys import DataKey
from healthprotocol.foundation.crypto.fields import Padding
from healthprotocol.foundation.db.group_commit import GroupCommit
from healthprotocol.foundation.db.transaction import Database, Priority, Transaction
from healthprotocol.foundation.ids import OrganisationId
from healthprotocol.trust.audit import repository
from healthprotocol.trust.audit.model import About, AuditEvent, Outcome, Recorded, StoredEvent
from healthprotocol.trust.permissions import rules as permissions
from healthprotocol.trust.permissions.model import Permission

LISTING = repository.EVENTS

_TABLE = "audit_event"
_KEY = "audit"
_PENDING = "audit"
_SALT_BYTES = 16
_SYSTEM = "system"
_ANONYMOUS = "anonymous"


async def record(
    tx: Transaction, actor: Actor | None, action: str, object_id: UUID | None = None, **about: Unpack[About]
) -> None:
    """
    Write with the commit that `actor` (None for nobody: a job, or a stranger at the door) did `action` to the object.

    `action` is noun and verb, `assignment.pause`; for what it may say more see `About`.
    """
    event = _recorded(tx, actor, action, object_id, about)
    waiting = tx.pending.get(_PENDING)
    if waiting is None:
        tx.pending[_PENDING] = [event]
        tx.before_commit(lambda: _write(tx))
    else:
        waiting.append(event)


async def record_ahead(
    tx: Transaction, actor: Actor | None, action: str, object_id: UUID | None = None, **about: Unpack[About]
) -> None:
    """
    As `record`, for a read that is allowed and whose subject is known before it is done: both go on at the same time.

    Should the read fail after this, the event stands all the same.
    """
    trail = tx.attached(ReadTrail) if tx.is_read else None
    if trail is None:
        await record(tx, actor, action, object_id, **about)
        return
    key = await tx.keys.purpose(tx, _KEY)
    await _hand_over(tx, trail, [_stored(tx, key, _recorded(tx, actor, action, object_id, about))])


class ReadTrail:
    """
    The events of reads that happen at the same time, written together; one a process, attached to its database.

    A transaction that reads hands its events over, and is answered once they are durable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group: GroupCommit[StoredEvent] = GroupCommit(self._write)
        self.add = self._group.add
        self.close = self._group.close

    @property
    def is_worthwhile(self) -> bool:
        """Whether others use the database now. Alone, a read is done sooner with its event in its own transaction."""
        return self._database.pool.lent > 1

    async def _write(self, organisation_id: UUID, events: Sequence[StoredEvent]) -> None:
        # Those who wait for it have read already: behind reads that only begin, a crowd would have all of them refused.
        async with self._database.transaction(OrganisationId(organisation_id), priority=Priority.CRITICAL) as tx:
            await repository.insert(tx, events)


async def record_denied(
    database: Database, actor: Actor, context: RequestContext, action: str, **about: Unpack[About]
) -> None:
    """Write, in a transaction of its own because the refused one is rolled back, that `actor` was refused `action`."""
    denied: About = {**about, "outcome": Outcome.DENIED}
    async with database.transaction(actor.organisation_id, actor=actor, context=context) as tx:
        await record(tx, actor, action, None, **denied)


async def list_events(tx: Transaction, actor: Actor, query: ListQuery) -> Page[AuditEvent]:
    """
    Return a page of the log, newest first unless `order_by` says otherwise. Reading the log is itself recorded.

    Raises Forbidden, BadRequest for a query that does not fit.
    """
    permissions.require(actor, Permission.AUDIT_READ)
    found = await repository.page(tx, await LISTING.ask(tx, query))
    key = await tx.keys.purpose(tx, _KEY)

    await record(tx, actor, "audit.list", detail={"filter": query.filter, "count": len(found.items)})
    return found.of(_readable(key, event) for event in found.items)


def _nobody(tx: Transaction) -> str:
    return _SYSTEM if tx.context.request_id == _SYSTEM else _ANONYMOUS


async def _write(tx: Transaction) -> None:
    waiting: list[Recorded] = tx.pending.pop(_PENDING)
    key = await tx.keys.purpose(tx, _KEY)
    events = [_stored(tx, key, event) for event in waiting]
    trail = tx.attached(ReadTrail) if tx.is_read else None
    if trail is not None and trail.is_worthwhile:
        await _hand_over(tx, trail, events)
    else:
        await repository.insert(tx, events)


async def _hand_over(tx: Transaction, trail: ReadTrail, events: Sequence[StoredEvent]) -> None:
    durable = trail.add(tx.tenant, events)

    async def wait() -> None:
        await durable

    tx.before_answer(wait)
    # The group may begin to write now, while the read goes on.
    await asyncio.sleep(0)


def _recorded(tx: Transaction, actor: Actor | None, action: str, object_id: UUID | None, about: About) -> Recorded:
    detail = about.get("detail")
    return Recorded(
        actor_id=actor.account_id if actor else None,
        actor_role=actor.role if actor else _nobody(tx),
        session_hash=actor.session_hash if actor else None,
        action=action,
        object_type=about.get("object_type") or action.partition(".")[0],
        object_id=object_id,
        subject_id=about.get("subject_id"),
        subject_ids=tuple(about.get("subject_ids", ())),
        outcome=str(about.get("outcome", Outcome.SUCCESS)),
        detail=msgspec.json.encode(detail, enc_hook=str) if detail else None,
    )


def _stored(tx: Transaction, key: DataKey, event: Recorded) -> StoredEvent:
    row_id = tx.new_id()
    return StoredEvent(
        organisation_id=tx.tenant,
        at=tx.now,
        id=row_id,
        actor_id=event.actor_id,
        actor_role=event.actor_role,
        session_hash=event.session_hash,
        action=event.action,
        object_type=event.object_type,
        object_id=event.object_id,
        subject_id=event.subject_id,
        subject_ids=event.subject_ids,
        outcome=event.outcome,
        purpose=tx.context.purpose,
        request_id=tx.context.request_id,
        address_ct=key.encrypt_text(
            tx.context.address, table=_TABLE, column="address", row_id=row_id, pad=Padding.CODE
        ),
        detail_ct=event.detail
        and key.encrypt(table=_TABLE, column="detail", row_id=row_id, plaintext=event.detail, pad=Padding.TEXT),
        salt=os.urandom(_SALT_BYTES),
        epoch=0,
    )


def _readable(key: DataKey, event: StoredEvent) -> AuditEvent:
    return AuditEvent(
        id=event.id,
        at=event.at,
        actor_id=event.actor_id,
        actor_role=event.actor_role,
        action=event.action,
        object_type=event.object_type,
        object_id=event.object_id,
        subject_id=event.subject_id,
        subject_ids=event.subject_ids,
        outcome=event.outcome,
        purpose=event.purpose,
        request_id=event.request_id,
        address=key.decrypt_text(event.address_ct, table=_TABLE, column="address", row_id=event.id),
        detail=_detail(key, event),
    )


def _detail(key: DataKey, event: StoredEvent) -> dict[str, Any] | None:
    if event.detail_ct is None:
        return None
    plain = key.decrypt(table=_TABLE, column="detail", row_id=event.id, ciphertext=event.detail_ct)
    return msgspec.json.decode(plain, type=dict[str, Any])
