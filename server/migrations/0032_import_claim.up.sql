-- 0032_import_claim.up.sql
-- Phase: expand
-- Why: a dry run undoes each batch, so what its lines would have made is kept here, as keyed hashes, for the lines of
-- later batches: they are judged as after it. Kept while the operation goes on. A new table only; old code ignores it.
create table import_claim (
  organisation_id uuid not null,
  operation_id uuid not null,
  claim_bidx bytea not null,
  row_id uuid not null,
  primary key (organisation_id, operation_id, claim_bidx)
);
comment on table import_claim is 'class=operational; what the lines of a dry run would have made so far, by what later lines would know it';
comment on column import_claim.organisation_id is 'class=operational; tenant';
comment on column import_claim.operation_id is 'class=operational; the dry run';
comment on column import_claim.claim_bidx is 'class=identity; keyed hash of a client_id, of a record number, or of one thing that tells people apart';
comment on column import_claim.row_id is 'class=operational; the row that would have been made; one that is here where a line would have been tied to it';
select hp_protect('import_claim');
