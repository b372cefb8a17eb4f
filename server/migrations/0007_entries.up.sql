-- 0007_entries.up.sql
-- Why: what really happened. Append-only and partitioned by month on the UUIDv7 id, so the primary key is tenant and id.
-- Outcome and plan coordinates are plain, because counting needs no key; what was measured, answered or said is not.

create table entry (
  organisation_id uuid not null,
  id uuid not null,
  patient_id uuid not null,
  assignment_id uuid,
  activity_key text,
  occurrence_id text,
  planned_on date,
  outcome text not null check (outcome in ('completed', 'skipped', 'retracted')),
  late boolean not null default false,
  replaces uuid,
  client_id uuid not null,
  content_ct bytea,
  effective_at timestamptz not null,
  recorded_at timestamptz not null,
  recorded_by uuid not null,
  primary key (organisation_id, id)
) partition by range (id);
comment on table entry is 'class=health; what happened to an occurrence, or unplanned; never changed, only replaced';
comment on column entry.organisation_id is 'class=operational; tenant';
comment on column entry.id is 'class=operational; UUIDv7; its month is the partition';
comment on column entry.patient_id is 'class=operational; whose';
comment on column entry.assignment_id is 'class=operational; of which assignment; null when of none';
comment on column entry.activity_key is 'class=operational; of which activity';
comment on column entry.occurrence_id is 'class=operational; of which occurrence; null when unplanned';
comment on column entry.planned_on is 'class=operational; the local date that occurrence is planned on; null when unplanned';
comment on column entry.outcome is 'class=operational; completed, skipped, or retracted (an undo)';
comment on column entry.late is 'class=operational; recorded after the window closed';
comment on column entry.replaces is 'class=operational; the entry that this one corrects';
comment on column entry.client_id is 'class=operational; made by the client; unique for the patient';
comment on column entry.content_ct is 'class=health; reason, values as given and converted, answers, score, note';
comment on column entry.effective_at is 'class=operational; when it happened';
comment on column entry.recorded_at is 'class=operational; when we were told';
comment on column entry.recorded_by is 'class=operational; account';
create index entry_assignment on entry (organisation_id, assignment_id, planned_on, id);
create index entry_patient on entry (organisation_id, patient_id, effective_at, id);
create index entry_recorded_at on entry (organisation_id, recorded_at, id);
select hp_protect('entry');
select ensure_month_partitions('entry', (now() - interval '4 months')::date, 7);

create table entry_client (
  organisation_id uuid not null,
  patient_id uuid not null,
  client_id uuid not null,
  entry_id uuid not null,
  content_hash bytea not null,
  primary key (organisation_id, patient_id, client_id)
);
comment on table entry_client is 'class=operational; which entry a client-made id became, so that a phone may send it twice';
comment on column entry_client.organisation_id is 'class=operational; tenant';
comment on column entry_client.patient_id is 'class=operational; whose';
comment on column entry_client.client_id is 'class=operational; made by the client';
comment on column entry_client.entry_id is 'class=operational; the entry';
comment on column entry_client.content_hash is 'class=operational; keyed hash of the content sent';
select hp_protect('entry_client');
