-- 0003_jobs.down.sql
-- Jobs that still wait are lost with the queue: drain the workers first.
drop table pgqueuer.pgqueuer;
drop table pgqueuer.pgqueuer_log;
drop table pgqueuer.pgqueuer_schedules;
drop table pgqueuer.pgqueuer_statistics;
drop function pgqueuer.fn_pgqueuer_changed();
drop type pgqueuer.pgqueuer_status;
drop schema pgqueuer;
