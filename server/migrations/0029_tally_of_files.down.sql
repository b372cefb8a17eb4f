-- 0029_tally_of_files.down.sql
drop trigger tally_removed on sealed_file;
drop trigger tally_changed on sealed_file;
drop trigger tally_added on sealed_file;
drop function hp_tally_files();
drop function hp_add_to_tally(uuid, bigint);
drop table sealed_file_tally;
