-- 0004_patients.up.sql
-- Why: the person a plan is for. Every field that names or describes her is ciphertext under her own key; what must be
-- found exactly has a keyed index beside it (128 bits; surname with birth date 64 bits).

create table patient (
  organisation_id uuid not null references organisation,
  id uuid not null,
  status text not null check (status in ('active', 'archived', 'erased')),
  given_name_ct bytea,
  family_name_ct bytea,
  birth_date_ct bytea,
  sex_ct bytea,
  email_ct bytea,
  phone_ct bytea,
  address_ct bytea,
  language_ct bytea,
  email_bidx bytea,
  phone_bidx bytea,
  name_birth_bidx bytea,
  time_zone text not null,
  revision int not null default 1,
  created_at timestamptz not null,
  created_by uuid not null,
  updated_at timestamptz not null,
  primary key (organisation_id, id)
);
comment on table patient is 'class=identity; one row a person, readable only with her key';
comment on column patient.organisation_id is 'class=operational; tenant';
comment on column patient.id is 'class=operational; UUIDv7';
comment on column patient.status is 'class=operational; archived ones take no new assignments, erased ones are shown to nobody';
comment on column patient.given_name_ct is 'class=identity; given names';
comment on column patient.family_name_ct is 'class=identity; family name';
comment on column patient.birth_date_ct is 'class=identity; ISO date';
comment on column patient.sex_ct is 'class=identity; FHIR administrative gender';
comment on column patient.email_ct is 'class=identity; e-mail';
comment on column patient.phone_ct is 'class=identity; E.164';
comment on column patient.address_ct is 'class=identity; postal address as JSON';
comment on column patient.language_ct is 'class=identity; BCP 47 tag';
comment on column patient.email_bidx is 'class=identity; keyed index of the e-mail';
comment on column patient.phone_bidx is 'class=identity; keyed index of the phone number';
comment on column patient.name_birth_bidx is 'class=identity; keyed index of surname with birth date';
comment on column patient.time_zone is 'class=operational; IANA zone, needed to plan without the key';
comment on column patient.revision is 'class=operational; the ETag';
comment on column patient.created_at is 'class=operational; when enrolled';
comment on column patient.created_by is 'class=operational; account';
comment on column patient.updated_at is 'class=operational; last change';
create index patient_status on patient (organisation_id, status, id);
create index patient_created_at on patient (organisation_id, created_at, id);
create index patient_updated_at on patient (organisation_id, updated_at, id);
create index patient_email_bidx on patient (organisation_id, email_bidx) where email_bidx is not null;
create index patient_phone_bidx on patient (organisation_id, phone_bidx) where phone_bidx is not null;
create index patient_name_birth_bidx on patient (organisation_id, name_birth_bidx) where name_birth_bidx is not null;
select hp_protect('patient');

create table patient_identifier (
  organisation_id uuid not null,
  patient_id uuid not null,
  position int not null,
  system text not null,
  value_ct bytea not null,
  value_bidx bytea not null,
  primary key (organisation_id, patient_id, position),
  foreign key (organisation_id, patient_id) references patient on delete cascade,
  unique (organisation_id, value_bidx)
);
comment on table patient_identifier is 'class=identity; record numbers; one is never two persons in an organisation';
comment on column patient_identifier.organisation_id is 'class=operational; tenant';
comment on column patient_identifier.patient_id is 'class=operational; whose';
comment on column patient_identifier.position is 'class=operational; order as given, from 0';
comment on column patient_identifier.system is 'class=operational; the namespace, such as a URI of the issuing hospital';
comment on column patient_identifier.value_ct is 'class=identity; the number';
comment on column patient_identifier.value_bidx is 'class=identity; keyed index of system and number';
select hp_protect('patient_identifier');
