-- 0031_fill_entry_of_protocol.up.sql
-- Phase: migrate
-- Transaction: none
-- Why: entries that were written before 0030 are found by their protocol too.

-- The offset keeps it a look into the key of assignments for each entry: PostgreSQL expects a batch to be all entries of an
-- organisation, and would read all assignments for it.
-- Backfill: entry
insert into entry_of_protocol (organisation_id, protocol_id, recorded_at, entry_id, effective_at, planned_on)
select entry.organisation_id, a.protocol_id, entry.recorded_at, entry.id, entry.effective_at, entry.planned_on
from entry
cross join lateral (
  select assignment.protocol_id
  from assignment
  where assignment.organisation_id = entry.organisation_id and assignment.id = entry.assignment_id
  offset 0
) a
where :batch
on conflict do nothing;
