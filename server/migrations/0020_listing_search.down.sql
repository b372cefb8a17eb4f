-- 0020_listing_search.down.sql
drop function hp_audit_of_shown(uuid);
drop function hp_protocols_tagged(text);
drop function hp_protocols_with_words(text);
drop policy search on audit_event;
drop policy search on protocol;
alter table protocol drop column words;
drop function hp_lexeme(text);
drop function hp_protocol_words(uuid, text, text, text[]);
