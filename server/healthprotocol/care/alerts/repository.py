"""Alerts in SQL, what they say into and out of ciphertext. Opened by this slice's service only."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from healthprotocol.care.alerts.model import Alert, AlertDetail, AlertId, Episode
from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.foundation.crypto.data_keys import SubjectKey
from healthprotocol.foundation.crypto.fields import Padding
from healthprotocol.foundation.db.listing import (
    Join,
    Listing,
    ListingSpec,
    Page,
    SqlText,
    choice,
    fetch_page,
    integer,
    text,
    timestamp,
)
from healthprotocol.foundation.db.listing import uuid as uuid_field
from healthprotocol.foundation.db.transaction import Record, Transaction

_TABLE = "alert"

_ASSIGNMENT = Join(
    "assignment ja where ja.organisation_id = a.organisation_id and ja.id = a.assignment_id",
    listed="a.assignment_id = any(array(select ja.id from assignment ja where ?))",
)
# As the table generates it: a severity is found by the number that the inbox is ordered by.
_URGENCY = {"low": 1, "moderate": 2, "high": 3}

ALERTS = ListingSpec(
    name="alerts",
    fields={
        "id": uuid_field("a.id", sortable=True),
        "status": choice("a.status", ("open", "acknowledged", "resolved"), sortable=True),
        "severity": choice("a.urgency", tuple(_URGENCY), stored=_URGENCY),
        "urgency": integer("a.urgency", sortable=True),
        "patient_id": uuid_field("a.patient_id"),
        "assignment_id": uuid_field("a.assignment_id"),
        "assignment.protocol_id": uuid_field("ja.protocol_id", join=_ASSIGNMENT),
        "rule": choice("a.rule", ("value_out_of_range", "score_high", "missed_in_row", "adherence_low", "no_entry")),
        "activity_key": text("a.activity_key", nullable=True),
        "opened_at": timestamp("a.opened_at", sortable=True),
        "ended_at": timestamp("a.ended_at", nullable=True),
        "escalated_at": timestamp("a.escalated_at", nullable=True),
    },
    # What is worst and newest first: an inbox is read from the top.
    default_order="urgency desc, opened_at desc",
)

_EPISODE: SqlText = """
a.id, a.patient_id, a.assignment_id, a.rule, a.activity_key, a.severity, a.status, a.opened_at, a.clear_since,
a.ended_at, a.escalate_at, a.escalated_at, a.acknowledged_at, a.acknowledged_by, a.resolved_at, a.resolved_by,
a.entry_id, a.revision
"""
_ROW: SqlText = f"select {_EPISODE}, a.urgency, a.detail_ct, a.note_ct from alert a"  # noqa: S608 - constants of this module


async def page(tx: Transaction, listing: Listing, *, only: Iterable[UUID] | None) -> Page[Alert]:
    """Return one page of alerts; `only` names the patients within sight, None means all of the organisation."""
    if only is None:
        found = await fetch_page(tx, listing, _ROW, "a.organisation_id = $1", tx.tenant)
    else:
        where: SqlText = "a.organisation_id = $1 and a.patient_id = any($2::uuid[])"
        found = await fetch_page(tx, listing, _ROW, where, tx.tenant, list(only))
    return found.of(await _alerts(tx, found.items))


async def get(tx: Transaction, alert_id: AlertId, *, for_update: bool = False) -> Alert | None:
    """Return an alert, None when there is none in this organisation."""
    rows = await tx.fetch(
        f"{_ROW} where a.organisation_id = $1 and a.id = $2 {'for update' if for_update else ''}", tx.tenant, alert_id
    )
    return next(iter(await _alerts(tx, rows)), None)


async def running(tx: Transaction, assignment_ids: Sequence[UUID]) -> list[Episode]:
    """Return the episodes of these assignments that have not ended, held until the commit."""
    rows = await tx.fetch(
        f"""
        select {_EPISODE}
        from alert a
        where a.organisation_id = $1 and a.assignment_id = any($2::uuid[]) and a.ended_at is null
        order by a.id
        for update
        """,  # noqa: S608 - made of constants of this module
        tx.tenant,
        list(assignment_ids),
    )
    return [_episode(row) for row in rows]


async def insert(tx: Transaction, alerts: Sequence[Alert]) -> set[UUID]:
    """
    Insert new alerts, what they say under the key of their patient; return the ids of those that are new.

    An episode that another transaction began in the same moment is left out: this one waited for its commit.
    """
    keys = await tx.keys.subjects(tx, {alert.episode.patient_id for alert in alerts})
    known = [alert for alert in alerts if alert.episode.patient_id in keys]
    episodes = [alert.episode for alert in known]
    rows = await tx.fetch(
        """
        insert into alert (
          organisation_id, id, patient_id, assignment_id, rule, activity_key, severity, status, opened_at, clear_since,
          escalate_at, entry_id, detail_ct
        )
        select $1, w.*
        from unnest(
          $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[],
          $10::timestamptz[], $11::timestamptz[], $12::uuid[], $13::bytea[]
        ) as w
        on conflict (organisation_id, assignment_id, rule, coalesce(activity_key, '')) where ended_at is null do nothing
        returning id
        """,
        tx.tenant,
        [one.id for one in episodes],
        [one.patient_id for one in episodes],
        [one.assignment_id for one in episodes],
        [one.rule for one in episodes],
        [one.activity_key for one in episodes],
        [one.severity for one in episodes],
        [one.status for one in episodes],
        [one.opened_at for one in episodes],
        [one.clear_since for one in episodes],
        [one.escalate_at for one in episodes],
        [one.entry_id for one in episodes],
        [_detail_cell(alert, keys[alert.episode.patient_id]) for alert in known],
    )
    return {row["id"] for row in rows}


async def save_many(tx: Transaction, episodes: Sequence[Episode]) -> None:
    """Write how episodes go on."""
    await tx.execute(
        """
        update alert a
        set status = w.status, clear_since = w.clear_since, ended_at = w.ended_at, resolved_at = w.resolved_at,
          revision = w.revision
        from unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::int[])
          as w (id, status, clear_since, ended_at, resolved_at, revision)
        where a.organisation_id = $1 and a.id = w.id
        """,
        tx.tenant,
        [one.id for one in episodes],
        [one.status for one in episodes],
        [one.clear_since for one in episodes],
        [one.ended_at for one in episodes],
        [one.resolved_at for one in episodes],
        [one.revision for one in episodes],
    )


async def save(tx: Transaction, alert: Alert) -> None:
    """Write what a person did about an alert."""
    one = alert.episode
    key = None if alert.note is None else await tx.keys.subject(tx, one.patient_id)
    await tx.execute(
        """
        update alert
        set status = $3, acknowledged_at = $4, acknowledged_by = $5, resolved_at = $6, resolved_by = $7, note_ct = $8,
          revision = $9
        where organisation_id = $1 and id = $2
        """,
        tx.tenant,
        one.id,
        one.status,
        one.acknowledged_at,
        one.acknowledged_by,
        one.resolved_at,
        one.resolved_by,
        key and key.encrypt_text(alert.note, table=_TABLE, column="note", row_id=one.id, pad=Padding.TEXT),
        one.revision,
    )


async def escalate(tx: Transaction, *, limit: int) -> list[Episode]:
    """Mark up to `limit` open alerts whose time to react is over as escalated, and return them."""
    rows = await tx.fetch(
        f"""
        update alert a
        set escalated_at = $2, revision = a.revision + 1
        where a.organisation_id = $1 and a.id in (
          select id
          from alert
          where organisation_id = $1 and status = 'open' and escalated_at is null and escalate_at <= $2
          order by escalate_at
          limit $3
          for update skip locked
        )
        returning {_EPISODE}
        """,  # noqa: S608 - made of constants of this module
        tx.tenant,
        tx.now,
        limit,
    )
    return [_episode(row) for row in rows]


async def forget_patient(tx: Transaction, patient_id: UUID) -> None:
    """Empty what a patient's alerts say, and end them."""
    await tx.execute(
        """
        update alert
        set detail_ct = null, note_ct = null, status = 'resolved', resolved_at = coalesce(resolved_at, $3),
          ended_at = coalesce(ended_at, $3), revision = revision + 1
        where organisation_id = $1 and patient_id = $2
        """,
        tx.tenant,
        patient_id,
        tx.now,
    )


