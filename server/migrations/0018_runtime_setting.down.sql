-- 0018_runtime_setting.down.sql
drop table runtime_setting;
