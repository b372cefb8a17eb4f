-- 0009_alerts.up.sql
-- Why: the care team is told when somebody is in danger or falls silent. One row an episode: it opens once, and a rule
-- speaks again only after its condition was false for a while. New tables only; old code does not know them.

create table alert (
  organisation_id uuid not null,
  id uuid not null,
  patient_id uuid not null,
  assignment_id uuid not null,
  rule text not null check (rule in ('value_out_of_range', 'score_high', 'missed_in_row', 'adherence_low', 'no_entry')),
  activity_key text,
  severity text not null check (severity in ('low', 'moderate', 'high')),
  urgency int not null generated always as (case severity when 'high' then 3 when 'moderate' then 2 else 1 end) stored,
  status text not null check (status in ('open', 'acknowledged', 'resolved')),
  entry_id uuid,
  detail_ct bytea,
  note_ct bytea,
  opened_at timestamptz not null,
  clear_since timestamptz,
  ended_at timestamptz,
  escalate_at timestamptz,
  escalated_at timestamptz,
  acknowledged_at timestamptz,
  acknowledged_by uuid,
  resolved_at timestamptz,
  resolved_by uuid,
  revision int not null default 1,
  primary key (organisation_id, id),
  foreign key (organisation_id, assignment_id) references assignment on delete cascade,
  check ((status = 'resolved') = (resolved_at is not null))
);
comment on table alert is 'class=operational; an episode in which a rule about a patient held, and what the care team did about it';
comment on column alert.organisation_id is 'class=operational; tenant';
comment on column alert.id is 'class=operational; UUIDv7';
comment on column alert.patient_id is 'class=operational; about whom';
comment on column alert.assignment_id is 'class=operational; of which plan';
comment on column alert.rule is 'class=operational; which rule fired';
comment on column alert.activity_key is 'class=operational; of which activity; null when about the whole plan';
comment on column alert.severity is 'class=operational; low, moderate or high';
comment on column alert.urgency is 'class=operational; severity as a number to sort by, 3 is high';
comment on column alert.status is 'class=operational; open, acknowledged or resolved';
comment on column alert.entry_id is 'class=operational; the entry that made it fire; null when nothing was recorded';
comment on column alert.detail_ct is 'class=health; what was measured, scored or missed, and against which limit';
comment on column alert.note_ct is 'class=health; what was written when it was resolved';
comment on column alert.opened_at is 'class=operational; when the rule fired';
comment on column alert.clear_since is 'class=operational; since when the condition is false again; null while it holds';
comment on column alert.ended_at is 'class=operational; when it had been false for the quiet time: the rule may fire again';
comment on column alert.escalate_at is 'class=operational; when it escalates unless somebody has reacted; null never';
comment on column alert.escalated_at is 'class=operational; when it escalated';
comment on column alert.acknowledged_at is 'class=operational; when somebody said: I am on it';
comment on column alert.acknowledged_by is 'class=operational; account';
comment on column alert.resolved_at is 'class=operational; when it was settled';
comment on column alert.resolved_by is 'class=operational; account; null when it settled by itself';
comment on column alert.revision is 'class=operational; the ETag';
create unique index alert_episode on alert (organisation_id, assignment_id, rule, coalesce(activity_key, '')) where ended_at is null;
create index alert_urgency on alert (organisation_id, urgency, opened_at, id);
create index alert_status on alert (organisation_id, status, urgency, opened_at, id);
create index alert_opened_at on alert (organisation_id, opened_at, id);
create index alert_patient on alert (organisation_id, patient_id, opened_at, id);
create index alert_assignment on alert (organisation_id, assignment_id, opened_at, id);
create index alert_escalation on alert (organisation_id, escalate_at) where status = 'open' and escalated_at is null and escalate_at is not null;
select hp_protect('alert');

create table alert_watch (
  organisation_id uuid not null,
  assignment_id uuid not null,
  looked_at timestamptz,
  next_look_at timestamptz,
  is_stale boolean not null default true,
  primary key (organisation_id, assignment_id),
  foreign key (organisation_id, assignment_id) references assignment on delete cascade
);
comment on table alert_watch is 'class=operational; when the rules about a plan are to be looked at again';
comment on column alert_watch.organisation_id is 'class=operational; tenant';
comment on column alert_watch.assignment_id is 'class=operational; which plan';
comment on column alert_watch.looked_at is 'class=operational; when its rules were last decided; null never';
comment on column alert_watch.next_look_at is 'class=operational; when a window closes or a time runs out next; null when nothing will';
comment on column alert_watch.is_stale is 'class=operational; an entry or an act changed it since';
create index alert_watch_due on alert_watch (organisation_id, next_look_at) where next_look_at is not null;
create index alert_watch_stale on alert_watch (organisation_id, assignment_id) where is_stale;
select hp_protect('alert_watch');
