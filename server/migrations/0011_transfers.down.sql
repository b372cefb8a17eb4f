drop table import_key;
drop table sealed_file_chunk;
drop table sealed_file;
