-- 0024_fill_protocol_description.up.sql
-- Phase: migrate
-- Transaction: none
-- Why: protocols that were written before 0022 are found by their descriptions too.

-- Backfill: protocol
update protocol
set description = (
  select v.content ->> 'description'
  from protocol_version v
  where v.organisation_id = protocol.organisation_id and v.protocol_id = protocol.id
    and v.version = protocol.latest_version
)
where description is null
  and :batch;
