-- 0031_fill_entry_of_protocol.down.sql
-- The table itself goes with the revision before.
select 1;
