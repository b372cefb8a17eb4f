-- 0013_cache_epoch.up.sql
-- Phase: expand
-- Why: a cached value is good while the epochs of its tags are those that were read before it was loaded.
-- New table only; old code does not know it, so this is safe before a deploy.

-- The epoch of a tag is the sum of its slots. A writer takes any slot that nobody holds and else makes a new one, so
-- writers never wait for one another here, not even those of one tag: as many slots as ever wrote at the same moment.
-- Slots begin and grow by random steps: a sum that was seen once does not come again, also after a sweep or a restore.
create table cache_epoch (
  organisation_id uuid not null,
  tag text not null check (tag ~ '^[a-z][a-z_]{0,39}(:[0-9a-f-]{36})?$'),
  slot bigint not null,
  epoch bigint not null,
  bumped_at timestamptz not null,
  primary key (organisation_id, tag, slot)
) with (fillfactor = 50);
comment on table cache_epoch is 'class=operational; how often what a tag stands for has changed, so that copies of it are known to be old';
comment on column cache_epoch.organisation_id is 'class=operational; tenant';
comment on column cache_epoch.tag is 'class=operational; a noun, or a noun and an id';
comment on column cache_epoch.slot is 'class=operational; random; which part of the sum this is';
comment on column cache_epoch.epoch is 'class=operational; this part of the sum; only grows';
comment on column cache_epoch.bumped_at is 'class=operational; last change; swept two days after';
select hp_protect('cache_epoch');

-- One query tells a process of all the tags that it uses, of whatever tenants: numbers that mean nothing by themselves.
create policy count_off on cache_epoch for select to hp_owner using (true);
create function hp_cache_epochs(organisation_ids uuid[], tags text[]) returns setof bigint
language sql stable security definer set search_path = pg_catalog, public
begin atomic
  select coalesce(
    (
      select sum(e.epoch)
      from public.cache_epoch e
      where e.organisation_id = w.organisation_id and e.tag = w.tag
    ),
    0
  )::bigint
  from unnest(organisation_ids, tags) with ordinality as w (organisation_id, tag, place)
  order by w.place;
end;
revoke all on function hp_cache_epochs(uuid[], text[]) from public;
grant execute on function hp_cache_epochs(uuid[], text[]) to hp_app;
