-- 0002_keys_and_accounts.up.sql
-- Why: wrapped keys, the people and programs that sign in, and the audit log in its final shape.
-- New tables only; old code does not know them, so this is safe before a deploy.

create table organisation_key (
  organisation_id uuid not null references organisation (organisation_id),
  version int not null check (version > 0),
  wrapped bytea,
  root_id text not null,
  root_version int not null,
  state text not null check (state in ('active', 'decrypt_only', 'destroyed')),
  created_at timestamptz not null,
  primary key (organisation_id, version),
  check ((wrapped is null) = (state = 'destroyed'))
);
comment on table organisation_key is 'class=operational; the key of an organisation, wrapped by the root key';
comment on column organisation_key.organisation_id is 'class=operational; tenant';
comment on column organisation_key.version is 'class=operational; grows with rotation';
comment on column organisation_key.wrapped is 'class=operational; 32 bytes under the root key; null once destroyed';
comment on column organisation_key.root_id is 'class=operational; which root key';
comment on column organisation_key.root_version is 'class=operational; which version of it';
comment on column organisation_key.state is 'class=operational; active wraps and unwraps, decrypt_only unwraps';
comment on column organisation_key.created_at is 'class=operational; when it was made';
select hp_protect('organisation_key');

create table purpose_key (
  organisation_id uuid not null references organisation (organisation_id),
  purpose text not null check (purpose ~ '^[a-z][a-z_]{0,39}$'),
  version int not null check (version > 0),
  key_id uuid not null,
  wrapped bytea,
  wrapping_version int not null,
  state text not null check (state in ('active', 'decrypt_only', 'destroyed')),
  created_at timestamptz not null,
  primary key (organisation_id, purpose, version),
  check ((wrapped is null) = (state = 'destroyed'))
);
comment on table purpose_key is 'class=operational; data keys of an organisation for what belongs to no single patient';
comment on column purpose_key.organisation_id is 'class=operational; tenant';
comment on column purpose_key.purpose is 'class=operational; what the key is for; index is the root of the blind indexes';
comment on column purpose_key.version is 'class=operational; grows with rotation';
comment on column purpose_key.key_id is 'class=operational; named in the header of every ciphertext under it';
comment on column purpose_key.wrapped is 'class=operational; 32 bytes under the key of the organisation; null once destroyed';
comment on column purpose_key.wrapping_version is 'class=operational; version of the organisation key that wraps it';
comment on column purpose_key.state is 'class=operational; active, decrypt_only or destroyed';
comment on column purpose_key.created_at is 'class=operational; when it was made';
select hp_protect('purpose_key');

create table subject_key (
  organisation_id uuid not null references organisation (organisation_id),
  subject_id uuid not null,
  version int not null check (version > 0),
  key_id uuid not null,
  wrapped bytea,
  wrapping_version int not null,
  state text not null check (state in ('active', 'decrypt_only', 'destroyed')),
  created_at timestamptz not null,
  primary key (organisation_id, subject_id, version),
  check ((wrapped is null) = (state = 'destroyed'))
);
comment on table subject_key is 'class=operational; the data key of one patient; destroying it erases all that is under it';
comment on column subject_key.organisation_id is 'class=operational; tenant';
comment on column subject_key.subject_id is 'class=operational; patient';
comment on column subject_key.version is 'class=operational; grows with rotation';
comment on column subject_key.key_id is 'class=operational; named in the header of every ciphertext under it';
comment on column subject_key.wrapped is 'class=operational; 32 bytes under the key of the organisation; null once destroyed';
comment on column subject_key.wrapping_version is 'class=operational; version of the organisation key that wraps it';
comment on column subject_key.state is 'class=operational; active, decrypt_only or destroyed';
comment on column subject_key.created_at is 'class=operational; when it was made';
select hp_protect('subject_key');

