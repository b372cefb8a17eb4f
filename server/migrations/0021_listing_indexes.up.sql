-- 0021_listing_indexes.up.sql
-- Phase: expand
-- Transaction: none
-- Why: every field that a list can be filtered or ordered by is served by an index: tenant first, the field, then what
-- the list is ordered by, so that a filter and the usual order are one walk. Where nearly all rows have one value, the
-- index holds the others only. text_pattern_ops serves both = and "begins with".
-- Old code does not know the indexes; safe before deploy.
create index concurrently patient_time_zone on patient (organisation_id, time_zone, id);

create index concurrently protocol_words on protocol using gin (words);
create index concurrently protocol_version_number on protocol (organisation_id, latest_version, id);
create index concurrently protocol_title_prefix on protocol (organisation_id, title text_pattern_ops);

create index concurrently entry_effective_at on entry (organisation_id, effective_at, id);
create index concurrently entry_activity on entry (organisation_id, activity_key, recorded_at, id) where activity_key is not null;
create index concurrently entry_outcome on entry (organisation_id, outcome, recorded_at, id) where outcome <> 'completed';
create index concurrently entry_late on entry (organisation_id, recorded_at, id) where late;
create index concurrently entry_planned_on on entry (organisation_id, planned_on, id) where planned_on is not null;
create index concurrently entry_occurrence on entry (organisation_id, occurrence_id) where occurrence_id is not null;

create index concurrently alert_status_id on alert (organisation_id, status, id);
create index concurrently alert_urgency_id on alert (organisation_id, urgency, id);
create index concurrently alert_rule on alert (organisation_id, rule, opened_at, id);
create index concurrently alert_activity on alert (organisation_id, activity_key, opened_at, id) where activity_key is not null;
create index concurrently alert_ended_at on alert (organisation_id, ended_at, id);
create index concurrently alert_escalated_at on alert (organisation_id, escalated_at, id);

create index concurrently audit_event_id on audit_event (organisation_id, id);
create index concurrently audit_event_action on audit_event (organisation_id, action text_pattern_ops, at, id);
create index concurrently audit_event_role on audit_event (organisation_id, actor_role, at, id);
create index concurrently audit_event_kind on audit_event (organisation_id, object_type, at, id);
create index concurrently audit_event_object_id on audit_event (organisation_id, object_id, at, id) where object_id is not null;
create index concurrently audit_event_outcome on audit_event (organisation_id, outcome, at, id) where outcome <> 'success';
create index concurrently audit_event_request on audit_event (organisation_id, request_id);
create index concurrently audit_event_shown on audit_event using gin (subject_ids) where subject_ids <> '{}';

create index concurrently account_role on account (organisation_id, role, created_at, id);
create index concurrently account_status on account (organisation_id, status, created_at, id);

create index concurrently api_token_name on api_token (organisation_id, name text_pattern_ops, id);
create index concurrently api_token_expires_at on api_token (organisation_id, expires_at, id);
create index concurrently api_token_revoked_at on api_token (organisation_id, revoked_at, id) where revoked_at is not null;
