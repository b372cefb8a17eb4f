-- 0019_installation.up.sql
-- Phase: expand
-- Why: a copy of production must not be served, migrated or looked at as if it were something else.
-- New table only; old code does not know it, so this is safe before a deploy.

-- One row: the organisation of all zeros is the installation.
create table installation (
  organisation_id uuid not null primary key check (organisation_id = '00000000-0000-0000-0000-000000000000'),
  environment text not null check (environment in ('development', 'test', 'staging', 'production')),
  bound_at timestamptz not null,
  deidentified_at timestamptz
);
comment on table installation is 'class=operational; what this database is for';
comment on column installation.organisation_id is 'class=operational; all zeros';
comment on column installation.environment is 'class=operational; the only HP_ENVIRONMENT that may use it';
comment on column installation.bound_at is 'class=operational; since when it is that';
comment on column installation.deidentified_at is 'class=operational; when it was made harmless; null when it never was';
select hp_protect('installation');
select hp_show_installation('installation');
