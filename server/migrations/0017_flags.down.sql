-- 0017_flags.down.sql
drop table flag_outcome;
drop table flag_rollout_step;
drop table flag_rollout;
drop table flag_use;
drop table flag_version;
drop table flag;
