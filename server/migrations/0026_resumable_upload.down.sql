-- 0026_resumable_upload.down.sql
alter table sealed_file drop column sha256_ct;
alter table sealed_file drop column mark;
alter table sealed_file drop column announced_bytes;
