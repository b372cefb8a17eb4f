-- 0023_listing_indexes_trimmed.down.sql
-- Transaction: none
create index concurrently audit_event_object on audit_event (organisation_id, object_type, object_id, at, id);
create index concurrently protocol_tags on protocol using gin (tags);
create index concurrently protocol_words on protocol using gin (words);

-- A web search: words in any order, "a phrase", -without, or; every word finds what begins with it.
create or replace function hp_protocols_with_words(wanted text) returns setof uuid
language sql stable security definer rows 100 set search_path = pg_catalog, public
begin atomic
  select p.id
  from public.protocol p,
    lateral (
      select regexp_replace(websearch_to_tsquery('simple'::regconfig, wanted)::text, '(''(?:[^'']|'''')*'')', '\1:*', 'g')::tsquery
    ) as asked (query)
  where numnode(asked.query) > 0 and p.words @@ (hp_lexeme('@' || public.hp_tenant()::text) && asked.query);
end;

create or replace function hp_protocols_tagged(wanted text) returns setof uuid
language sql stable security definer rows 100 set search_path = pg_catalog, public
begin atomic
  select p.id
  from public.protocol p
  where p.words @@ (hp_lexeme('@' || public.hp_tenant()::text) && hp_lexeme('#' || wanted));
end;

drop index concurrently protocol_wording;
