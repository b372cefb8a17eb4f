-- 0019_installation.down.sql
drop table installation;
