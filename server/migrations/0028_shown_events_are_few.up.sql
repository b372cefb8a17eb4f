-- 0028_shown_events_are_few.up.sql
-- Phase: expand
-- Why: which events showed a patient is found by an index, and each event by its key. With the estimate of 1,000 the plan
-- that PostgreSQL keeps for all calls walked the whole log of an organisation instead: it takes organisations to be of
-- one size. Only the estimate changes; old code does not know of it.
alter function hp_audit_of_shown(uuid) rows 5;
