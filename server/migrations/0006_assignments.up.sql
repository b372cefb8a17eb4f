-- 0006_assignments.up.sql
-- Why: a version given to a patient. One row whatever its length: what is planned is arithmetic over `plan`, and only what
-- people did is stored. Reasons and adjustments tell of health and are ciphertext; dates, status and links stay plain
-- because plans are computed without the patient's key (docs/decisions on what is ciphertext).

create table assignment (
  organisation_id uuid not null,
  id uuid not null,
  patient_id uuid not null,
  protocol_id uuid not null,
  version int not null,
  status text not null check (status in ('proposed', 'active', 'paused', 'completed', 'stopped', 'entered_in_error')),
  starts_on date not null,
  ends_on date not null,
  time_zone text not null,
  segments jsonb not null,
  pauses jsonb not null default '[]',
  stopped_at timestamptz,
  adjustments_ct bytea,
  reason_ct bytea,
  operation_id uuid,
  assigned_at timestamptz not null,
  assigned_by uuid not null,
  revision int not null default 1,
  updated_at timestamptz not null,
  primary key (organisation_id, id),
  foreign key (organisation_id, patient_id) references patient,
  foreign key (organisation_id, protocol_id, version) references protocol_version
);
comment on table assignment is 'class=operational; a protocol version given to a patient (FHIR CarePlan)';
comment on column assignment.organisation_id is 'class=operational; tenant';
comment on column assignment.id is 'class=operational; UUIDv7';
comment on column assignment.patient_id is 'class=operational; whose';
comment on column assignment.protocol_id is 'class=operational; of which protocol';
comment on column assignment.version is 'class=operational; the version of the newest segment, which may begin in the future';
comment on column assignment.status is 'class=operational; FHIR request status in our words';
comment on column assignment.starts_on is 'class=operational; plan day 1, local date';
comment on column assignment.ends_on is 'class=operational; last local date, inclusive';
comment on column assignment.time_zone is 'class=operational; IANA zone the plan is computed in';
comment on column assignment.segments is 'class=operational; which version from which local date, and its plan day 1; without adjustments';
comment on column assignment.pauses is 'class=operational; from and to instants, days shifted';
comment on column assignment.stopped_at is 'class=operational; nothing is applicable from then on';
comment on column assignment.adjustments_ct is 'class=health; what was changed for this patient, by segment';
comment on column assignment.reason_ct is 'class=health; why it was paused or stopped';
comment on column assignment.operation_id is 'class=operational; the bulk operation that made it';
comment on column assignment.assigned_at is 'class=operational; when';
comment on column assignment.assigned_by is 'class=operational; account';
comment on column assignment.revision is 'class=operational; the ETag';
comment on column assignment.updated_at is 'class=operational; last change';
create index assignment_patient on assignment (organisation_id, patient_id, id);
create index assignment_protocol on assignment (organisation_id, protocol_id, id);
create index assignment_version on assignment (organisation_id, version, id);
create index assignment_status on assignment (organisation_id, status, id);
create index assignment_assigned_at on assignment (organisation_id, assigned_at, id);
create index assignment_starts_on on assignment (organisation_id, starts_on, id);
create index assignment_ends_on on assignment (organisation_id, ends_on, id);
create index assignment_updated_at on assignment (organisation_id, updated_at, id);
create unique index assignment_operation on assignment (organisation_id, operation_id, patient_id) where operation_id is not null;
select hp_protect('assignment');
