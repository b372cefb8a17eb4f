alter table idempotency drop column location;
