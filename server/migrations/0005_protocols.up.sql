-- 0005_protocols.up.sql
-- Why: the definition and its immutable versions. A definition describes no person, so it is plain; an imported source
-- is kept byte for byte beside what was understood of it.

create table protocol (
  organisation_id uuid not null references organisation,
  id uuid not null,
  status text not null check (status in ('draft', 'active', 'retired')),
  title text not null,
  category text,
  tags text[] not null default '{}',
  latest_version int not null,
  active_version int,
  published_at timestamptz,
  revision int not null default 1,
  created_at timestamptz not null,
  created_by uuid not null,
  updated_at timestamptz not null,
  primary key (organisation_id, id)
);
comment on table protocol is 'class=operational; a care protocol: what all its versions share, and what lists show of the newest';
comment on column protocol.organisation_id is 'class=operational; tenant';
comment on column protocol.id is 'class=operational; UUIDv7';
comment on column protocol.status is 'class=operational; draft until first published, then active, then retired';
comment on column protocol.title is 'class=operational; of the newest version';
comment on column protocol.category is 'class=operational; of the newest version';
comment on column protocol.tags is 'class=operational; of the newest version';
comment on column protocol.latest_version is 'class=operational; the newest version, a draft when it is above active_version';
comment on column protocol.active_version is 'class=operational; the newest published version';
comment on column protocol.published_at is 'class=operational; when that was published';
comment on column protocol.revision is 'class=operational; the ETag';
comment on column protocol.created_at is 'class=operational; when first written';
comment on column protocol.created_by is 'class=operational; account';
comment on column protocol.updated_at is 'class=operational; last change';
create index protocol_status on protocol (organisation_id, status, id);
create index protocol_title on protocol (organisation_id, title, id);
create index protocol_category on protocol (organisation_id, category, id);
create index protocol_created_at on protocol (organisation_id, created_at, id);
create index protocol_updated_at on protocol (organisation_id, updated_at, id);
create index protocol_published_at on protocol (organisation_id, published_at, id);
create index protocol_tags on protocol using gin (tags);
select hp_protect('protocol');

create table protocol_version (
  organisation_id uuid not null,
  protocol_id uuid not null,
  version int not null check (version >= 1),
  status text not null check (status in ('draft', 'active', 'retired')),
  content jsonb not null,
  source_format text,
  source bytea,
  created_at timestamptz not null,
  created_by uuid not null,
  updated_at timestamptz not null,
  published_at timestamptz,
  published_by uuid,
  primary key (organisation_id, protocol_id, version),
  foreign key (organisation_id, protocol_id) references protocol on delete cascade
);
comment on table protocol_version is 'class=operational; what a version says; never changes once published';
comment on column protocol_version.organisation_id is 'class=operational; tenant';
comment on column protocol_version.protocol_id is 'class=operational; of which protocol';
comment on column protocol_version.version is 'class=operational; from 1';
comment on column protocol_version.status is 'class=operational; draft, active (published) or retired';
comment on column protocol_version.content is 'class=operational; ProtocolContent';
comment on column protocol_version.source_format is 'class=operational; format of an imported source';
comment on column protocol_version.source is 'class=operational; the imported source, so that an export loses nothing';
comment on column protocol_version.created_at is 'class=operational; when begun';
comment on column protocol_version.created_by is 'class=operational; account';
comment on column protocol_version.updated_at is 'class=operational; last change of the draft';
comment on column protocol_version.published_at is 'class=operational; when it became immutable';
comment on column protocol_version.published_by is 'class=operational; account';
select hp_protect('protocol_version');

create function hp_keep_published() returns trigger
language plpgsql as $$
begin
  if old.status <> 'draft' and (new.content is distinct from old.content or new.source is distinct from old.source) then
    raise exception 'a published version never changes' using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;
create trigger keep_published before update on protocol_version for each row execute function hp_keep_published();
