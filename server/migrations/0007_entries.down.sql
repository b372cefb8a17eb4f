drop table entry_client;
drop table entry;
