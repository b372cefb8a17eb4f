-- 0024_fill_protocol_description.down.sql
-- The descriptions themselves go with the revision before the last.
select 1;
