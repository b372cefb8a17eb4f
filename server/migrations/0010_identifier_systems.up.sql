-- 0010_identifier_systems.up.sql
-- Why: a record number is looked for in every system that occurs in the organisation. With this index the systems are
-- found one behind the other; without it every such search reads the identifiers of all patients.
-- Old code does not know the index; safe before deploy.
create index patient_identifier_system on patient_identifier (organisation_id, system);
