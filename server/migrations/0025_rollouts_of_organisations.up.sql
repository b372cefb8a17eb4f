-- 0025_rollouts_of_organisations.up.sql
-- Phase: expand
-- Why: an organisation rolls a flag out to its own accounts, and a rollout can rest in its stage. Every process watches
-- the rollouts of all organisations, so it has to be told which of them have one running.
-- Old code ignores the column, the function, and rows of organisations; safe before a deploy.

alter table flag_rollout add column paused_at timestamptz;
comment on column flag_rollout.paused_at is 'class=operational; since when it rests in its stage, null while it goes on';

comment on table flag_rollout is 'class=operational; gradual rollouts of flags, of the installation or of one organisation';
comment on column flag_rollout.organisation_id is 'class=operational; tenant; all zeros is the installation';
comment on column flag_rollout.status is 'class=operational; running, completed, rolled back by the guard or a person, or stopped by one';
comment on column flag_rollout_step.organisation_id is 'class=operational; tenant; all zeros is the installation';
comment on column flag_outcome.organisation_id is 'class=operational; tenant; all zeros is the installation';

-- Ids alone, and of running ones alone: what is rolled out, to whom and why, only the tenant itself reads.
create policy count_off on flag_rollout for select to hp_owner using (status = 'running');
create function hp_running_rollouts() returns table (organisation_id uuid, id uuid)
language sql stable security definer set search_path = pg_catalog, public
begin atomic
  select flag_rollout.organisation_id, flag_rollout.id
  from public.flag_rollout
  where flag_rollout.status = 'running'
  order by flag_rollout.id;
end;
revoke all on function hp_running_rollouts() from public;
grant execute on function hp_running_rollouts() to hp_app;
