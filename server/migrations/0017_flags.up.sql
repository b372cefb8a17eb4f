-- 0017_flags.up.sql
-- Phase: expand
-- Why: what people decide about feature flags, who decided it and why, and what a gradual rollout saw. Flags themselves
-- are declared in code. Rows of the organisation of all zeros hold for every organisation; each may add its own.
-- Old code does not know these tables; safe before a deploy.

create table flag (
  organisation_id uuid not null,
  key text not null check (length(key) <= 120),
  state jsonb not null,
  reason text not null check (length(reason) <= 500),
  changed_by uuid,
  changed_at timestamptz not null,
  revision int not null check (revision > 0),
  primary key (organisation_id, key)
);
comment on table flag is 'class=operational; what is decided about a flag now, for all organisations or for one';
comment on column flag.organisation_id is 'class=operational; tenant; all zeros is the installation';
comment on column flag.key is 'class=operational; the flag, as the code declares it';
comment on column flag.state is 'class=operational; kill, rules, requirements, default, stage of a rollout';
comment on column flag.reason is 'class=operational; why it was changed last';
comment on column flag.changed_by is 'class=operational; account; null for an operator at the command line, or the guard';
comment on column flag.changed_at is 'class=operational; when it was changed last';
comment on column flag.revision is 'class=operational; grows by one with every change; the ETag';
select hp_protect('flag');
select hp_show_installation('flag');

create table flag_version (
  organisation_id uuid not null,
  key text not null,
  revision int not null,
  act text not null,
  reason text not null check (length(reason) <= 500),
  changed_by uuid,
  changed_as text not null,
  changed_at timestamptz not null,
  before jsonb not null,
  after jsonb not null,
  primary key (organisation_id, key, revision)
);
comment on table flag_version is 'class=operational; every change of a flag; only added to';
comment on column flag_version.organisation_id is 'class=operational; tenant; all zeros is the installation';
comment on column flag_version.key is 'class=operational; the flag';
comment on column flag_version.revision is 'class=operational; the one that the change made';
comment on column flag_version.act is 'class=operational; set, kill, revive, or what a rollout did';
comment on column flag_version.reason is 'class=operational; why, in the words of who did it';
comment on column flag_version.changed_by is 'class=operational; account; null for an operator or the guard';
comment on column flag_version.changed_as is 'class=operational; role of the account, operator, or guard';
comment on column flag_version.changed_at is 'class=operational; when';
comment on column flag_version.before is 'class=operational; state before';
comment on column flag_version.after is 'class=operational; state after';
select hp_protect('flag_version');
-- What was written is neither altered nor deleted.
create policy only_added on flag_version as restrictive for update using (false);
create policy never_deleted on flag_version as restrictive for delete using (false);
select hp_show_installation('flag_version');

create table flag_use (
  organisation_id uuid not null,
  key text not null,
  asked bigint not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  primary key (organisation_id, key)
);
comment on table flag_use is 'class=operational; whether anybody still asks for a flag; of the installation only';
comment on column flag_use.organisation_id is 'class=operational; all zeros';
comment on column flag_use.key is 'class=operational; the flag';
comment on column flag_use.asked is 'class=operational; how often, over all processes';
comment on column flag_use.first_at is 'class=operational; since when it is known to be asked for';
comment on column flag_use.last_at is 'class=operational; when it was last asked for, to half a minute';
select hp_protect('flag_use');
select hp_show_installation('flag_use');

