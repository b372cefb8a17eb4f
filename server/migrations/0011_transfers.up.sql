-- 0011_transfers.up.sql
-- Phase: expand
-- Why: files of patients, assignments and entries come in and go out as jobs. What is uploaded, what is reported of it
-- and what was exported is health data, so it lies here in sealed chunks, for some days, and never on a disk in clear.
-- New tables only; old code does not know them.

create table sealed_file (
  organisation_id uuid not null,
  id uuid not null,
  purpose text not null,
  is_complete boolean not null default false,
  media_type text not null,
  size_bytes bigint not null default 0,
  digest bytea,
  created_by uuid not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (organisation_id, id)
);
comment on table sealed_file is 'class=operational; a file kept for some days; its content is in sealed_file_chunk';
comment on column sealed_file.organisation_id is 'class=operational; tenant';
comment on column sealed_file.id is 'class=operational; UUIDv7; a report has the id of its operation';
comment on column sealed_file.purpose is 'class=operational; what it is for, such as upload, report or export';
comment on column sealed_file.is_complete is 'class=operational; nothing is added any more';
comment on column sealed_file.media_type is 'class=operational; how it is written';
comment on column sealed_file.size_bytes is 'class=operational; of the content, as far as it is here';
comment on column sealed_file.digest is 'class=operational; keyed hash of the whole content, by which it is known again';
comment on column sealed_file.created_by is 'class=operational; account';
comment on column sealed_file.created_at is 'class=operational; when it was begun';
comment on column sealed_file.expires_at is 'class=operational; when it is deleted';
create index sealed_file_digest on sealed_file (organisation_id, digest) where digest is not null;
create index sealed_file_expires_at on sealed_file (organisation_id, expires_at);
select hp_protect('sealed_file');

create table sealed_file_chunk (
  organisation_id uuid not null,
  file_id uuid not null,
  begins_at bigint not null,
  content_ct bytea not null,
  primary key (organisation_id, file_id, begins_at),
  foreign key (organisation_id, file_id) references sealed_file on delete cascade
);
-- What is ciphertext does not get smaller by packing.
alter table sealed_file_chunk alter column content_ct set storage external;
comment on table sealed_file_chunk is 'class=health; a part of a file';
comment on column sealed_file_chunk.organisation_id is 'class=operational; tenant';
comment on column sealed_file_chunk.file_id is 'class=operational; of which file';
comment on column sealed_file_chunk.begins_at is 'class=operational; the byte of the file with which this part begins';
comment on column sealed_file_chunk.content_ct is 'class=health; the part, encrypted with the key for files';
select hp_protect('sealed_file_chunk');

create table import_key (
  organisation_id uuid not null,
  noun text not null check (noun in ('patient', 'assignment')),
  key_bidx bytea not null,
  row_id uuid not null,
  primary key (organisation_id, noun, key_bidx)
);
comment on table import_key is 'class=operational; which row a key in somebody else''s files became, so that a file may be sent twice';
comment on column import_key.organisation_id is 'class=operational; tenant';
comment on column import_key.noun is 'class=operational; what the row is';
comment on column import_key.key_bidx is 'class=identity; keyed index of the client_id';
comment on column import_key.row_id is 'class=operational; the row';
create index import_key_row on import_key (organisation_id, row_id);
select hp_protect('import_key');
