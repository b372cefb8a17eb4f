-- 0016_fill_adherence_sums.up.sql
-- Phase: migrate
-- Transaction: none
-- Why: what was counted before the sums were there is in them too. Made from the counts by day, so it may run twice.

-- Backfill: protocol
select hp_adherence_refill_sums(protocol.organisation_id, protocol.id)
from protocol
where :batch;

-- Backfill: adherence_cover
select hp_adherence_refill_months(adherence_cover.organisation_id, adherence_cover.assignment_id)
from adherence_cover
where :batch;
