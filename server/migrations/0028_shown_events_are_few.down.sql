-- 0028_shown_events_are_few.down.sql
alter function hp_audit_of_shown(uuid) rows 1000;
