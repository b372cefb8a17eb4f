-- 0001_foundation.up.sql
-- Why: the tenant, row-level security as one function, and the rows behind idempotent writes and long work.
-- The roles hp_owner (owns everything, cannot sign in) and hp_app (what the application is) are made by `migrate up`
-- before the first revision, because roles belong to the cluster and not to a database.

create function hp_tenant() returns uuid
language sql stable parallel safe
return nullif(current_setting('app.organisation', true), '')::uuid;

create function hp_protect(protected regclass) returns void
language plpgsql as $$
begin
  execute format('alter table %s enable row level security', protected);
  execute format('alter table %s force row level security', protected);
  execute format(
    'create policy tenant on %s using (organisation_id = (select hp_tenant())) with check (organisation_id = (select hp_tenant()))',
    protected);
  execute format('grant select, insert, update, delete on %s to hp_app', protected);
end
$$;
revoke all on function hp_protect(regclass) from public;

create table organisation (
  organisation_id uuid not null primary key,
  name text not null,
  settings jsonb not null default '{}',
  revision int not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
comment on table organisation is 'class=operational; a tenant: nothing crosses it';
comment on column organisation.organisation_id is 'class=operational; UUIDv7';
comment on column organisation.name is 'class=operational; the public name of the clinic or programme';
comment on column organisation.settings is 'class=operational; choices of the organisation, such as days an entry may come late';
comment on column organisation.revision is 'class=operational; grows by one with every change; the ETag';
comment on column organisation.created_at is 'class=operational; when the tenant was made';
comment on column organisation.updated_at is 'class=operational; last change';
select hp_protect('organisation');

-- The one place where tenants are counted off: scheduled jobs walk it and open a transaction for each. The policy lets
-- the function, which runs as hp_owner, see them; hp_app itself still sees only its tenant.
create policy count_off on organisation for select to hp_owner using (true);
create function hp_organisations() returns setof uuid
language sql stable security definer set search_path = pg_catalog, public
begin atomic
  select organisation_id from public.organisation order by organisation_id;
end;
revoke all on function hp_organisations() from public;
grant execute on function hp_organisations() to hp_app;
grant execute on function hp_tenant() to hp_app;

create table idempotency (
  organisation_id uuid not null,
  account_id uuid not null,
  key text not null,
  request_hash bytea not null,
  status int,
  etag text,
  body_ct bytea,
  created_at timestamptz not null,
  primary key (organisation_id, account_id, key)
);
comment on table idempotency is 'class=operational; the answer to a write that named an Idempotency-Key, kept a day';
comment on column idempotency.organisation_id is 'class=operational; tenant';
comment on column idempotency.account_id is 'class=operational; who sent the key';
comment on column idempotency.key is 'class=operational; chosen by the client';
comment on column idempotency.request_hash is 'class=operational; SHA-256 of method, path and body, keyed by the organisation';
comment on column idempotency.status is 'class=operational; HTTP status of the answer';
comment on column idempotency.etag is 'class=operational; ETag of the answer';
comment on column idempotency.body_ct is 'class=health; the answer, encrypted';
comment on column idempotency.created_at is 'class=operational; swept after a day';
create index idempotency_created_at on idempotency (organisation_id, created_at);
select hp_protect('idempotency');

create table operation (
  organisation_id uuid not null,
  id uuid not null,
  kind text not null,
  status text not null check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  done bigint not null default 0,
  total bigint not null default 0,
  input jsonb not null default '{}',
  input_ct bytea,
  cursor text,
  result jsonb,
  result_ct bytea,
  problem jsonb,
  cancel_requested boolean not null default false,
  created_by uuid not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  revision int not null default 1,
  primary key (organisation_id, id)
);
comment on table operation is 'class=operational; long work: what it is, how far it is, how it ended';
comment on column operation.organisation_id is 'class=operational; tenant';
comment on column operation.id is 'class=operational; UUIDv7';
comment on column operation.kind is 'class=operational; which work';
comment on column operation.status is 'class=operational; queued, running, succeeded, failed or cancelled';
comment on column operation.done is 'class=operational; units finished';
comment on column operation.total is 'class=operational; units in all';
comment on column operation.input is 'class=operational; ids and settings only';
comment on column operation.input_ct is 'class=health; what the work reads, such as an uploaded file, encrypted';
comment on column operation.cursor is 'class=operational; where to go on after an interruption';
comment on column operation.result is 'class=operational; counts and ids';
comment on column operation.result_ct is 'class=health; a result that names people or health, encrypted';
comment on column operation.problem is 'class=operational; problem+json of a failure, without values';
comment on column operation.cancel_requested is 'class=operational; the next batch does not start';
comment on column operation.created_by is 'class=operational; account';
comment on column operation.created_at is 'class=operational; when it was asked for';
comment on column operation.updated_at is 'class=operational; last progress';
comment on column operation.revision is 'class=operational; the ETag';
create index operation_created_at on operation (organisation_id, created_at);
select hp_protect('operation');

-- Readiness compares the database with the code, so the application may read how far it is.
grant select on alembic_version to hp_app;
comment on table alembic_version is 'class=operational; the newest applied migration';
comment on column alembic_version.version_num is 'class=operational; its number';
