"""The entries of a file in SQL: thousands at a time, each once."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from healthprotocol.care.entries.model import Entry
from healthprotocol.care.entries.repository.rows import record_of
from healthprotocol.foundation.db.transaction import Transaction


async def bring(
    tx: Transaction, entries: Sequence[Entry], hashes: Sequence[bytes], days: Sequence[date | None]
) -> set[UUID]:
    """
    Claim the client-made ids of new entries and insert those that got theirs; return the ids of these.

    `days` are the local dates that their occurrences are planned for. By COPY into a table of this transaction alone,
    because PostgreSQL does not let COPY write under row-level security; what is inserted from it goes by the policies.
    """
    keys = await tx.keys.subjects(tx, {entry.patient_id for entry in entries})
    records = [
        (*record_of(entry, keys[entry.patient_id], day), content_hash)
        for entry, day, content_hash in zip(entries, days, hashes, strict=True)
    ]
    await tx.execute(_STAGE)
    await tx.copy("entry_stage", records=records, columns=_STAGED)
    rows = await tx.fetch(_FROM_STAGE, tx.tenant)
    return {row["id"] for row in rows}


_STAGED = (
    "id", "patient_id", "assignment_id", "activity_key", "occurrence_id", "planned_on", "outcome", "late", "replaces",
    "client_id", "content_ct", "effective_at", "recorded_at", "recorded_by", "content_hash",
)  # fmt: skip
# A table of the session: empty at the end of each transaction, and emptied before each use in one.
_STAGE = """
create temporary table if not exists entry_stage (
  id uuid, patient_id uuid, assignment_id uuid, activity_key text, occurrence_id text, planned_on date, outcome text,
  late bool, replaces uuid, client_id uuid, content_ct bytea, effective_at timestamptz, recorded_at timestamptz,
  recorded_by uuid, content_hash bytea
) on commit delete rows;
truncate entry_stage
"""
_FROM_STAGE = """
with claimed as (
  insert into entry_client (organisation_id, patient_id, client_id, entry_id, content_hash)
  select $1, s.patient_id, s.client_id, s.id, s.content_hash
  from entry_stage s
  order by s.patient_id, s.client_id
  on conflict (organisation_id, patient_id, client_id) do nothing
  returning entry_id
)
insert into entry (
  organisation_id, id, patient_id, assignment_id, activity_key, occurrence_id, planned_on, outcome, late,
  replaces, client_id, content_ct, effective_at, recorded_at, recorded_by
)
select $1, s.id, s.patient_id, s.assignment_id, s.activity_key, s.occurrence_id, s.planned_on, s.outcome, s.late,
  s.replaces, s.client_id, s.content_ct, s.effective_at, s.recorded_at, s.recorded_by
from entry_stage s
where s.id in (select entry_id from claimed)
order by s.id
returning id
"""


async def client_ids(tx: Transaction, entry_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return the client-made ids of these entries."""
    rows = await tx.fetch(
        "select id, client_id from entry where organisation_id = $1 and id = any($2::uuid[])",
        tx.tenant,
        list(entry_ids),
    )
    return {row["id"]: row["client_id"] for row in rows}
