-- 0022_protocol_description.down.sql
alter table protocol drop column wording;
drop function hp_protocol_wording(uuid, text, text, text[], text);
alter table protocol drop column description;
