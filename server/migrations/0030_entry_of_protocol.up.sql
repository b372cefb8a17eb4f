-- 0030_entry_of_protocol.up.sql
-- Phase: expand
-- Why: which entries are of a protocol was found by its plans: a page read some 34,000 buffers where it has 10,000 of
-- 1.3 million. A table of keys holds them in the order of the list, with what else lists of entries are ordered by or
-- have ranges of. A trigger writes it, whatever code writes the entry: old code neither knows nor harms it. Entries
-- that stand already are added by the next revision.
create table entry_of_protocol (
  organisation_id uuid not null,
  protocol_id uuid not null,
  recorded_at timestamptz not null,
  entry_id uuid not null,
  effective_at timestamptz not null,
  planned_on date,
  primary key (organisation_id, protocol_id, recorded_at, entry_id) include (effective_at, planned_on)
);
comment on table entry_of_protocol is 'class=operational; which entries are of assignments of a protocol, by when they were recorded';
comment on column entry_of_protocol.organisation_id is 'class=operational; tenant';
comment on column entry_of_protocol.protocol_id is 'class=operational; of which protocol';
comment on column entry_of_protocol.recorded_at is 'class=operational; as of the entry';
comment on column entry_of_protocol.entry_id is 'class=operational; the entry';
comment on column entry_of_protocol.effective_at is 'class=operational; as of the entry';
comment on column entry_of_protocol.planned_on is 'class=operational; as of the entry';
select hp_protect('entry_of_protocol');

-- Fires once a statement. What an entry is of never changes, and no entry goes.
create function hp_entry_of_protocol() returns trigger
language plpgsql as $$
begin
  insert into entry_of_protocol (organisation_id, protocol_id, recorded_at, entry_id, effective_at, planned_on)
  select e.organisation_id, a.protocol_id, e.recorded_at, e.id, e.effective_at, e.planned_on
  from added e
  join assignment a on a.organisation_id = e.organisation_id and a.id = e.assignment_id;
  return null;
end
$$;
create trigger entry_of_protocol after insert on entry
referencing new table as added for each statement execute function hp_entry_of_protocol();
