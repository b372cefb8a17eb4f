-- 0033_import_claimed_plan.up.sql
-- Phase: expand
-- Why: a dry run undoes each batch, so a plan that a line would have made was unknown to later batches, and a second
-- plan of the same protocol on its days passed the trial that the import refuses. Its days are kept here while the
-- operation goes on, as import_claim keeps names. A new table only; old code ignores it.
create table import_claimed_plan (
  organisation_id uuid not null,
  operation_id uuid not null,
  plan_bidx bytea not null,
  starts_on date not null,
  ends_on date not null,
  primary key (organisation_id, operation_id, plan_bidx, starts_on)
);
comment on table import_claimed_plan is 'class=operational; the plans that the lines of a dry run would have made so far, by their days';
comment on column import_claimed_plan.organisation_id is 'class=operational; tenant';
comment on column import_claimed_plan.operation_id is 'class=operational; the dry run';
comment on column import_claimed_plan.plan_bidx is 'class=identity; keyed hash of a patient and a protocol';
comment on column import_claimed_plan.starts_on is 'class=operational; plan day 1, local date; no two plans of a hash share a day';
comment on column import_claimed_plan.ends_on is 'class=operational; last local date, inclusive';
select hp_protect('import_claimed_plan');
