-- 0031_fill_entry_of_protocol.up.sql
-- Phase: migrate
-- Transaction: none
-- Why: entries that were written before 0030 are found by their protocol too.

-- Backfill: entry
insert into entry_of_protocol (organisation_id, protocol_id, recorded_at, entry_id, effective_at, planned_on)
select entry.organisation_id, a.protocol_id, entry.recorded_at, entry.id, entry.effective_at, entry.planned_on
from entry
join assignment a on a.organisation_id = entry.organisation_id and a.id = entry.assignment_id
where :batch
on conflict do nothing;