create table account (
  organisation_id uuid not null references organisation (organisation_id),
  id uuid not null,
  role text not null check (role in ('admin', 'clinician', 'coordinator', 'auditor', 'patient', 'service')),
  status text not null check (status in ('active', 'disabled')),
  name_ct bytea,
  email_ct bytea,
  email_index bytea,
  password_ct bytea,
  password_changed_at timestamptz,
  patient_id uuid,
  created_by uuid,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  revision int not null default 1,
  primary key (organisation_id, id),
  check ((role = 'patient') = (patient_id is not null)),
  check ((role = 'service') = (email_ct is null)),
  check ((email_ct is null) = (email_index is null)),
  check ((password_ct is null) = (password_changed_at is null))
);
comment on table account is 'class=identity; someone or something that signs in';
comment on column account.organisation_id is 'class=operational; tenant';
comment on column account.id is 'class=operational; UUIDv7';
comment on column account.role is 'class=operational; what it may do';
comment on column account.status is 'class=operational; a disabled account cannot sign in and its sessions are gone';
comment on column account.name_ct is 'class=identity; how it is shown, encrypted with the auth key';
comment on column account.email_ct is 'class=identity; e-mail address, encrypted with the auth key; null for programs';
comment on column account.email_index is 'class=identity; blind index of the e-mail address, 16 bytes';
comment on column account.password_ct is 'class=identity; argon2id hash, encrypted with the auth key; null without a password';
comment on column account.password_changed_at is 'class=operational; when the password was set';
comment on column account.patient_id is 'class=operational; the one patient that a patient account is bound to';
comment on column account.created_by is 'class=operational; account; null for the first of an organisation';
comment on column account.created_at is 'class=operational; when it was made';
comment on column account.updated_at is 'class=operational; last change';
comment on column account.revision is 'class=operational; grows by one with every change; the ETag';
create unique index account_email on account (organisation_id, email_index);
create index account_created_at on account (organisation_id, created_at, id);
create index account_patient on account (organisation_id, patient_id) where patient_id is not null;
select hp_protect('account');

-- Which organisations an e-mail address signs in to, before any tenant is known. A transaction sees its own tenant's
-- rows, and rows whose hash it names exactly in app.lookup: nothing can be listed.
create table sign_in_directory (
  organisation_id uuid not null references organisation (organisation_id),
  lookup bytea not null,
  account_id uuid not null,
  primary key (organisation_id, lookup),
  foreign key (organisation_id, account_id) references account (organisation_id, id) on delete cascade
);
comment on table sign_in_directory is 'class=identity; from the hash of an e-mail address to its accounts';
comment on column sign_in_directory.organisation_id is 'class=operational; tenant';
comment on column sign_in_directory.lookup is 'class=identity; keyed hash of the e-mail address, the same in all organisations';
comment on column sign_in_directory.account_id is 'class=operational; account';
create index sign_in_directory_lookup on sign_in_directory (lookup);
create index sign_in_directory_account on sign_in_directory (organisation_id, account_id);
select hp_protect('sign_in_directory');
create policy lookup on sign_in_directory for select to hp_app
  using (lookup = (select decode(nullif(current_setting('app.lookup', true), ''), 'hex')));

create table session (
  organisation_id uuid not null references organisation (organisation_id),
  token_hash bytea not null,
  id uuid not null,
  account_id uuid not null,
  created_at timestamptz not null,
  last_seen_at timestamptz not null,
  idle_seconds int not null check (idle_seconds > 0),
  expires_at timestamptz not null,
  address_ct bytea,
  agent_ct bytea,
  primary key (organisation_id, token_hash),
  foreign key (organisation_id, account_id) references account (organisation_id, id) on delete cascade
);
comment on table session is 'class=operational; a signed-in browser or phone; the row goes when it signs out';
comment on column session.organisation_id is 'class=operational; tenant';
comment on column session.token_hash is 'class=operational; SHA-256 of the cookie';
comment on column session.id is 'class=operational; UUIDv7, by which a list of sessions names it';
comment on column session.account_id is 'class=operational; account';
comment on column session.created_at is 'class=operational; when it signed in';
comment on column session.last_seen_at is 'class=operational; last use, to the minute';
comment on column session.idle_seconds is 'class=operational; ends after this long without use';
comment on column session.expires_at is 'class=operational; ends then in any case';
comment on column session.address_ct is 'class=identity; network address at sign-in, encrypted with the auth key';
comment on column session.agent_ct is 'class=identity; browser at sign-in, encrypted with the auth key';
create index session_account on session (organisation_id, account_id, created_at);
create index session_expires_at on session (organisation_id, expires_at);
select hp_protect('session');

