-- 0030_entry_of_protocol.down.sql
drop trigger entry_of_protocol on entry;
drop function hp_entry_of_protocol();
drop table entry_of_protocol;