create table flag_rollout (
  organisation_id uuid not null,
  id uuid not null,
  key text not null,
  variant text not null,
  stages jsonb not null,
  stage int not null,
  status text not null check (status in ('running', 'completed', 'rolled_back', 'stopped')),
  why text,
  reason text not null check (length(reason) <= 500),
  plan jsonb not null,
  watch jsonb not null,
  started_at timestamptz not null,
  stage_began_at timestamptz not null,
  looked_at timestamptz not null,
  ended_at timestamptz,
  revision int not null default 1,
  primary key (organisation_id, id)
);
comment on table flag_rollout is 'class=operational; gradual rollouts of flags, of the installation';
comment on column flag_rollout.organisation_id is 'class=operational; all zeros';
comment on column flag_rollout.id is 'class=operational; UUIDv7';
comment on column flag_rollout.key is 'class=operational; the flag';
comment on column flag_rollout.variant is 'class=operational; what is rolled out';
comment on column flag_rollout.stages is 'class=operational; percentages, and how long each is held';
comment on column flag_rollout.stage is 'class=operational; which stage it is in, from 0';
comment on column flag_rollout.status is 'class=operational; running, completed, rolled back by the guard, or stopped by an operator';
comment on column flag_rollout.why is 'class=operational; what the guard found: errors, latency, missing metrics, hanging requests';
comment on column flag_rollout.reason is 'class=operational; why it was begun, or stopped';
comment on column flag_rollout.plan is 'class=operational; what the guard holds it to';
comment on column flag_rollout.watch is 'class=operational; what the guard saw: counts and scores, no ids';
comment on column flag_rollout.started_at is 'class=operational; when it began';
comment on column flag_rollout.stage_began_at is 'class=operational; since when it is in this stage';
comment on column flag_rollout.looked_at is 'class=operational; when the guard last looked';
comment on column flag_rollout.ended_at is 'class=operational; when it ended, null while it runs';
comment on column flag_rollout.revision is 'class=operational; grows with every look';
create unique index flag_rollout_running on flag_rollout (organisation_id, key) where status = 'running';
create index flag_rollout_key on flag_rollout (organisation_id, key, started_at);
select hp_protect('flag_rollout');
select hp_show_installation('flag_rollout');

create table flag_rollout_step (
  organisation_id uuid not null,
  rollout_id uuid not null,
  number int not null,
  act text not null,
  at timestamptz not null,
  evidence jsonb not null,
  primary key (organisation_id, rollout_id, number),
  foreign key (organisation_id, rollout_id) references flag_rollout (organisation_id, id)
);
comment on table flag_rollout_step is 'class=operational; what was decided in a rollout, and on what evidence; only added to';
comment on column flag_rollout_step.organisation_id is 'class=operational; all zeros';
comment on column flag_rollout_step.rollout_id is 'class=operational; of which rollout';
comment on column flag_rollout_step.number is 'class=operational; from 1';
comment on column flag_rollout_step.act is 'class=operational; started, advanced, completed, rolled back, stopped';
comment on column flag_rollout_step.at is 'class=operational; when';
comment on column flag_rollout_step.evidence is 'class=operational; counts, shares and scores of both sides then';
select hp_protect('flag_rollout_step');
-- What was written is neither altered nor deleted.
create policy only_added on flag_rollout_step as restrictive for update using (false);
create policy never_deleted on flag_rollout_step as restrictive for delete using (false);
select hp_show_installation('flag_rollout_step');

create table flag_outcome (
  organisation_id uuid not null,
  rollout_id uuid not null,
  at timestamptz not null,
  node bigint not null,
  arm text not null check (arm in ('treated', 'control')),
  began int not null,
  requests int not null,
  errors int not null,
  buckets int[] not null,
  primary key (organisation_id, rollout_id, at, node, arm)
);
comment on table flag_outcome is 'class=operational; how requests of both sides went, a second a process; deleted when the guard has seen it';
comment on column flag_outcome.organisation_id is 'class=operational; all zeros';
comment on column flag_outcome.rollout_id is 'class=operational; of which rollout';
comment on column flag_outcome.at is 'class=operational; when the process wrote it';
comment on column flag_outcome.node is 'class=operational; a random number of the process';
comment on column flag_outcome.arm is 'class=operational; treated or control';
comment on column flag_outcome.began is 'class=operational; requests that began';
comment on column flag_outcome.requests is 'class=operational; requests that ended';
comment on column flag_outcome.errors is 'class=operational; those of them that failed';
comment on column flag_outcome.buckets is 'class=operational; how long they took: a histogram';
select hp_protect('flag_outcome');