create table api_token (
  organisation_id uuid not null references organisation (organisation_id),
  id uuid not null,
  account_id uuid not null,
  token_hash bytea not null,
  name text not null check (char_length(name) between 1 and 100),
  scopes text[] not null,
  created_by uuid not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz,
  revision int not null default 1,
  primary key (organisation_id, id),
  foreign key (organisation_id, account_id) references account (organisation_id, id) on delete cascade
);
comment on table api_token is 'class=operational; a bearer token of a program; the token itself is never stored';
comment on column api_token.organisation_id is 'class=operational; tenant';
comment on column api_token.id is 'class=operational; UUIDv7, also part of the token';
comment on column api_token.account_id is 'class=operational; the service account it acts as';
comment on column api_token.token_hash is 'class=operational; SHA-256 of the token';
comment on column api_token.name is 'class=operational; what an admin calls it';
comment on column api_token.scopes is 'class=operational; permissions, or * for all of the role';
comment on column api_token.created_by is 'class=operational; account';
comment on column api_token.created_at is 'class=operational; when it was made';
comment on column api_token.expires_at is 'class=operational; not valid from then on';
comment on column api_token.last_used_at is 'class=operational; last use, to the minute';
comment on column api_token.revoked_at is 'class=operational; not valid from then on; null while it is good';
comment on column api_token.revision is 'class=operational; the ETag';
create unique index api_token_hash on api_token (organisation_id, token_hash);
create index api_token_lookup on api_token (token_hash);
create index api_token_created_at on api_token (organisation_id, created_at, id);
create index api_token_account on api_token (organisation_id, account_id);
select hp_protect('api_token');
create policy lookup on api_token for select to hp_app
  using (token_hash = (select decode(nullif(current_setting('app.lookup', true), ''), 'hex')));

-- No foreign keys: an audit row outlives what it speaks of, and must not wait for a lock on it.
create table audit_event (
  organisation_id uuid not null,
  at timestamptz not null,
  id uuid not null,
  actor_id uuid,
  actor_role text not null,
  session_hash bytea,
  action text not null,
  object_type text not null,
  object_id uuid,
  subject_id uuid,
  subject_ids uuid[] not null default '{}',
  outcome text not null check (outcome in ('success', 'denied', 'failure')),
  purpose text not null,
  request_id text not null,
  address_ct bytea,
  detail_ct bytea,
  salt bytea not null,
  leaf bytea not null,
  epoch int not null default 0,
  primary key (organisation_id, at, id)
) partition by range (at);
comment on table audit_event is 'class=health; who did or saw what, of whom, why, from where; never changed';
comment on column audit_event.organisation_id is 'class=operational; tenant';
comment on column audit_event.at is 'class=operational; when, by the clock of the application';
comment on column audit_event.id is 'class=operational; UUIDv7';
comment on column audit_event.actor_id is 'class=operational; account; null when nobody was signed in';
comment on column audit_event.actor_role is 'class=operational; role at that moment; system for jobs without an account';
comment on column audit_event.session_hash is 'class=operational; SHA-256 of the session or token';
comment on column audit_event.action is 'class=operational; such as patient.read';
comment on column audit_event.object_type is 'class=operational; noun of the thing';
comment on column audit_event.object_id is 'class=operational; the thing; null for lists';
comment on column audit_event.subject_id is 'class=operational; the patient it is about; null for none or many';
comment on column audit_event.subject_ids is 'class=operational; all patients that a list showed';
comment on column audit_event.outcome is 'class=operational; success, denied or failure';
comment on column audit_event.purpose is 'class=operational; HL7 purpose of use, such as TREAT';
comment on column audit_event.request_id is 'class=operational; joins it to the log of the application';
comment on column audit_event.address_ct is 'class=identity; network address, encrypted with the audit key';
comment on column audit_event.detail_ct is 'class=health; what more is to be said, JSON encrypted with the audit key';
comment on column audit_event.salt is 'class=operational; 16 random bytes, so a leaf tells nothing of its content';
comment on column audit_event.leaf is 'class=operational; SHA-256 of 0x00 and the canonical row: the leaf of the tree to come';
comment on column audit_event.epoch is 'class=operational; grows when a restore starts a new history';
create index audit_event_actor on audit_event (organisation_id, actor_id, at, id);
create index audit_event_subject on audit_event (organisation_id, subject_id, at, id);
create index audit_event_object on audit_event (organisation_id, object_type, object_id, at, id);
select hp_protect('audit_event');
revoke update, delete on audit_event from hp_app;