async def watch(tx: Transaction, assignment_ids: Sequence[UUID]) -> None:
    """Have the rules about these plans looked at soon."""
    await tx.execute(
        """
        insert into alert_watch (organisation_id, assignment_id, is_stale)
        select $1, w.id, true
        from unnest($2::uuid[]) as w (id)
        order by w.id
        on conflict (organisation_id, assignment_id) do update set is_stale = true
        where not alert_watch.is_stale
        """,
        tx.tenant,
        list(assignment_ids),
    )


async def due_watches(tx: Transaction, *, limit: int) -> list[AssignmentId]:
    """Return plans that are to be looked at, held until the commit; those that another job holds are left to it."""
    rows = await tx.fetch(
        """
        select assignment_id
        from alert_watch
        where organisation_id = $1 and (is_stale or next_look_at <= $2)
        order by assignment_id
        limit $3
        for update skip locked
        """,
        tx.tenant,
        tx.now,
        limit,
    )
    return [AssignmentId(row["assignment_id"]) for row in rows]


async def looked(tx: Transaction, next_looks: Sequence[tuple[AssignmentId, datetime | None]]) -> None:
    """Say that these plans were looked at now, and when to look next."""
    await tx.execute(
        """
        update alert_watch a
        set looked_at = $2, next_look_at = w.next_look_at, is_stale = false
        from unnest($3::uuid[], $4::timestamptz[]) as w (assignment_id, next_look_at)
        where a.organisation_id = $1 and a.assignment_id = w.assignment_id
        """,
        tx.tenant,
        tx.now,
        [assignment_id for assignment_id, _ in next_looks],
        [instant for _, instant in next_looks],
    )


def _detail_cell(alert: Alert, key: SubjectKey) -> bytes:
    return key.encrypt(
        table=_TABLE,
        column="detail",
        row_id=alert.episode.id,
        plaintext=msgspec.json.encode(alert.detail),
        pad=Padding.TEXT,
    )


async def _alerts(tx: Transaction, rows: Sequence[Record]) -> list[Alert]:
    keys = await tx.keys.subjects(tx, {row["patient_id"] for row in rows})
    # Of somebody who was erased there is no detail, and soon in no process a key.
    return [_alert(row, keys[row["patient_id"]]) for row in rows if row["patient_id"] in keys and row["detail_ct"]]


def _alert(row: Record, key: SubjectKey) -> Alert:
    detail = key.decrypt(table=_TABLE, column="detail", row_id=row["id"], ciphertext=row["detail_ct"])
    note = key.decrypt_text(row["note_ct"], table=_TABLE, column="note", row_id=row["id"])
    return Alert(episode=_episode(row), detail=_decoder.decode(detail), note=note)


def _episode(row: Record) -> Episode:
    return Episode(**{name: row[name] for name in Episode.__struct_fields__})


_decoder = msgspec.json.Decoder(AlertDetail)
