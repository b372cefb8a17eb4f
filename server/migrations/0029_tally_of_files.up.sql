-- 0029_tally_of_files.up.sql
-- Phase: expand
-- Why: how much all files of an organisation hold together is asked with every part that is added. It is kept as one row,
-- by triggers, so that old code keeps it too; whoever adds is alone with it until she commits, so two cannot both fit
-- where only one does. A row that is not there yet is made, once, from the files.
create table sealed_file_tally (
  organisation_id uuid not null primary key,
  size_bytes bigint not null
);
comment on table sealed_file_tally is 'class=operational; how much the files of an organisation hold together';
comment on column sealed_file_tally.organisation_id is 'class=operational; tenant';
comment on column sealed_file_tally.size_bytes is 'class=operational; of the content of all its sealed_file, those on their way in included';
select hp_protect('sealed_file_tally');

create function hp_add_to_tally(tenant uuid, more_bytes bigint) returns void
language plpgsql as $$
begin
  if more_bytes = 0 then
    return;
  end if;
  update sealed_file_tally t set size_bytes = t.size_bytes + more_bytes where t.organisation_id = tenant;
  if not found then
    insert into sealed_file_tally as t (organisation_id, size_bytes)
    select tenant, coalesce(sum(f.size_bytes), 0)
    from sealed_file f
    where f.organisation_id = tenant
    on conflict (organisation_id) do update set size_bytes = t.size_bytes + more_bytes;
  end if;
end
$$;
comment on function hp_add_to_tally(uuid, bigint) is 'Adds to how much the files of an organisation hold; where nothing is kept yet, counts them';

create function hp_tally_files() returns trigger
language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    perform hp_add_to_tally(a.organisation_id, sum(a.size_bytes)::bigint) from added a group by a.organisation_id;
  elsif tg_op = 'DELETE' then
    perform hp_add_to_tally(r.organisation_id, -sum(r.size_bytes)::bigint) from removed r group by r.organisation_id;
  else
    perform hp_add_to_tally(c.organisation_id, sum(c.size_bytes)::bigint)
    from (
      select a.organisation_id, a.size_bytes from added a
      union all
      select r.organisation_id, -r.size_bytes from removed r
    ) c
    group by c.organisation_id;
  end if;
  return null;
end
$$;

-- By statement: whoever deletes many files holds them all before she takes the tally, as who adds to one does.
create trigger tally_added after insert on sealed_file
  referencing new table as added for each statement execute function hp_tally_files();
create trigger tally_changed after update on sealed_file
  referencing old table as removed new table as added for each statement execute function hp_tally_files();
create trigger tally_removed after delete on sealed_file
  referencing old table as removed for each statement execute function hp_tally_files();
