-- 0018_runtime_setting.up.sql
-- Phase: expand
-- Allow: expand-only-adds, because the table is new and what is revoked is the right to rewrite its history
-- Why: admins and operators change what they may choose while the platform runs, with a reason, and go back when it
-- was a mistake. New table only; old code does not know it, so this is safe before a deploy.

-- A change is a new row: the newest version of a name holds, and nothing is ever overwritten.
create table runtime_setting (
  organisation_id uuid not null,
  name text not null,
  version int not null check (version > 0),
  value jsonb,
  variation jsonb,
  reason text not null check (length(reason) between 1 and 200),
  changed_by uuid,
  changed_at timestamptz not null,
  primary key (organisation_id, name, version)
);
comment on table runtime_setting is 'class=operational; every version of every setting that was chosen';
comment on column runtime_setting.organisation_id is 'class=operational; tenant; all zeros is the installation';
comment on column runtime_setting.name is 'class=operational; a name of the registry in the code';
comment on column runtime_setting.version is 'class=operational; grows by one with every change; the ETag';
comment on column runtime_setting.value is 'class=operational; null once the own choice was taken back';
comment on column runtime_setting.variation is 'class=operational; another value from, until, or for a share of the accounts';
comment on column runtime_setting.reason is 'class=operational; why, in words about the setting';
comment on column runtime_setting.changed_by is 'class=operational; account; null for an operator';
comment on column runtime_setting.changed_at is 'class=operational; when';
select hp_protect('runtime_setting');
select hp_show_installation('runtime_setting');
revoke update, delete on runtime_setting from hp_app;
