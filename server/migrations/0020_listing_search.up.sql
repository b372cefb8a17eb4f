-- 0020_listing_search.up.sql
-- Phase: expand
-- Allow: no-rewrite, because a library has some thousands of rows: rewriting it takes less than a second
-- Allow: squawk/adding-field-with-default, because a generated column can never be forgotten by who writes
-- Why: full text over the library, its tags, and "who was shown this patient" must be found by an index. GIN operators
-- are not leakproof, so PostgreSQL uses no GIN index for a condition that stands beside a policy of row-level security:
-- every such list read the whole tenant. These functions run as the owner, whose policy lets them see, and hold the
-- tenant themselves; they answer with ids, and the list reads those ids under its own policy as ever.
-- Old code does not know the column and the functions; safe before deploy.

-- Words of the title, the category and the tags; each tag whole behind a #; the tenant behind an @, so that one index
-- finds within a tenant.
create function hp_protocol_words(organisation_id uuid, title text, category text, tags text[]) returns tsvector
language sql immutable parallel safe set search_path = pg_catalog
return setweight(to_tsvector('simple'::regconfig, title), 'A')
  || setweight(to_tsvector('simple'::regconfig, coalesce(category, '') || ' ' || array_to_string(tags, ' ')), 'B')
  || array_to_tsvector(array_prepend('@' || organisation_id::text, array(select '#' || tag from unnest(tags) as tag)));

-- Text as one lexeme of a query, whatever is in it.
create function hp_lexeme(word text) returns tsquery
language sql immutable parallel safe set search_path = pg_catalog
return ('''' || replace(replace(word, '\', '\\'), '''', '''''') || '''')::tsquery;

alter table protocol
  add column words tsvector generated always as (hp_protocol_words(organisation_id, title, category, tags)) stored;
comment on column protocol.words is 'class=operational; what full text search finds the newest version by';

create policy search on protocol for select to hp_owner using (true);
create policy search on audit_event for select to hp_owner using (true);

-- A web search: words in any order, "a phrase", -without, or; every word finds what begins with it.
create function hp_protocols_with_words(wanted text) returns setof uuid
language sql stable security definer rows 100 set search_path = pg_catalog, public
begin atomic
  select p.id
  from public.protocol p,
    lateral (
      select regexp_replace(websearch_to_tsquery('simple'::regconfig, wanted)::text, '(''(?:[^'']|'''')*'')', '\1:*', 'g')::tsquery
    ) as asked (query)
  where numnode(asked.query) > 0 and p.words @@ (hp_lexeme('@' || public.hp_tenant()::text) && asked.query);
end;

create function hp_protocols_tagged(wanted text) returns setof uuid
language sql stable security definer rows 100 set search_path = pg_catalog, public
begin atomic
  select p.id
  from public.protocol p
  where p.words @@ (hp_lexeme('@' || public.hp_tenant()::text) && hp_lexeme('#' || wanted));
end;

create function hp_audit_of_shown(subject uuid) returns table (at timestamptz, id uuid)
language sql stable security definer rows 1000 set search_path = pg_catalog, public
begin atomic
  select e.at, e.id
  from public.audit_event e
  where e.organisation_id = public.hp_tenant() and e.subject_ids <> '{}' and e.subject_ids @> array[subject];
end;

revoke all on function hp_protocols_with_words(text) from public;
revoke all on function hp_protocols_tagged(text) from public;
revoke all on function hp_audit_of_shown(uuid) from public;
grant execute on function hp_protocols_with_words(text) to hp_app;
grant execute on function hp_protocols_tagged(text) to hp_app;
grant execute on function hp_audit_of_shown(uuid) to hp_app;
