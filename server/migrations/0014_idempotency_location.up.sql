-- 0014_idempotency_location.up.sql
-- Phase: expand
-- Why: a write that begins long work answers with the address of its operation, and so must the same write sent again.
-- Old code ignores the column; safe before deploy.

alter table idempotency add column location text;
comment on column idempotency.location is 'class=operational; Location of the answer, null where it had none';
