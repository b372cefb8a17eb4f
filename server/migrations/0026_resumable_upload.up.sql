-- 0026_resumable_upload.up.sql
-- Phase: expand
-- Why: an upload that broke off goes on where it stopped, and says its SHA-256 whenever it is asked.
-- Old code ignores the columns; safe before a deploy.
alter table sealed_file add column announced_bytes bigint;
alter table sealed_file add column mark bytea;
alter table sealed_file add column sha256_ct bytea;
comment on column sealed_file.announced_bytes is 'class=operational; how large it will be, as it is sent; null when nobody said';
comment on column sealed_file.mark is 'class=operational; keyed hash of what its sender calls it, by which she finds it unfinished';
comment on column sealed_file.sha256_ct is 'class=health; SHA-256 of the whole content, encrypted: unkeyed, it would let a small file be guessed';
