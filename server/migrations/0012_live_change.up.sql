-- 0012_live_change.up.sql
-- Phase: expand
-- Why: small tables that every request looks at (settings, flags) are kept in memory by each process. This says which
-- organisation's rows changed, for those who missed the notification. Old code does not know it; safe before a deploy.

-- One row an organisation, so that it needs no sweeping. Revisions and ids of transactions become visible out of order;
-- a reader asks for all that began no earlier than the oldest transaction that was still open when it last looked.
create table live_change (
  organisation_id uuid not null primary key,
  revision bigint not null generated always as identity,
  changed_in xid8 not null default pg_current_xact_id(),
  at timestamptz not null
);
comment on table live_change is 'class=operational; whose settings or flags changed last, and when';
comment on column live_change.organisation_id is 'class=operational; tenant; all zeros is the installation';
comment on column live_change.revision is 'class=operational; another number with every change; grows within an organisation';
comment on column live_change.changed_in is 'class=operational; the transaction that changed it';
comment on column live_change.at is 'class=operational; when';
create index live_change_changed_in on live_change (changed_in);
select hp_protect('live_change');
-- Every process follows all organisations whose rows it keeps; there is nothing here but ids and numbers.
create policy followed on live_change for select to hp_app using (true);

-- For tables whose rows of the installation (all zeros) hold for every organisation that has none of its own.
create function hp_show_installation(layered regclass) returns void
language plpgsql as $$
begin
  execute format(
    'create policy installation on %s for select to hp_app using (organisation_id = %L)',
    layered, '00000000-0000-0000-0000-000000000000');
end
$$;
revoke all on function hp_show_installation(regclass) from public;
