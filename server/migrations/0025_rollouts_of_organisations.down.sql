-- 0025_rollouts_of_organisations.down.sql
drop function hp_running_rollouts();
drop policy count_off on flag_rollout;
comment on column flag_outcome.organisation_id is 'class=operational; all zeros';
comment on column flag_rollout_step.organisation_id is 'class=operational; all zeros';
comment on column flag_rollout.status is 'class=operational; running, completed, rolled back by the guard, or stopped by an operator';
comment on column flag_rollout.organisation_id is 'class=operational; all zeros';
comment on table flag_rollout is 'class=operational; gradual rollouts of flags, of the installation';
alter table flag_rollout drop column paused_at;
