-- 0032_import_claim.down.sql
drop table import_claim;
