-- 0022_protocol_description.up.sql
-- Phase: expand
-- Allow: no-rewrite, because a library has some thousands of rows: rewriting it takes less than a second
-- Allow: squawk/adding-field-with-default, because a generated column can never be forgotten by who writes
-- Why: words find a protocol by its description too, which lay in its versions only. Beside the column `words`, which the
-- functions of 0020 read until the index of this one is there; it goes in a contract once this is released.
-- Old code does not know the columns; what it writes meanwhile is found by its description when it is next saved.
alter table protocol add column description text;
comment on column protocol.description is 'class=operational; of the newest version';

-- Words of the title, then the category and the tags, then the description; each tag whole behind a #; the tenant behind
-- an @, so that one index finds within a tenant.
create function hp_protocol_wording(organisation_id uuid, title text, category text, tags text[], description text)
returns tsvector
language sql immutable parallel safe set search_path = pg_catalog
return setweight(to_tsvector('simple'::regconfig, title), 'A')
  || setweight(to_tsvector('simple'::regconfig, coalesce(category, '') || ' ' || array_to_string(tags, ' ')), 'B')
  || setweight(to_tsvector('simple'::regconfig, coalesce(description, '')), 'C')
  || array_to_tsvector(array_prepend('@' || organisation_id::text, array(select '#' || tag from unnest(tags) as tag)));

alter table protocol
  add column wording tsvector
  generated always as (hp_protocol_wording(organisation_id, title, category, tags, description)) stored;
comment on column protocol.wording is 'class=operational; what full text search finds the newest version by';