create function hp_refuse_change() returns trigger
language plpgsql as $$
begin
  raise exception 'rows of % are never changed or deleted', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
create trigger never_changed before update or delete on audit_event
  for each row execute function hp_refuse_change();
create trigger never_emptied before truncate on audit_event
  for each statement execute function hp_refuse_change();

-- Makes the monthly partitions [first_month, first_month + months) of a table, and the default one for all other times.
-- The table is partitioned by an instant, or by a UUIDv7 whose first 48 bits are one. A month that already has rows in
-- the default partition stays there. The application may call it; it can only add partitions to these tables.
create function ensure_month_partitions(parent regclass, first_month date, months int) returns int
language plpgsql security definer set search_path = pg_catalog, public, pg_temp set timezone = 'UTC' as $$
declare
  parent_name name;
  key_name name;
  by_id boolean;
  month_start timestamptz;
  partition_name text;
  lower_bound text;
  upper_bound text;
  already boolean;
  made int := 0;
begin
  select c.relname, a.attname, a.atttypid = 'uuid'::regtype into parent_name, key_name, by_id
  from pg_class c
  join pg_partitioned_table p on p.partrelid = c.oid and p.partstrat = 'r' and p.partnatts = 1
  join pg_attribute a on a.attrelid = c.oid and a.attnum = p.partattrs[0]
  where c.oid = parent
    and c.relnamespace = 'public'::regnamespace
    and c.relname in ('audit_event', 'entry');
  if parent_name is null or months not between 0 and 240 then
    raise exception 'no monthly partitions for this table, or too many' using errcode = 'insufficient_privilege';
  end if;
  -- Two servers that start at once would both find a partition missing.
  perform pg_advisory_xact_lock(hashtext('ensure_month_partitions'), parent::oid::int);
  if to_regclass(format('public.%I', parent_name || '_default')) is null then
    perform hp_add_partition(parent, parent_name || '_default', 'default');
    -- This function must see what lies there, though row-level security is forced on its owner too.
    execute format('create policy count_off on public.%I for select to hp_owner using (true)', parent_name || '_default');
  end if;
  for step in 0 .. months - 1 loop
    month_start := date_trunc('month', first_month::timestamptz) + make_interval(months => step);
    partition_name := parent_name || to_char(month_start, '_YYYYMM');
    if to_regclass(format('public.%I', partition_name)) is not null then
      continue;
    end if;
    lower_bound := hp_partition_bound(month_start, by_id);
    upper_bound := hp_partition_bound(month_start + interval '1 month', by_id);
    execute format('select exists (select from public.%I where %I >= %L and %I < %L)',
      parent_name || '_default', key_name, lower_bound, key_name, upper_bound) into already;
    if not already then
      perform hp_add_partition(parent, partition_name, format('for values from (%L) to (%L)', lower_bound, upper_bound));
      made := made + 1;
    end if;
  end loop;
  return made;
end
$$;

-- The smallest key of an instant: itself, or the UUIDv7 with its milliseconds and zeros.
create function hp_partition_bound(at timestamptz, by_id boolean) returns text
language sql stable set search_path = pg_catalog set timezone = 'UTC'
return case
  when by_id then rpad(lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0'), 32, '0')::uuid::text
  else at::text
end;

-- Attaching a finished table locks the parent less than creating a partition in place; rows go on being written.
create function hp_add_partition(parent regclass, partition_name text, bounds text) returns void
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
  execute format('create table public.%I (like %s including all)', partition_name, parent);
  -- Nobody is granted a partition by itself; should somebody be one day, it still shows nothing.
  execute format('alter table public.%I enable row level security', partition_name);
  execute format('alter table public.%I force row level security', partition_name);
  execute format('alter table %s attach partition public.%I %s', parent, partition_name, bounds);
end
$$;

revoke all on function hp_partition_bound(timestamptz, boolean) from public;
revoke all on function hp_add_partition(regclass, text, text) from public;
revoke all on function ensure_month_partitions(regclass, date, int) from public;
grant execute on function ensure_month_partitions(regclass, date, int) to hp_app;
select ensure_month_partitions('audit_event', (now() - interval '1 month')::date, 4);
