-- 0033_import_claimed_plan.down.sql
drop table import_claimed_plan;
