drop table protocol_version;
drop function hp_keep_published();
drop table protocol;
