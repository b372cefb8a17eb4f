-- 0013_cache_epoch.down.sql
drop function hp_cache_epochs(uuid[], text[]);
drop table cache_epoch;
