-- 0008_adherence.up.sql
-- Why: dashboards add up counts instead of plans. A rollup is a cache: it says until when it is right, and is rebuilt
-- from the computed truth at any time.

create table adherence_day (
  organisation_id uuid not null,
  assignment_id uuid not null,
  day date not null,
  activity_key text not null,
  patient_id uuid not null,
  protocol_id uuid not null,
  completed int not null,
  skipped int not null,
  missed int not null,
  on_time int not null,
  primary key (organisation_id, assignment_id, day, activity_key)
);
comment on table adherence_day is 'class=operational; counts of closed occurrences of a local day, an assignment and an activity';
comment on column adherence_day.organisation_id is 'class=operational; tenant';
comment on column adherence_day.assignment_id is 'class=operational; of which assignment';
comment on column adherence_day.day is 'class=operational; local date on which they were planned';
comment on column adherence_day.activity_key is 'class=operational; of which activity';
comment on column adherence_day.patient_id is 'class=operational; whose';
comment on column adherence_day.protocol_id is 'class=operational; of which protocol';
comment on column adherence_day.completed is 'class=operational; count';
comment on column adherence_day.skipped is 'class=operational; count';
comment on column adherence_day.missed is 'class=operational; count';
comment on column adherence_day.on_time is 'class=operational; completed and not late';
create index adherence_day_protocol on adherence_day (organisation_id, protocol_id, day);
create index adherence_day_patient on adherence_day (organisation_id, patient_id, day);
create index adherence_day_day on adherence_day (organisation_id, day);
select hp_protect('adherence_day');

create table adherence_cover (
  organisation_id uuid not null,
  assignment_id uuid not null,
  covered_at timestamptz not null,
  recount_from date not null,
  next_due_at timestamptz,
  is_stale boolean not null default false,
  primary key (organisation_id, assignment_id),
  foreign key (organisation_id, assignment_id) references assignment on delete cascade
);
comment on table adherence_cover is 'class=operational; until which instant the counts of an assignment are right';
comment on column adherence_cover.organisation_id is 'class=operational; tenant';
comment on column adherence_cover.assignment_id is 'class=operational; of which assignment';
comment on column adherence_cover.covered_at is 'class=operational; the counts equal the computed truth at this instant';
comment on column adherence_cover.recount_from is 'class=operational; days from here on may still change: windows are open, or something was recorded';
comment on column adherence_cover.next_due_at is 'class=operational; when the next window closes; null when none will';
comment on column adherence_cover.is_stale is 'class=operational; an entry or an act changed it since';
create index adherence_cover_due on adherence_cover (organisation_id, next_due_at) where next_due_at is not null;
create index adherence_cover_stale on adherence_cover (organisation_id, assignment_id) where is_stale;
select hp_protect('adherence_cover');
