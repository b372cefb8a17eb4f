drop table operation;
drop table idempotency;
drop function hp_organisations();
drop table organisation;
drop function hp_protect(regclass);
drop function hp_tenant();
