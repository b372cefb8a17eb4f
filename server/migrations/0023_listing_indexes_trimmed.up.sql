-- 0023_listing_indexes_trimmed.up.sql
-- Phase: expand
-- Transaction: none
-- Why: the words of 0022 are found by an index, which takes the place of the one of 0021. Two others serve nothing: no GIN
-- index is used beside a policy of row-level security, and tags are found by their words; events of an object are found
-- by its id alone (audit_event_object_id), which is hardly ever that of another kind of object. A read that is recorded
-- writes an index less.
-- Old code does not name the indexes; safe before deploy.
create index concurrently protocol_wording on protocol using gin (wording);

-- A web search: words in any order, "a phrase", -without, or; every word finds what begins with it.
create or replace function hp_protocols_with_words(wanted text) returns setof uuid
language sql stable security definer rows 100 set search_path = pg_catalog, public
begin atomic
  select p.id
  from public.protocol p,
    lateral (
      select regexp_replace(websearch_to_tsquery('simple'::regconfig, wanted)::text, '(''(?:[^'']|'''')*'')', '\1:*', 'g')::tsquery
    ) as asked (query)
  where numnode(asked.query) > 0 and p.wording @@ (hp_lexeme('@' || public.hp_tenant()::text) && asked.query);
end;

create or replace function hp_protocols_tagged(wanted text) returns setof uuid
language sql stable security definer rows 100 set search_path = pg_catalog, public
begin atomic
  select p.id
  from public.protocol p
  where p.wording @@ (hp_lexeme('@' || public.hp_tenant()::text) && hp_lexeme('#' || wanted));
end;

drop index concurrently protocol_words;
drop index concurrently protocol_tags;
drop index concurrently audit_event_object;
