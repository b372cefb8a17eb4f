-- The schema that all migrations make, for reading and for review. Written by `make schema`; nothing is made from it.
-- Partitions of months are left out.
CREATE SCHEMA pgqueuer;

ALTER SCHEMA pgqueuer OWNER TO hp_owner;

CREATE TYPE pgqueuer.pgqueuer_status AS ENUM (
    'queued',
    'picked',
    'successful',
    'exception',
    'canceled',
    'deleted',
    'failed'
);

ALTER TYPE pgqueuer.pgqueuer_status OWNER TO hp_owner;

CREATE FUNCTION pgqueuer.fn_pgqueuer_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  if tg_op <> 'UPDATE' then
    perform pg_notify(
      'ch_pgqueuer',
      json_build_object(
        'channel', 'ch_pgqueuer',
        'operation', lower(tg_op),
        'sent_at', now(),
        'table', tg_table_name,
        'type', 'table_changed_event'
      )::text);
  end if;
  return null;
end
$$;

ALTER FUNCTION pgqueuer.fn_pgqueuer_changed() OWNER TO hp_owner;

CREATE FUNCTION public.ensure_month_partitions(parent regclass, first_month date, months integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
declare
  parent_name name;
  key_name name;
  by_id boolean;
  month_start timestamptz;
  partition_name text;
  lower_bound text;
  upper_bound text;
  already boolean;
  made int := 0;
begin
  select c.relname, a.attname, a.atttypid = 'uuid'::regtype into parent_name, key_name, by_id
  from pg_class c
  join pg_partitioned_table p on p.partrelid = c.oid and p.partstrat = 'r' and p.partnatts = 1
  join pg_attribute a on a.attrelid = c.oid and a.attnum = p.partattrs[0]
  where c.oid = parent
    and c.relnamespace = 'public'::regnamespace
    and c.relname in ('audit_event', 'entry');
  if parent_name is null or months not between 0 and 240 then
    raise exception 'no monthly partitions for this table, or too many' using errcode = 'insufficient_privilege';
  end if;
  -- Two servers that start at once would both find a partition missing.
  perform pg_advisory_xact_lock(hashtext('ensure_month_partitions'), parent::oid::int);
  if to_regclass(format('public.%I', parent_name || '_default')) is null then
    perform hp_add_partition(parent, parent_name || '_default', 'default');
    -- This function must see what lies there, though row-level security is forced on its owner too.
    execute format('create policy count_off on public.%I for select to hp_owner using (true)', parent_name || '_default');
  end if;
  for step in 0 .. months - 1 loop
    month_start := date_trunc('month', first_month::timestamptz) + make_interval(months => step);
    partition_name := parent_name || to_char(month_start, '_YYYYMM');
    if to_regclass(format('public.%I', partition_name)) is not null then
      continue;
    end if;
    lower_bound := hp_partition_bound(month_start, by_id);
    upper_bound := hp_partition_bound(month_start + interval '1 month', by_id);
    execute format('select exists (select from public.%I where %I >= %L and %I < %L)',
      parent_name || '_default', key_name, lower_bound, key_name, upper_bound) into already;
    if not already then
      perform hp_add_partition(parent, partition_name, format('for values from (%L) to (%L)', lower_bound, upper_bound));
      made := made + 1;
    end if;
  end loop;
  return made;
end
$$;

ALTER FUNCTION public.ensure_month_partitions(parent regclass, first_month date, months integer) OWNER TO hp_owner;

CREATE FUNCTION public.hp_add_partition(parent regclass, partition_name text, bounds text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
begin
  execute format('create table public.%I (like %s including all)', partition_name, parent);
  -- Nobody is granted a partition by itself; should somebody be one day, it still shows nothing.
  execute format('alter table public.%I enable row level security', partition_name);
  execute format('alter table public.%I force row level security', partition_name);
  execute format('alter table %s attach partition public.%I %s', parent, partition_name, bounds);
end
$$;

ALTER FUNCTION public.hp_add_partition(parent regclass, partition_name text, bounds text) OWNER TO hp_owner;

CREATE FUNCTION public.hp_add_to_tally(tenant uuid, more_bytes bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  if more_bytes = 0 then
    return;
  end if;
  update sealed_file_tally t set size_bytes = t.size_bytes + more_bytes where t.organisation_id = tenant;
  if not found then
    insert into sealed_file_tally as t (organisation_id, size_bytes)
    select tenant, coalesce(sum(f.size_bytes), 0)
    from sealed_file f
    where f.organisation_id = tenant
    on conflict (organisation_id) do update set size_bytes = t.size_bytes + more_bytes;
  end if;
end
$$;

ALTER FUNCTION public.hp_add_to_tally(tenant uuid, more_bytes bigint) OWNER TO hp_owner;

COMMENT ON FUNCTION public.hp_add_to_tally(tenant uuid, more_bytes bigint) IS 'Adds to how much the files of an organisation hold; where nothing is kept yet, counts them';

CREATE FUNCTION public.hp_adherence_months(tenant uuid, assignments uuid[], first_day date, last_day date) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
  begins date := date_trunc('month', first_day)::date;
  ends date := (date_trunc('month', last_day) + interval '1 month')::date;
begin
  delete from adherence_month m
  where m.organisation_id = tenant and m.assignment_id = any (assignments) and m.month >= begins and m.month < ends;

  insert into adherence_month
    (organisation_id, assignment_id, month, patient_id, protocol_id, days, completed, skipped, missed, on_time)
  select r.organisation_id, r.assignment_id, r.month, r.patient_id, r.protocol_id, array_agg(r.day order by r.day),
    array_agg(r.completed order by r.day), array_agg(r.skipped order by r.day), array_agg(r.missed order by r.day),
    array_agg(r.on_time order by r.day)
  from (
    select d.organisation_id, d.assignment_id, date_trunc('month', d.day)::date as month, d.patient_id, d.protocol_id,
      d.day, (sum(sum(d.completed)) over w)::int as completed, (sum(sum(d.skipped)) over w)::int as skipped,
      (sum(sum(d.missed)) over w)::int as missed, (sum(sum(d.on_time)) over w)::int as on_time
    from adherence_day d
    where d.organisation_id = tenant and d.assignment_id = any (assignments) and d.day >= begins and d.day < ends
    group by d.organisation_id, d.assignment_id, d.patient_id, d.protocol_id, d.day
    window w as (partition by d.assignment_id, date_trunc('month', d.day)::date order by d.day)
  ) r
  group by r.organisation_id, r.assignment_id, r.month, r.patient_id, r.protocol_id;
end
$$;

ALTER FUNCTION public.hp_adherence_months(tenant uuid, assignments uuid[], first_day date, last_day date) OWNER TO hp_owner;

CREATE FUNCTION public.hp_adherence_refill_months(tenant uuid, assignment uuid) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  perform pg_advisory_xact_lock(hashtextextended('adherence' || tenant, 0));
  perform hp_adherence_months(tenant, array[assignment], min(d.day), max(d.day))
  from adherence_day d
  where d.organisation_id = tenant and d.assignment_id = assignment;
end
$$;

ALTER FUNCTION public.hp_adherence_refill_months(tenant uuid, assignment uuid) OWNER TO hp_owner;

CREATE FUNCTION public.hp_adherence_refill_sums(tenant uuid, protocol uuid) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
  made bigint;
begin
  perform pg_advisory_xact_lock(hashtextextended('adherence' || tenant, 0));
  delete from adherence_sum s where s.organisation_id = tenant and s.protocol_id = protocol;
  insert into adherence_sum
    (organisation_id, protocol_id, day, activity_key, completed, skipped, missed, on_time)
  select d.organisation_id, d.protocol_id, d.day, d.activity_key, sum(d.completed), sum(d.skipped), sum(d.missed),
    sum(d.on_time)
  from adherence_day d
  where d.organisation_id = tenant and d.protocol_id = protocol
  group by d.organisation_id, d.protocol_id, d.day, d.activity_key;
  get diagnostics made = row_count;
  return made;
end
$$;

ALTER FUNCTION public.hp_adherence_refill_sums(tenant uuid, protocol uuid) OWNER TO hp_owner;

CREATE FUNCTION public.hp_adherence_sums() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
  tenant uuid := (select c.organisation_id from changed c limit 1);
  weight int := tg_argv[0]::int;
begin
  if tenant is null then
    return null;
  end if;
  -- While sums are made anew nobody adds to them.
  perform pg_advisory_xact_lock_shared(hashtextextended('adherence' || tenant, 0));
  -- In order of the key, so that two who change the same sums wait for each other and never both.
  insert into adherence_sum as s
    (organisation_id, protocol_id, day, activity_key, completed, skipped, missed, on_time)
  select c.organisation_id, c.protocol_id, c.day, c.activity_key, weight * sum(c.completed), weight * sum(c.skipped),
    weight * sum(c.missed), weight * sum(c.on_time)
  from changed c
  group by c.organisation_id, c.protocol_id, c.day, c.activity_key
  order by c.organisation_id, c.protocol_id, c.day, c.activity_key
  on conflict (organisation_id, protocol_id, day, activity_key) do update
  set completed = s.completed + excluded.completed, skipped = s.skipped + excluded.skipped,
    missed = s.missed + excluded.missed, on_time = s.on_time + excluded.on_time;
  perform hp_adherence_months(tenant, array_agg(distinct c.assignment_id), min(c.day), max(c.day)) from changed c;
  return null;
end
$$;

ALTER FUNCTION public.hp_adherence_sums() OWNER TO hp_owner;

CREATE FUNCTION public.hp_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('app.organisation'::text, true), ''::text))::uuid;

ALTER FUNCTION public.hp_tenant() OWNER TO hp_owner;

CREATE TABLE public.audit_event (
    organisation_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    id uuid NOT NULL,
    actor_id uuid,
    actor_role text NOT NULL,
    session_hash bytea,
    action text NOT NULL,
    object_type text NOT NULL,
    object_id uuid,
    subject_id uuid,
    subject_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    outcome text NOT NULL,
    purpose text NOT NULL,
    request_id text NOT NULL,
    address_ct bytea,
    detail_ct bytea,
    salt bytea NOT NULL,
    leaf bytea NOT NULL,
    epoch integer DEFAULT 0 NOT NULL,
    CONSTRAINT audit_event_outcome_check CHECK ((outcome = ANY (ARRAY['success'::text, 'denied'::text, 'failure'::text])))
)
PARTITION BY RANGE (at);

ALTER TABLE ONLY public.audit_event FORCE ROW LEVEL SECURITY;

ALTER TABLE public.audit_event OWNER TO hp_owner;

COMMENT ON TABLE public.audit_event IS 'class=health; who did or saw what, of whom, why, from where; never changed';

COMMENT ON COLUMN public.audit_event.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.audit_event.at IS 'class=operational; when, by the clock of the application';

COMMENT ON COLUMN public.audit_event.id IS 'class=operational; UUIDv7';

COMMENT ON COLUMN public.audit_event.actor_id IS 'class=operational; account; null when nobody was signed in';

COMMENT ON COLUMN public.audit_event.actor_role IS 'class=operational; role at that moment; system for jobs without an account';

COMMENT ON COLUMN public.audit_event.session_hash IS 'class=operational; SHA-256 of the session or token';

COMMENT ON COLUMN public.audit_event.action IS 'class=operational; such as patient.read';

COMMENT ON COLUMN public.audit_event.object_type IS 'class=operational; noun of the thing';

COMMENT ON COLUMN public.audit_event.object_id IS 'class=operational; the thing; null for lists';

COMMENT ON COLUMN public.audit_event.subject_id IS 'class=operational; the patient it is about; null for none or many';

COMMENT ON COLUMN public.audit_event.subject_ids IS 'class=operational; all patients that a list showed';

COMMENT ON COLUMN public.audit_event.outcome IS 'class=operational; success, denied or failure';

COMMENT ON COLUMN public.audit_event.purpose IS 'class=operational; HL7 purpose of use, such as TREAT';

COMMENT ON COLUMN public.audit_event.request_id IS 'class=operational; joins it to the log of the application';

COMMENT ON COLUMN public.audit_event.address_ct IS 'class=identity; network address, encrypted with the audit key';

COMMENT ON COLUMN public.audit_event.detail_ct IS 'class=health; what more is to be said, JSON encrypted with the audit key';

COMMENT ON COLUMN public.audit_event.salt IS 'class=operational; 16 random bytes, so a leaf tells nothing of its content';

COMMENT ON COLUMN public.audit_event.leaf IS 'class=operational; SHA-256 of 0x00 and the canonical row: the leaf of the tree to come';

COMMENT ON COLUMN public.audit_event.epoch IS 'class=operational; grows when a restore starts a new history';

CREATE FUNCTION public.hp_audit_of_shown(subject uuid) RETURNS TABLE(at timestamp with time zone, id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 5
    SET search_path TO 'pg_catalog', 'public'
    BEGIN ATOMIC
 SELECT e.at,
     e.id
    FROM public.audit_event e
   WHERE ((e.organisation_id = public.hp_tenant()) AND (e.subject_ids <> '{}'::uuid[]) AND (e.subject_ids @> ARRAY[hp_audit_of_shown.subject]));
END;

ALTER FUNCTION public.hp_audit_of_shown(subject uuid) OWNER TO hp_owner;

CREATE TABLE public.cache_epoch (
    organisation_id uuid NOT NULL,
    tag text NOT NULL,
    slot bigint NOT NULL,
    epoch bigint NOT NULL,
    bumped_at timestamp with time zone NOT NULL,
    CONSTRAINT cache_epoch_tag_check CHECK ((tag ~ '^[a-z][a-z_]{0,39}(:[0-9a-f-]{36})?$'::text))
)
WITH (fillfactor='50');

ALTER TABLE ONLY public.cache_epoch FORCE ROW LEVEL SECURITY;

ALTER TABLE public.cache_epoch OWNER TO hp_owner;

COMMENT ON TABLE public.cache_epoch IS 'class=operational; how often what a tag stands for has changed, so that copies of it are known to be old';

COMMENT ON COLUMN public.cache_epoch.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.cache_epoch.tag IS 'class=operational; a noun, or a noun and an id';

COMMENT ON COLUMN public.cache_epoch.slot IS 'class=operational; random; which part of the sum this is';

COMMENT ON COLUMN public.cache_epoch.epoch IS 'class=operational; this part of the sum; only grows';

COMMENT ON COLUMN public.cache_epoch.bumped_at IS 'class=operational; last change; swept two days after';

CREATE FUNCTION public.hp_cache_epochs(organisation_ids uuid[], tags text[]) RETURNS SETOF bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    BEGIN ATOMIC
 SELECT (COALESCE(( SELECT sum(e.epoch) AS sum
            FROM public.cache_epoch e
           WHERE ((e.organisation_id = w.organisation_id) AND (e.tag = w.tag))), (0)::numeric))::bigint AS "coalesce"
    FROM UNNEST(hp_cache_epochs.organisation_ids, hp_cache_epochs.tags) WITH ORDINALITY w(organisation_id, tag, place)
   ORDER BY w.place;
END;

ALTER FUNCTION public.hp_cache_epochs(organisation_ids uuid[], tags text[]) OWNER TO hp_owner;

CREATE FUNCTION public.hp_entry_of_protocol() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  insert into entry_of_protocol (organisation_id, protocol_id, recorded_at, entry_id, effective_at, planned_on)
  select e.organisation_id, a.protocol_id, e.recorded_at, e.id, e.effective_at, e.planned_on
  from added e
  join assignment a on a.organisation_id = e.organisation_id and a.id = e.assignment_id;
  return null;
end
$$;

ALTER FUNCTION public.hp_entry_of_protocol() OWNER TO hp_owner;

CREATE FUNCTION public.hp_keep_published() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  if old.status <> 'draft' and (new.content is distinct from old.content or new.source is distinct from old.source) then
    raise exception 'a published version never changes' using errcode = 'restrict_violation';
  end if;
  return new;
end
$$;

ALTER FUNCTION public.hp_keep_published() OWNER TO hp_owner;

CREATE FUNCTION public.hp_lexeme(word text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog'
    RETURN (((''''::text || replace(replace(word, '\'::text, '\\'::text), ''''::text, ''''''::text)) || ''''::text))::tsquery;

ALTER FUNCTION public.hp_lexeme(word text) OWNER TO hp_owner;

CREATE TABLE public.organisation (
    organisation_id uuid NOT NULL,
    name text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.organisation FORCE ROW LEVEL SECURITY;

ALTER TABLE public.organisation OWNER TO hp_owner;

COMMENT ON TABLE public.organisation IS 'class=operational; a tenant: nothing crosses it';

COMMENT ON COLUMN public.organisation.organisation_id IS 'class=operational; UUIDv7';

COMMENT ON COLUMN public.organisation.name IS 'class=operational; the public name of the clinic or programme';

COMMENT ON COLUMN public.organisation.settings IS 'class=operational; choices of the organisation, such as days an entry may come late';

COMMENT ON COLUMN public.organisation.revision IS 'class=operational; grows by one with every change; the ETag';

COMMENT ON COLUMN public.organisation.created_at IS 'class=operational; when the tenant was made';

COMMENT ON COLUMN public.organisation.updated_at IS 'class=operational; last change';

CREATE FUNCTION public.hp_organisations() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    BEGIN ATOMIC
 SELECT organisation.organisation_id
    FROM public.organisation
   ORDER BY organisation.organisation_id;
END;

ALTER FUNCTION public.hp_organisations() OWNER TO hp_owner;

CREATE FUNCTION public.hp_partition_bound(at timestamp with time zone, by_id boolean) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog'
    SET "TimeZone" TO 'UTC'
    RETURN CASE WHEN by_id THEN ((rpad(lpad(to_hex(((EXTRACT(epoch FROM at) * (1000)::numeric))::bigint), 12, '0'::text), 32, '0'::text))::uuid)::text ELSE (at)::text END;

ALTER FUNCTION public.hp_partition_bound(at timestamp with time zone, by_id boolean) OWNER TO hp_owner;

CREATE FUNCTION public.hp_protect(protected regclass) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  execute format('alter table %s enable row level security', protected);
  execute format('alter table %s force row level security', protected);
  execute format(
    'create policy tenant on %s using (organisation_id = (select hp_tenant())) with check (organisation_id = (select hp_tenant()))',
    protected);
  execute format('grant select, insert, update, delete on %s to hp_app', protected);
end
$$;

ALTER FUNCTION public.hp_protect(protected regclass) OWNER TO hp_owner;

CREATE FUNCTION public.hp_protocol_wording(organisation_id uuid, title text, category text, tags text[], description text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog'
    RETURN (((setweight(to_tsvector('simple'::regconfig, title), 'A'::"char") || setweight(to_tsvector('simple'::regconfig, ((COALESCE(category, ''::text) || ' '::text) || array_to_string(tags, ' '::text))), 'B'::"char")) || setweight(to_tsvector('simple'::regconfig, COALESCE(description, ''::text)), 'C'::"char")) || array_to_tsvector(array_prepend(('@'::text || (organisation_id)::text), ARRAY(SELECT ('#'::text || tag.tag) FROM unnest(hp_protocol_wording.tags) tag(tag)))));

ALTER FUNCTION public.hp_protocol_wording(organisation_id uuid, title text, category text, tags text[], description text) OWNER TO hp_owner;

CREATE FUNCTION public.hp_protocol_words(organisation_id uuid, title text, category text, tags text[]) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog'
    RETURN ((setweight(to_tsvector('simple'::regconfig, title), 'A'::"char") || setweight(to_tsvector('simple'::regconfig, ((COALESCE(category, ''::text) || ' '::text) || array_to_string(tags, ' '::text))), 'B'::"char")) || array_to_tsvector(array_prepend(('@'::text || (organisation_id)::text), ARRAY(SELECT ('#'::text || tag.tag) FROM unnest(hp_protocol_words.tags) tag(tag)))));

ALTER FUNCTION public.hp_protocol_words(organisation_id uuid, title text, category text, tags text[]) OWNER TO hp_owner;

CREATE TABLE public.protocol (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    status text NOT NULL,
    title text NOT NULL,
    category text,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    latest_version integer NOT NULL,
    active_version integer,
    published_at timestamp with time zone,
    revision integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by uuid NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    words tsvector GENERATED ALWAYS AS (public.hp_protocol_words(organisation_id, title, category, tags)) STORED,
    description text,
    wording tsvector GENERATED ALWAYS AS (public.hp_protocol_wording(organisation_id, title, category, tags, description)) STORED,
    CONSTRAINT protocol_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'active'::text, 'retired'::text])))
);

ALTER TABLE ONLY public.protocol FORCE ROW LEVEL SECURITY;

ALTER TABLE public.protocol OWNER TO hp_owner;

COMMENT ON TABLE public.protocol IS 'class=operational; a care protocol: what all its versions share, and what lists show of the newest';

COMMENT ON COLUMN public.protocol.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.protocol.id IS 'class=operational; UUIDv7';

COMMENT ON COLUMN public.protocol.status IS 'class=operational; draft until first published, then active, then retired';

COMMENT ON COLUMN public.protocol.title IS 'class=operational; of the newest version';

COMMENT ON COLUMN public.protocol.category IS 'class=operational; of the newest version';

COMMENT ON COLUMN public.protocol.tags IS 'class=operational; of the newest version';

COMMENT ON COLUMN public.protocol.latest_version IS 'class=operational; the newest version, a draft when it is above active_version';

COMMENT ON COLUMN public.protocol.active_version IS 'class=operational; the newest published version';

COMMENT ON COLUMN public.protocol.published_at IS 'class=operational; when that was published';

COMMENT ON COLUMN public.protocol.revision IS 'class=operational; the ETag';

COMMENT ON COLUMN public.protocol.created_at IS 'class=operational; when first written';

COMMENT ON COLUMN public.protocol.created_by IS 'class=operational; account';

COMMENT ON COLUMN public.protocol.updated_at IS 'class=operational; last change';

COMMENT ON COLUMN public.protocol.words IS 'class=operational; what full text search finds the newest version by';

COMMENT ON COLUMN public.protocol.description IS 'class=operational; of the newest version';

COMMENT ON COLUMN public.protocol.wording IS 'class=operational; what full text search finds the newest version by';

CREATE FUNCTION public.hp_protocols_tagged(wanted text) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
    SET search_path TO 'pg_catalog', 'public'
    BEGIN ATOMIC
 SELECT p.id
    FROM public.protocol p
   WHERE (p.wording @@ (public.hp_lexeme(('@'::text || (public.hp_tenant())::text)) && public.hp_lexeme(('#'::text || hp_protocols_tagged.wanted))));
END;

ALTER FUNCTION public.hp_protocols_tagged(wanted text) OWNER TO hp_owner;

CREATE FUNCTION public.hp_protocols_with_words(wanted text) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
    SET search_path TO 'pg_catalog', 'public'
    BEGIN ATOMIC
 SELECT p.id
    FROM public.protocol p,
     LATERAL ( SELECT (regexp_replace((websearch_to_tsquery('simple'::regconfig, hp_protocols_with_words.wanted))::text, '(''(?:[^'']|'''')*'')'::text, '\1:*'::text, 'g'::text))::tsquery AS regexp_replace) asked(query)
   WHERE ((numnode(asked.query) > 0) AND (p.wording @@ (public.hp_lexeme(('@'::text || (public.hp_tenant())::text)) && asked.query)));
END;

ALTER FUNCTION public.hp_protocols_with_words(wanted text) OWNER TO hp_owner;

CREATE FUNCTION public.hp_refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  raise exception 'rows of % are never changed or deleted', tg_table_name using errcode = 'insufficient_privilege';
end
$$;

ALTER FUNCTION public.hp_refuse_change() OWNER TO hp_owner;

CREATE TABLE public.flag_rollout (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    key text NOT NULL,
    variant text NOT NULL,
    stages jsonb NOT NULL,
    stage integer NOT NULL,
    status text NOT NULL,
    why text,
    reason text NOT NULL,
    plan jsonb NOT NULL,
    watch jsonb NOT NULL,
    started_at timestamp with time zone NOT NULL,
    stage_began_at timestamp with time zone NOT NULL,
    looked_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    revision integer DEFAULT 1 NOT NULL,
    paused_at timestamp with time zone,
    CONSTRAINT flag_rollout_reason_check CHECK ((length(reason) <= 500)),
    CONSTRAINT flag_rollout_status_check CHECK ((status = ANY (ARRAY['running'::text, 'completed'::text, 'rolled_back'::text, 'stopped'::text])))
);

ALTER TABLE ONLY public.flag_rollout FORCE ROW LEVEL SECURITY;

ALTER TABLE public.flag_rollout OWNER TO hp_owner;

COMMENT ON TABLE public.flag_rollout IS 'class=operational; gradual rollouts of flags, of the installation or of one organisation';

COMMENT ON COLUMN public.flag_rollout.organisation_id IS 'class=operational; tenant; all zeros is the installation';

COMMENT ON COLUMN public.flag_rollout.id IS 'class=operational; UUIDv7';

COMMENT ON COLUMN public.flag_rollout.key IS 'class=operational; the flag';

COMMENT ON COLUMN public.flag_rollout.variant IS 'class=operational; what is rolled out';

COMMENT ON COLUMN public.flag_rollout.stages IS 'class=operational; percentages, and how long each is held';

COMMENT ON COLUMN public.flag_rollout.stage IS 'class=operational; which stage it is in, from 0';

COMMENT ON COLUMN public.flag_rollout.status IS 'class=operational; running, completed, rolled back by the guard or a person, or stopped by one';

COMMENT ON COLUMN public.flag_rollout.why IS 'class=operational; what the guard found: errors, latency, missing metrics, hanging requests';

COMMENT ON COLUMN public.flag_rollout.reason IS 'class=operational; why it was begun, or stopped';

COMMENT ON COLUMN public.flag_rollout.plan IS 'class=operational; what the guard holds it to';

COMMENT ON COLUMN public.flag_rollout.watch IS 'class=operational; what the guard saw: counts and scores, no ids';

COMMENT ON COLUMN public.flag_rollout.started_at IS 'class=operational; when it began';

COMMENT ON COLUMN public.flag_rollout.stage_began_at IS 'class=operational; since when it is in this stage';

COMMENT ON COLUMN public.flag_rollout.looked_at IS 'class=operational; when the guard last looked';

COMMENT ON COLUMN public.flag_rollout.ended_at IS 'class=operational; when it ended, null while it runs';

COMMENT ON COLUMN public.flag_rollout.revision IS 'class=operational; grows with every look';

COMMENT ON COLUMN public.flag_rollout.paused_at IS 'class=operational; since when it rests in its stage, null while it goes on';

CREATE FUNCTION public.hp_running_rollouts() RETURNS TABLE(organisation_id uuid, id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    BEGIN ATOMIC
 SELECT flag_rollout.organisation_id,
     flag_rollout.id
    FROM public.flag_rollout
   WHERE (flag_rollout.status = 'running'::text)
   ORDER BY flag_rollout.id;
END;

ALTER FUNCTION public.hp_running_rollouts() OWNER TO hp_owner;

CREATE FUNCTION public.hp_show_installation(layered regclass) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
  execute format(
    'create policy installation on %s for select to hp_app using (organisation_id = %L)',
    layered, '00000000-0000-0000-0000-000000000000');
end
$$;

ALTER FUNCTION public.hp_show_installation(layered regclass) OWNER TO hp_owner;

CREATE FUNCTION public.hp_tally_files() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  if tg_op = 'INSERT' then
    perform hp_add_to_tally(a.organisation_id, sum(a.size_bytes)::bigint) from added a group by a.organisation_id;
  elsif tg_op = 'DELETE' then
    perform hp_add_to_tally(r.organisation_id, -sum(r.size_bytes)::bigint) from removed r group by r.organisation_id;
  else
    perform hp_add_to_tally(c.organisation_id, sum(c.size_bytes)::bigint)
    from (
      select a.organisation_id, a.size_bytes from added a
      union all
      select r.organisation_id, -r.size_bytes from removed r
    ) c
    group by c.organisation_id;
  end if;
  return null;
end
$$;

ALTER FUNCTION public.hp_tally_files() OWNER TO hp_owner;

CREATE TABLE pgqueuer.pgqueuer (
    id bigint NOT NULL,
    priority integer NOT NULL,
    queue_manager_id uuid,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    execute_after timestamp with time zone DEFAULT now() NOT NULL,
    status pgqueuer.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL,
    dedupe_key text,
    payload bytea,
    headers jsonb,
    attempts integer DEFAULT 0 NOT NULL,
    slot bigint
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000', autovacuum_analyze_scale_factor='0.02', autovacuum_analyze_threshold='500');

ALTER TABLE pgqueuer.pgqueuer OWNER TO hp_owner;

COMMENT ON TABLE pgqueuer.pgqueuer IS 'class=operational; jobs that wait, run or failed for good';

COMMENT ON COLUMN pgqueuer.pgqueuer.id IS 'class=operational; grows with every job';

COMMENT ON COLUMN pgqueuer.pgqueuer.priority IS 'class=operational; the larger goes first';

COMMENT ON COLUMN pgqueuer.pgqueuer.queue_manager_id IS 'class=operational; the worker that runs it';

COMMENT ON COLUMN pgqueuer.pgqueuer.created IS 'class=operational; when it was enqueued';

COMMENT ON COLUMN pgqueuer.pgqueuer.updated IS 'class=operational; last change of status';

COMMENT ON COLUMN pgqueuer.pgqueuer.heartbeat IS 'class=operational; last sign of life of its worker; stale means picked up again';

COMMENT ON COLUMN pgqueuer.pgqueuer.execute_after IS 'class=operational; not before this instant';

COMMENT ON COLUMN pgqueuer.pgqueuer.status IS 'class=operational; failed means that it waits for an operator';

COMMENT ON COLUMN pgqueuer.pgqueuer.entrypoint IS 'class=operational; name of the handler';

COMMENT ON COLUMN pgqueuer.pgqueuer.dedupe_key IS 'class=operational; at most one job with it waits or runs';

COMMENT ON COLUMN pgqueuer.pgqueuer.payload IS 'class=operational; ids only, as JSON';

COMMENT ON COLUMN pgqueuer.pgqueuer.headers IS 'class=operational; trace context';

COMMENT ON COLUMN pgqueuer.pgqueuer.attempts IS 'class=operational; failed attempts so far';

COMMENT ON COLUMN pgqueuer.pgqueuer.slot IS 'class=operational; the seat it holds under a concurrency limit';

CREATE SEQUENCE pgqueuer.pgqueuer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE pgqueuer.pgqueuer_id_seq OWNER TO hp_owner;

ALTER SEQUENCE pgqueuer.pgqueuer_id_seq OWNED BY pgqueuer.pgqueuer.id;

CREATE TABLE pgqueuer.pgqueuer_log (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    job_id bigint NOT NULL,
    status pgqueuer.pgqueuer_status NOT NULL,
    priority integer NOT NULL,
    entrypoint text NOT NULL,
    traceback jsonb,
    aggregated boolean DEFAULT false
);

ALTER TABLE pgqueuer.pgqueuer_log OWNER TO hp_owner;

COMMENT ON TABLE pgqueuer.pgqueuer_log IS 'class=operational; what became of each job; swept after a month';

COMMENT ON COLUMN pgqueuer.pgqueuer_log.id IS 'class=operational; order of the log';

COMMENT ON COLUMN pgqueuer.pgqueuer_log.created IS 'class=operational; when';

COMMENT ON COLUMN pgqueuer.pgqueuer_log.job_id IS 'class=operational; which job';

COMMENT ON COLUMN pgqueuer.pgqueuer_log.status IS 'class=operational; its status from then on';

COMMENT ON COLUMN pgqueuer.pgqueuer_log.priority IS 'class=operational; of the job';

COMMENT ON COLUMN pgqueuer.pgqueuer_log.entrypoint IS 'class=operational; of the job';

COMMENT ON COLUMN pgqueuer.pgqueuer_log.traceback IS 'class=operational; type of the error and the places in the code, never its message';

COMMENT ON COLUMN pgqueuer.pgqueuer_log.aggregated IS 'class=operational; whether the statistics have it';

ALTER TABLE pgqueuer.pgqueuer_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME pgqueuer.pgqueuer_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE pgqueuer.pgqueuer_schedules (
    id bigint NOT NULL,
    expression text NOT NULL,
    entrypoint text NOT NULL,
    heartbeat timestamp with time zone DEFAULT now() NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    updated timestamp with time zone DEFAULT now() NOT NULL,
    next_run timestamp with time zone DEFAULT now() NOT NULL,
    last_run timestamp with time zone,
    status pgqueuer.pgqueuer_status DEFAULT 'queued'::pgqueuer.pgqueuer_status
);

ALTER TABLE pgqueuer.pgqueuer_schedules OWNER TO hp_owner;

COMMENT ON TABLE pgqueuer.pgqueuer_schedules IS 'class=operational; what recurs, and when it is due next';

COMMENT ON COLUMN pgqueuer.pgqueuer_schedules.id IS 'class=operational; number of the schedule';

COMMENT ON COLUMN pgqueuer.pgqueuer_schedules.expression IS 'class=operational; cron, in UTC';

COMMENT ON COLUMN pgqueuer.pgqueuer_schedules.entrypoint IS 'class=operational; the job it enqueues';

COMMENT ON COLUMN pgqueuer.pgqueuer_schedules.heartbeat IS 'class=operational; last sign of life of the worker that took it';

COMMENT ON COLUMN pgqueuer.pgqueuer_schedules.created IS 'class=operational; since when it is known';

COMMENT ON COLUMN pgqueuer.pgqueuer_schedules.updated IS 'class=operational; last change';

COMMENT ON COLUMN pgqueuer.pgqueuer_schedules.next_run IS 'class=operational; when it is due';

COMMENT ON COLUMN pgqueuer.pgqueuer_schedules.last_run IS 'class=operational; when it was last enqueued';

COMMENT ON COLUMN pgqueuer.pgqueuer_schedules.status IS 'class=operational; picked while a worker enqueues it';

CREATE SEQUENCE pgqueuer.pgqueuer_schedules_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE pgqueuer.pgqueuer_schedules_id_seq OWNER TO hp_owner;

ALTER SEQUENCE pgqueuer.pgqueuer_schedules_id_seq OWNED BY pgqueuer.pgqueuer_schedules.id;

CREATE TABLE pgqueuer.pgqueuer_statistics (
    id bigint NOT NULL,
    created timestamp with time zone DEFAULT date_trunc('sec'::text, now()) NOT NULL,
    count bigint NOT NULL,
    priority integer NOT NULL,
    status pgqueuer.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL
);

ALTER TABLE pgqueuer.pgqueuer_statistics OWNER TO hp_owner;

COMMENT ON TABLE pgqueuer.pgqueuer_statistics IS 'class=operational; finished jobs, counted by the second; swept after a month';

COMMENT ON COLUMN pgqueuer.pgqueuer_statistics.id IS 'class=operational; number of the row';

COMMENT ON COLUMN pgqueuer.pgqueuer_statistics.created IS 'class=operational; the second';

COMMENT ON COLUMN pgqueuer.pgqueuer_statistics.count IS 'class=operational; how many';

COMMENT ON COLUMN pgqueuer.pgqueuer_statistics.priority IS 'class=operational; of the jobs';

COMMENT ON COLUMN pgqueuer.pgqueuer_statistics.status IS 'class=operational; how they ended';

COMMENT ON COLUMN pgqueuer.pgqueuer_statistics.entrypoint IS 'class=operational; of the jobs';

CREATE SEQUENCE pgqueuer.pgqueuer_statistics_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE pgqueuer.pgqueuer_statistics_id_seq OWNER TO hp_owner;

ALTER SEQUENCE pgqueuer.pgqueuer_statistics_id_seq OWNED BY pgqueuer.pgqueuer_statistics.id;

CREATE TABLE public.account (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    role text NOT NULL,
    status text NOT NULL,
    name_ct bytea,
    email_ct bytea,
    email_index bytea,
    password_ct bytea,
    password_changed_at timestamp with time zone,
    patient_id uuid,
    created_by uuid,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    CONSTRAINT account_check CHECK (((role = 'patient'::text) = (patient_id IS NOT NULL))),
    CONSTRAINT account_check1 CHECK (((role = 'service'::text) = (email_ct IS NULL))),
    CONSTRAINT account_check2 CHECK (((email_ct IS NULL) = (email_index IS NULL))),
    CONSTRAINT account_check3 CHECK (((password_ct IS NULL) = (password_changed_at IS NULL))),
    CONSTRAINT account_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'clinician'::text, 'coordinator'::text, 'auditor'::text, 'patient'::text, 'service'::text]))),
    CONSTRAINT account_status_check CHECK ((status = ANY (ARRAY['active'::text, 'disabled'::text])))
);

ALTER TABLE ONLY public.account FORCE ROW LEVEL SECURITY;

ALTER TABLE public.account OWNER TO hp_owner;

COMMENT ON TABLE public.account IS 'class=identity; someone or something that signs in';

COMMENT ON COLUMN public.account.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.account.id IS 'class=operational; UUIDv7';

COMMENT ON COLUMN public.account.role IS 'class=operational; what it may do';

COMMENT ON COLUMN public.account.status IS 'class=operational; a disabled account cannot sign in and its sessions are gone';

COMMENT ON COLUMN public.account.name_ct IS 'class=identity; how it is shown, encrypted with the auth key';

COMMENT ON COLUMN public.account.email_ct IS 'class=identity; e-mail address, encrypted with the auth key; null for programs';

COMMENT ON COLUMN public.account.email_index IS 'class=identity; blind index of the e-mail address, 16 bytes';

COMMENT ON COLUMN public.account.password_ct IS 'class=identity; argon2id hash, encrypted with the auth key; null without a password';

COMMENT ON COLUMN public.account.password_changed_at IS 'class=operational; when the password was set';

COMMENT ON COLUMN public.account.patient_id IS 'class=operational; the one patient that a patient account is bound to';

COMMENT ON COLUMN public.account.created_by IS 'class=operational; account; null for the first of an organisation';

COMMENT ON COLUMN public.account.created_at IS 'class=operational; when it was made';

COMMENT ON COLUMN public.account.updated_at IS 'class=operational; last change';

COMMENT ON COLUMN public.account.revision IS 'class=operational; grows by one with every change; the ETag';

CREATE TABLE public.adherence_cover (
    organisation_id uuid NOT NULL,
    assignment_id uuid NOT NULL,
    covered_at timestamp with time zone NOT NULL,
    recount_from date NOT NULL,
    next_due_at timestamp with time zone,
    is_stale boolean DEFAULT false NOT NULL
);

ALTER TABLE ONLY public.adherence_cover FORCE ROW LEVEL SECURITY;

ALTER TABLE public.adherence_cover OWNER TO hp_owner;

COMMENT ON TABLE public.adherence_cover IS 'class=operational; until which instant the counts of an assignment are right';

COMMENT ON COLUMN public.adherence_cover.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.adherence_cover.assignment_id IS 'class=operational; of which assignment';

COMMENT ON COLUMN public.adherence_cover.covered_at IS 'class=operational; the counts equal the computed truth at this instant';

COMMENT ON COLUMN public.adherence_cover.recount_from IS 'class=operational; days from here on may still change: windows are open, or something was recorded';

COMMENT ON COLUMN public.adherence_cover.next_due_at IS 'class=operational; when the next window closes; null when none will';

COMMENT ON COLUMN public.adherence_cover.is_stale IS 'class=operational; an entry or an act changed it since';

CREATE TABLE public.adherence_day (
    organisation_id uuid NOT NULL,
    assignment_id uuid NOT NULL,
    day date NOT NULL,
    activity_key text NOT NULL,
    patient_id uuid NOT NULL,
    protocol_id uuid NOT NULL,
    completed integer NOT NULL,
    skipped integer NOT NULL,
    missed integer NOT NULL,
    on_time integer NOT NULL
);

ALTER TABLE ONLY public.adherence_day FORCE ROW LEVEL SECURITY;

ALTER TABLE public.adherence_day OWNER TO hp_owner;

COMMENT ON TABLE public.adherence_day IS 'class=operational; counts of closed occurrences of a local day, an assignment and an activity';

COMMENT ON COLUMN public.adherence_day.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.adherence_day.assignment_id IS 'class=operational; of which assignment';

COMMENT ON COLUMN public.adherence_day.day IS 'class=operational; local date on which they were planned';

COMMENT ON COLUMN public.adherence_day.activity_key IS 'class=operational; of which activity';

COMMENT ON COLUMN public.adherence_day.patient_id IS 'class=operational; whose';

COMMENT ON COLUMN public.adherence_day.protocol_id IS 'class=operational; of which protocol';

COMMENT ON COLUMN public.adherence_day.completed IS 'class=operational; count';

COMMENT ON COLUMN public.adherence_day.skipped IS 'class=operational; count';

COMMENT ON COLUMN public.adherence_day.missed IS 'class=operational; count';

COMMENT ON COLUMN public.adherence_day.on_time IS 'class=operational; completed and not late';

CREATE TABLE public.adherence_month (
    organisation_id uuid NOT NULL,
    assignment_id uuid NOT NULL,
    month date NOT NULL,
    patient_id uuid NOT NULL,
    protocol_id uuid NOT NULL,
    days date[] NOT NULL,
    completed integer[] NOT NULL,
    skipped integer[] NOT NULL,
    missed integer[] NOT NULL,
    on_time integer[] NOT NULL
);

ALTER TABLE ONLY public.adherence_month FORCE ROW LEVEL SECURITY;

ALTER TABLE public.adherence_month OWNER TO hp_owner;

COMMENT ON TABLE public.adherence_month IS 'class=operational; running totals of a month of an assignment, over its activities';

COMMENT ON COLUMN public.adherence_month.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.adherence_month.assignment_id IS 'class=operational; of which assignment';

COMMENT ON COLUMN public.adherence_month.month IS 'class=operational; its first day';

COMMENT ON COLUMN public.adherence_month.patient_id IS 'class=operational; whose';

COMMENT ON COLUMN public.adherence_month.protocol_id IS 'class=operational; of which protocol';

COMMENT ON COLUMN public.adherence_month.days IS 'class=operational; the days with something to count, in order';

COMMENT ON COLUMN public.adherence_month.completed IS 'class=operational; by day, from the first of the month up to it';

COMMENT ON COLUMN public.adherence_month.skipped IS 'class=operational; the same';

COMMENT ON COLUMN public.adherence_month.missed IS 'class=operational; the same';

COMMENT ON COLUMN public.adherence_month.on_time IS 'class=operational; the same, of completed ones that are not late';

CREATE TABLE public.adherence_sum (
    organisation_id uuid NOT NULL,
    protocol_id uuid NOT NULL,
    day date NOT NULL,
    activity_key text NOT NULL,
    completed integer NOT NULL,
    skipped integer NOT NULL,
    missed integer NOT NULL,
    on_time integer NOT NULL
);

ALTER TABLE ONLY public.adherence_sum FORCE ROW LEVEL SECURITY;

ALTER TABLE public.adherence_sum OWNER TO hp_owner;

COMMENT ON TABLE public.adherence_sum IS 'class=operational; counts of a local day and an activity over all assignments of a protocol';

COMMENT ON COLUMN public.adherence_sum.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.adherence_sum.protocol_id IS 'class=operational; of which protocol';

COMMENT ON COLUMN public.adherence_sum.day IS 'class=operational; local date on which they were planned';

COMMENT ON COLUMN public.adherence_sum.activity_key IS 'class=operational; of which activity';

COMMENT ON COLUMN public.adherence_sum.completed IS 'class=operational; count';

COMMENT ON COLUMN public.adherence_sum.skipped IS 'class=operational; count';

COMMENT ON COLUMN public.adherence_sum.missed IS 'class=operational; count';

COMMENT ON COLUMN public.adherence_sum.on_time IS 'class=operational; completed and not late';

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

ALTER TABLE public.alembic_version OWNER TO hp_owner;

COMMENT ON TABLE public.alembic_version IS 'class=operational; the newest applied migration';

COMMENT ON COLUMN public.alembic_version.version_num IS 'class=operational; its number';

CREATE TABLE public.alert (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    patient_id uuid NOT NULL,
    assignment_id uuid NOT NULL,
    rule text NOT NULL,
    activity_key text,
    severity text NOT NULL,
    urgency integer GENERATED ALWAYS AS (
CASE severity
    WHEN 'high'::text THEN 3
    WHEN 'moderate'::text THEN 2
    ELSE 1
END) STORED NOT NULL,
    status text NOT NULL,
    entry_id uuid,
    detail_ct bytea,
    note_ct bytea,
    opened_at timestamp with time zone NOT NULL,
    clear_since timestamp with time zone,
    ended_at timestamp with time zone,
    escalate_at timestamp with time zone,
    escalated_at timestamp with time zone,
    acknowledged_at timestamp with time zone,
    acknowledged_by uuid,
    resolved_at timestamp with time zone,
    resolved_by uuid,
    revision integer DEFAULT 1 NOT NULL,
    CONSTRAINT alert_check CHECK (((status = 'resolved'::text) = (resolved_at IS NOT NULL))),
    CONSTRAINT alert_rule_check CHECK ((rule = ANY (ARRAY['value_out_of_range'::text, 'score_high'::text, 'missed_in_row'::text, 'adherence_low'::text, 'no_entry'::text]))),
    CONSTRAINT alert_severity_check CHECK ((severity = ANY (ARRAY['low'::text, 'moderate'::text, 'high'::text]))),
    CONSTRAINT alert_status_check CHECK ((status = ANY (ARRAY['open'::text, 'acknowledged'::text, 'resolved'::text])))
);

ALTER TABLE ONLY public.alert FORCE ROW LEVEL SECURITY;

ALTER TABLE public.alert OWNER TO hp_owner;

COMMENT ON TABLE public.alert IS 'class=operational; an episode in which a rule about a patient held, and what the care team did about it';

COMMENT ON COLUMN public.alert.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.alert.id IS 'class=operational; UUIDv7';

COMMENT ON COLUMN public.alert.patient_id IS 'class=operational; about whom';

COMMENT ON COLUMN public.alert.assignment_id IS 'class=operational; of which plan';

COMMENT ON COLUMN public.alert.rule IS 'class=operational; which rule fired';

COMMENT ON COLUMN public.alert.activity_key IS 'class=operational; of which activity; null when about the whole plan';

COMMENT ON COLUMN public.alert.severity IS 'class=operational; low, moderate or high';

COMMENT ON COLUMN public.alert.urgency IS 'class=operational; severity as a number to sort by, 3 is high';

COMMENT ON COLUMN public.alert.status IS 'class=operational; open, acknowledged or resolved';

COMMENT ON COLUMN public.alert.entry_id IS 'class=operational; the entry that made it fire; null when nothing was recorded';

COMMENT ON COLUMN public.alert.detail_ct IS 'class=health; what was measured, scored or missed, and against which limit';

COMMENT ON COLUMN public.alert.note_ct IS 'class=health; what was written when it was resolved';

COMMENT ON COLUMN public.alert.opened_at IS 'class=operational; when the rule fired';

COMMENT ON COLUMN public.alert.clear_since IS 'class=operational; since when the condition is false again; null while it holds';

COMMENT ON COLUMN public.alert.ended_at IS 'class=operational; when it had been false for the quiet time: the rule may fire again';

COMMENT ON COLUMN public.alert.escalate_at IS 'class=operational; when it escalates unless somebody has reacted; null never';

COMMENT ON COLUMN public.alert.escalated_at IS 'class=operational; when it escalated';

COMMENT ON COLUMN public.alert.acknowledged_at IS 'class=operational; when somebody said: I am on it';

COMMENT ON COLUMN public.alert.acknowledged_by IS 'class=operational; account';

COMMENT ON COLUMN public.alert.resolved_at IS 'class=operational; when it was settled';

COMMENT ON COLUMN public.alert.resolved_by IS 'class=operational; account; null when it settled by itself';

COMMENT ON COLUMN public.alert.revision IS 'class=operational; the ETag';

CREATE TABLE public.alert_watch (
    organisation_id uuid NOT NULL,
    assignment_id uuid NOT NULL,
    looked_at timestamp with time zone,
    next_look_at timestamp with time zone,
    is_stale boolean DEFAULT true NOT NULL
);

ALTER TABLE ONLY public.alert_watch FORCE ROW LEVEL SECURITY;

ALTER TABLE public.alert_watch OWNER TO hp_owner;

COMMENT ON TABLE public.alert_watch IS 'class=operational; when the rules about a plan are to be looked at again';

COMMENT ON COLUMN public.alert_watch.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.alert_watch.assignment_id IS 'class=operational; which plan';

COMMENT ON COLUMN public.alert_watch.looked_at IS 'class=operational; when its rules were last decided; null never';

COMMENT ON COLUMN public.alert_watch.next_look_at IS 'class=operational; when a window closes or a time runs out next; null when nothing will';

COMMENT ON COLUMN public.alert_watch.is_stale IS 'class=operational; an entry or an act changed it since';

CREATE TABLE public.api_token (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    revision integer DEFAULT 1 NOT NULL,
    CONSTRAINT api_token_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)))
);

ALTER TABLE ONLY public.api_token FORCE ROW LEVEL SECURITY;

ALTER TABLE public.api_token OWNER TO hp_owner;

COMMENT ON TABLE public.api_token IS 'class=operational; a bearer token of a program; the token itself is never stored';

COMMENT ON COLUMN public.api_token.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.api_token.id IS 'class=operational; UUIDv7, also part of the token';

COMMENT ON COLUMN public.api_token.account_id IS 'class=operational; the service account it acts as';

COMMENT ON COLUMN public.api_token.token_hash IS 'class=operational; SHA-256 of the token';

COMMENT ON COLUMN public.api_token.name IS 'class=operational; what an admin calls it';

COMMENT ON COLUMN public.api_token.scopes IS 'class=operational; permissions, or * for all of the role';

COMMENT ON COLUMN public.api_token.created_by IS 'class=operational; account';

COMMENT ON COLUMN public.api_token.created_at IS 'class=operational; when it was made';

COMMENT ON COLUMN public.api_token.expires_at IS 'class=operational; not valid from then on';

COMMENT ON COLUMN public.api_token.last_used_at IS 'class=operational; last use, to the minute';

COMMENT ON COLUMN public.api_token.revoked_at IS 'class=operational; not valid from then on; null while it is good';

COMMENT ON COLUMN public.api_token.revision IS 'class=operational; the ETag';

CREATE TABLE public.assignment (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    patient_id uuid NOT NULL,
    protocol_id uuid NOT NULL,
    version integer NOT NULL,
    status text NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    time_zone text NOT NULL,
    segments jsonb NOT NULL,
    pauses jsonb DEFAULT '[]'::jsonb NOT NULL,
    stopped_at timestamp with time zone,
    adjustments_ct bytea,
    reason_ct bytea,
    operation_id uuid,
    assigned_at timestamp with time zone NOT NULL,
    assigned_by uuid NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT assignment_status_check CHECK ((status = ANY (ARRAY['proposed'::text, 'active'::text, 'paused'::text, 'completed'::text, 'stopped'::text, 'entered_in_error'::text])))
);

ALTER TABLE ONLY public.assignment FORCE ROW LEVEL SECURITY;

ALTER TABLE public.assignment OWNER TO hp_owner;

COMMENT ON TABLE public.assignment IS 'class=operational; a protocol version given to a patient (FHIR CarePlan)';

COMMENT ON COLUMN public.assignment.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.assignment.id IS 'class=operational; UUIDv7';

COMMENT ON COLUMN public.assignment.patient_id IS 'class=operational; whose';

COMMENT ON COLUMN public.assignment.protocol_id IS 'class=operational; of which protocol';

COMMENT ON COLUMN public.assignment.version IS 'class=operational; the version of the newest segment, which may begin in the future';

COMMENT ON COLUMN public.assignment.status IS 'class=operational; FHIR request status in our words';

COMMENT ON COLUMN public.assignment.starts_on IS 'class=operational; plan day 1, local date';

COMMENT ON COLUMN public.assignment.ends_on IS 'class=operational; last local date, inclusive';

COMMENT ON COLUMN public.assignment.time_zone IS 'class=operational; IANA zone the plan is computed in';

COMMENT ON COLUMN public.assignment.segments IS 'class=operational; which version from which local date, and its plan day 1; without adjustments';

COMMENT ON COLUMN public.assignment.pauses IS 'class=operational; from and to instants, days shifted';

COMMENT ON COLUMN public.assignment.stopped_at IS 'class=operational; nothing is applicable from then on';

COMMENT ON COLUMN public.assignment.adjustments_ct IS 'class=health; what was changed for this patient, by segment';

COMMENT ON COLUMN public.assignment.reason_ct IS 'class=health; why it was paused or stopped';

COMMENT ON COLUMN public.assignment.operation_id IS 'class=operational; the bulk operation that made it';

COMMENT ON COLUMN public.assignment.assigned_at IS 'class=operational; when';

COMMENT ON COLUMN public.assignment.assigned_by IS 'class=operational; account';

COMMENT ON COLUMN public.assignment.revision IS 'class=operational; the ETag';

COMMENT ON COLUMN public.assignment.updated_at IS 'class=operational; last change';

CREATE TABLE public.entry (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    patient_id uuid NOT NULL,
    assignment_id uuid,
    activity_key text,
    occurrence_id text,
    planned_on date,
    outcome text NOT NULL,
    late boolean DEFAULT false NOT NULL,
    replaces uuid,
    client_id uuid NOT NULL,
    content_ct bytea,
    effective_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    recorded_by uuid NOT NULL,
    CONSTRAINT entry_outcome_check CHECK ((outcome = ANY (ARRAY['completed'::text, 'skipped'::text, 'retracted'::text])))
)
PARTITION BY RANGE (id);

ALTER TABLE ONLY public.entry FORCE ROW LEVEL SECURITY;

ALTER TABLE public.entry OWNER TO hp_owner;

COMMENT ON TABLE public.entry IS 'class=health; what happened to an occurrence, or unplanned; never changed, only replaced';

COMMENT ON COLUMN public.entry.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.entry.id IS 'class=operational; UUIDv7; its month is the partition';

COMMENT ON COLUMN public.entry.patient_id IS 'class=operational; whose';

COMMENT ON COLUMN public.entry.assignment_id IS 'class=operational; of which assignment; null when of none';

COMMENT ON COLUMN public.entry.activity_key IS 'class=operational; of which activity';

COMMENT ON COLUMN public.entry.occurrence_id IS 'class=operational; of which occurrence; null when unplanned';

COMMENT ON COLUMN public.entry.planned_on IS 'class=operational; the local date that occurrence is planned on; null when unplanned';

COMMENT ON COLUMN public.entry.outcome IS 'class=operational; completed, skipped, or retracted (an undo)';

COMMENT ON COLUMN public.entry.late IS 'class=operational; recorded after the window closed';

COMMENT ON COLUMN public.entry.replaces IS 'class=operational; the entry that this one corrects';

COMMENT ON COLUMN public.entry.client_id IS 'class=operational; made by the client; unique for the patient';

COMMENT ON COLUMN public.entry.content_ct IS 'class=health; reason, values as given and converted, answers, score, note';

COMMENT ON COLUMN public.entry.effective_at IS 'class=operational; when it happened';

COMMENT ON COLUMN public.entry.recorded_at IS 'class=operational; when we were told';

COMMENT ON COLUMN public.entry.recorded_by IS 'class=operational; account';

CREATE TABLE public.entry_client (
    organisation_id uuid NOT NULL,
    patient_id uuid NOT NULL,
    client_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    content_hash bytea NOT NULL
);

ALTER TABLE ONLY public.entry_client FORCE ROW LEVEL SECURITY;

ALTER TABLE public.entry_client OWNER TO hp_owner;

COMMENT ON TABLE public.entry_client IS 'class=operational; which entry a client-made id became, so that a phone may send it twice';

COMMENT ON COLUMN public.entry_client.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.entry_client.patient_id IS 'class=operational; whose';

COMMENT ON COLUMN public.entry_client.client_id IS 'class=operational; made by the client';

COMMENT ON COLUMN public.entry_client.entry_id IS 'class=operational; the entry';

COMMENT ON COLUMN public.entry_client.content_hash IS 'class=operational; keyed hash of the content sent';

CREATE TABLE public.entry_of_protocol (
    organisation_id uuid NOT NULL,
    protocol_id uuid NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    entry_id uuid NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    planned_on date
);

ALTER TABLE ONLY public.entry_of_protocol FORCE ROW LEVEL SECURITY;

ALTER TABLE public.entry_of_protocol OWNER TO hp_owner;

COMMENT ON TABLE public.entry_of_protocol IS 'class=operational; which entries are of assignments of a protocol, by when they were recorded';

COMMENT ON COLUMN public.entry_of_protocol.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.entry_of_protocol.protocol_id IS 'class=operational; of which protocol';

COMMENT ON COLUMN public.entry_of_protocol.recorded_at IS 'class=operational; as of the entry';

COMMENT ON COLUMN public.entry_of_protocol.entry_id IS 'class=operational; the entry';

COMMENT ON COLUMN public.entry_of_protocol.effective_at IS 'class=operational; as of the entry';

COMMENT ON COLUMN public.entry_of_protocol.planned_on IS 'class=operational; as of the entry';

CREATE TABLE public.flag (
    organisation_id uuid NOT NULL,
    key text NOT NULL,
    state jsonb NOT NULL,
    reason text NOT NULL,
    changed_by uuid,
    changed_at timestamp with time zone NOT NULL,
    revision integer NOT NULL,
    CONSTRAINT flag_key_check CHECK ((length(key) <= 120)),
    CONSTRAINT flag_reason_check CHECK ((length(reason) <= 500)),
    CONSTRAINT flag_revision_check CHECK ((revision > 0))
);

ALTER TABLE ONLY public.flag FORCE ROW LEVEL SECURITY;

ALTER TABLE public.flag OWNER TO hp_owner;

COMMENT ON TABLE public.flag IS 'class=operational; what is decided about a flag now, for all organisations or for one';

COMMENT ON COLUMN public.flag.organisation_id IS 'class=operational; tenant; all zeros is the installation';

COMMENT ON COLUMN public.flag.key IS 'class=operational; the flag, as the code declares it';

COMMENT ON COLUMN public.flag.state IS 'class=operational; kill, rules, requirements, default, stage of a rollout';

COMMENT ON COLUMN public.flag.reason IS 'class=operational; why it was changed last';

COMMENT ON COLUMN public.flag.changed_by IS 'class=operational; account; null for an operator at the command line, or the guard';

COMMENT ON COLUMN public.flag.changed_at IS 'class=operational; when it was changed last';

COMMENT ON COLUMN public.flag.revision IS 'class=operational; grows by one with every change; the ETag';

CREATE TABLE public.flag_outcome (
    organisation_id uuid NOT NULL,
    rollout_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    node bigint NOT NULL,
    arm text NOT NULL,
    began integer NOT NULL,
    requests integer NOT NULL,
    errors integer NOT NULL,
    buckets integer[] NOT NULL,
    CONSTRAINT flag_outcome_arm_check CHECK ((arm = ANY (ARRAY['treated'::text, 'control'::text])))
);

ALTER TABLE ONLY public.flag_outcome FORCE ROW LEVEL SECURITY;

ALTER TABLE public.flag_outcome OWNER TO hp_owner;

COMMENT ON TABLE public.flag_outcome IS 'class=operational; how requests of both sides went, a second a process; deleted when the guard has seen it';

COMMENT ON COLUMN public.flag_outcome.organisation_id IS 'class=operational; tenant; all zeros is the installation';

COMMENT ON COLUMN public.flag_outcome.rollout_id IS 'class=operational; of which rollout';

COMMENT ON COLUMN public.flag_outcome.at IS 'class=operational; when the process wrote it';

COMMENT ON COLUMN public.flag_outcome.node IS 'class=operational; a random number of the process';

COMMENT ON COLUMN public.flag_outcome.arm IS 'class=operational; treated or control';

COMMENT ON COLUMN public.flag_outcome.began IS 'class=operational; requests that began';

COMMENT ON COLUMN public.flag_outcome.requests IS 'class=operational; requests that ended';

COMMENT ON COLUMN public.flag_outcome.errors IS 'class=operational; those of them that failed';

COMMENT ON COLUMN public.flag_outcome.buckets IS 'class=operational; how long they took: a histogram';

CREATE TABLE public.flag_rollout_step (
    organisation_id uuid NOT NULL,
    rollout_id uuid NOT NULL,
    number integer NOT NULL,
    act text NOT NULL,
    at timestamp with time zone NOT NULL,
    evidence jsonb NOT NULL
);

ALTER TABLE ONLY public.flag_rollout_step FORCE ROW LEVEL SECURITY;

ALTER TABLE public.flag_rollout_step OWNER TO hp_owner;

COMMENT ON TABLE public.flag_rollout_step IS 'class=operational; what was decided in a rollout, and on what evidence; only added to';

COMMENT ON COLUMN public.flag_rollout_step.organisation_id IS 'class=operational; tenant; all zeros is the installation';

COMMENT ON COLUMN public.flag_rollout_step.rollout_id IS 'class=operational; of which rollout';

COMMENT ON COLUMN public.flag_rollout_step.number IS 'class=operational; from 1';

COMMENT ON COLUMN public.flag_rollout_step.act IS 'class=operational; started, advanced, completed, rolled back, stopped';

COMMENT ON COLUMN public.flag_rollout_step.at IS 'class=operational; when';

COMMENT ON COLUMN public.flag_rollout_step.evidence IS 'class=operational; counts, shares and scores of both sides then';

CREATE TABLE public.flag_use (
    organisation_id uuid NOT NULL,
    key text NOT NULL,
    asked bigint NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.flag_use FORCE ROW LEVEL SECURITY;

ALTER TABLE public.flag_use OWNER TO hp_owner;

COMMENT ON TABLE public.flag_use IS 'class=operational; whether anybody still asks for a flag; of the installation only';

COMMENT ON COLUMN public.flag_use.organisation_id IS 'class=operational; all zeros';

COMMENT ON COLUMN public.flag_use.key IS 'class=operational; the flag';

COMMENT ON COLUMN public.flag_use.asked IS 'class=operational; how often, over all processes; 0 is never yet';

COMMENT ON COLUMN public.flag_use.first_at IS 'class=operational; since when this database knows the flag';

COMMENT ON COLUMN public.flag_use.last_at IS 'class=operational; when it was last asked for, to half a minute; first_at while it never was';

CREATE TABLE public.flag_version (
    organisation_id uuid NOT NULL,
    key text NOT NULL,
    revision integer NOT NULL,
    act text NOT NULL,
    reason text NOT NULL,
    changed_by uuid,
    changed_as text NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    CONSTRAINT flag_version_reason_check CHECK ((length(reason) <= 500))
);

ALTER TABLE ONLY public.flag_version FORCE ROW LEVEL SECURITY;

ALTER TABLE public.flag_version OWNER TO hp_owner;

COMMENT ON TABLE public.flag_version IS 'class=operational; every change of a flag; only added to';

COMMENT ON COLUMN public.flag_version.organisation_id IS 'class=operational; tenant; all zeros is the installation';

COMMENT ON COLUMN public.flag_version.key IS 'class=operational; the flag';

COMMENT ON COLUMN public.flag_version.revision IS 'class=operational; the one that the change made';

COMMENT ON COLUMN public.flag_version.act IS 'class=operational; set, kill, revive, or what a rollout did';

COMMENT ON COLUMN public.flag_version.reason IS 'class=operational; why, in the words of who did it';

COMMENT ON COLUMN public.flag_version.changed_by IS 'class=operational; account; null for an operator or the guard';

COMMENT ON COLUMN public.flag_version.changed_as IS 'class=operational; role of the account, operator, or guard';

COMMENT ON COLUMN public.flag_version.changed_at IS 'class=operational; when';

COMMENT ON COLUMN public.flag_version.before IS 'class=operational; state before';

COMMENT ON COLUMN public.flag_version.after IS 'class=operational; state after';

CREATE TABLE public.idempotency (
    organisation_id uuid NOT NULL,
    account_id uuid NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status integer,
    etag text,
    body_ct bytea,
    created_at timestamp with time zone NOT NULL,
    location text
);

ALTER TABLE ONLY public.idempotency FORCE ROW LEVEL SECURITY;

ALTER TABLE public.idempotency OWNER TO hp_owner;

COMMENT ON TABLE public.idempotency IS 'class=operational; the answer to a write that named an Idempotency-Key, kept a day';

COMMENT ON COLUMN public.idempotency.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.idempotency.account_id IS 'class=operational; who sent the key';

COMMENT ON COLUMN public.idempotency.key IS 'class=operational; chosen by the client';

COMMENT ON COLUMN public.idempotency.request_hash IS 'class=operational; SHA-256 of method, path and body, keyed by the organisation';

COMMENT ON COLUMN public.idempotency.status IS 'class=operational; HTTP status of the answer';

COMMENT ON COLUMN public.idempotency.etag IS 'class=operational; ETag of the answer';

COMMENT ON COLUMN public.idempotency.body_ct IS 'class=health; the answer, encrypted';

COMMENT ON COLUMN public.idempotency.created_at IS 'class=operational; swept after a day';

COMMENT ON COLUMN public.idempotency.location IS 'class=operational; Location of the answer, null where it had none';

CREATE TABLE public.import_claim (
    organisation_id uuid NOT NULL,
    operation_id uuid NOT NULL,
    claim_bidx bytea NOT NULL,
    row_id uuid NOT NULL
);

ALTER TABLE ONLY public.import_claim FORCE ROW LEVEL SECURITY;

ALTER TABLE public.import_claim OWNER TO hp_owner;

COMMENT ON TABLE public.import_claim IS 'class=operational; what the lines of a dry run would have made so far, by what later lines would know it';

COMMENT ON COLUMN public.import_claim.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.import_claim.operation_id IS 'class=operational; the dry run';

COMMENT ON COLUMN public.import_claim.claim_bidx IS 'class=identity; keyed hash of a client_id, of a record number, or of one thing that tells people apart';

COMMENT ON COLUMN public.import_claim.row_id IS 'class=operational; the row that would have been made; one that is here where a line would have been tied to it';

CREATE TABLE public.import_claimed_plan (
    organisation_id uuid NOT NULL,
    operation_id uuid NOT NULL,
    plan_bidx bytea NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL
);

ALTER TABLE ONLY public.import_claimed_plan FORCE ROW LEVEL SECURITY;

ALTER TABLE public.import_claimed_plan OWNER TO hp_owner;

COMMENT ON TABLE public.import_claimed_plan IS 'class=operational; the plans that the lines of a dry run would have made so far, by their days';

COMMENT ON COLUMN public.import_claimed_plan.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.import_claimed_plan.operation_id IS 'class=operational; the dry run';

COMMENT ON COLUMN public.import_claimed_plan.plan_bidx IS 'class=identity; keyed hash of a patient and a protocol';

COMMENT ON COLUMN public.import_claimed_plan.starts_on IS 'class=operational; plan day 1, local date; no two plans of a hash share a day';

COMMENT ON COLUMN public.import_claimed_plan.ends_on IS 'class=operational; last local date, inclusive';

CREATE TABLE public.import_key (
    organisation_id uuid NOT NULL,
    noun text NOT NULL,
    key_bidx bytea NOT NULL,
    row_id uuid NOT NULL,
    CONSTRAINT import_key_noun_check CHECK ((noun = ANY (ARRAY['patient'::text, 'assignment'::text])))
);

ALTER TABLE ONLY public.import_key FORCE ROW LEVEL SECURITY;

ALTER TABLE public.import_key OWNER TO hp_owner;

COMMENT ON TABLE public.import_key IS 'class=operational; which row a key in somebody else''s files became, so that a file may be sent twice';

COMMENT ON COLUMN public.import_key.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.import_key.noun IS 'class=operational; what the row is';

COMMENT ON COLUMN public.import_key.key_bidx IS 'class=identity; keyed index of the client_id';

COMMENT ON COLUMN public.import_key.row_id IS 'class=operational; the row';

CREATE TABLE public.installation (
    organisation_id uuid NOT NULL,
    environment text NOT NULL,
    bound_at timestamp with time zone NOT NULL,
    deidentified_at timestamp with time zone,
    CONSTRAINT installation_environment_check CHECK ((environment = ANY (ARRAY['development'::text, 'test'::text, 'staging'::text, 'production'::text]))),
    CONSTRAINT installation_organisation_id_check CHECK ((organisation_id = '00000000-0000-0000-0000-000000000000'::uuid))
);

ALTER TABLE ONLY public.installation FORCE ROW LEVEL SECURITY;

ALTER TABLE public.installation OWNER TO hp_owner;

COMMENT ON TABLE public.installation IS 'class=operational; what this database is for';

COMMENT ON COLUMN public.installation.organisation_id IS 'class=operational; all zeros';

COMMENT ON COLUMN public.installation.environment IS 'class=operational; the only HP_ENVIRONMENT that may use it';

COMMENT ON COLUMN public.installation.bound_at IS 'class=operational; since when it is that';

COMMENT ON COLUMN public.installation.deidentified_at IS 'class=operational; when it was made harmless; null when it never was';

CREATE TABLE public.live_change (
    organisation_id uuid NOT NULL,
    revision bigint NOT NULL,
    changed_in xid8 DEFAULT pg_current_xact_id() NOT NULL,
    at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.live_change FORCE ROW LEVEL SECURITY;

ALTER TABLE public.live_change OWNER TO hp_owner;

COMMENT ON TABLE public.live_change IS 'class=operational; whose settings or flags changed last, and when';

COMMENT ON COLUMN public.live_change.organisation_id IS 'class=operational; tenant; all zeros is the installation';

COMMENT ON COLUMN public.live_change.revision IS 'class=operational; another number with every change; grows within an organisation';

COMMENT ON COLUMN public.live_change.changed_in IS 'class=operational; the transaction that changed it';

COMMENT ON COLUMN public.live_change.at IS 'class=operational; when';

ALTER TABLE public.live_change ALTER COLUMN revision ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.live_change_revision_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.operation (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    done bigint DEFAULT 0 NOT NULL,
    total bigint DEFAULT 0 NOT NULL,
    input jsonb DEFAULT '{}'::jsonb NOT NULL,
    input_ct bytea,
    cursor text,
    result jsonb,
    result_ct bytea,
    problem jsonb,
    cancel_requested boolean DEFAULT false NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    CONSTRAINT operation_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text])))
);

ALTER TABLE ONLY public.operation FORCE ROW LEVEL SECURITY;

ALTER TABLE public.operation OWNER TO hp_owner;

COMMENT ON TABLE public.operation IS 'class=operational; long work: what it is, how far it is, how it ended';

COMMENT ON COLUMN public.operation.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.operation.id IS 'class=operational; UUIDv7';

COMMENT ON COLUMN public.operation.kind IS 'class=operational; which work';

COMMENT ON COLUMN public.operation.status IS 'class=operational; queued, running, succeeded, failed or cancelled';

COMMENT ON COLUMN public.operation.done IS 'class=operational; units finished';

COMMENT ON COLUMN public.operation.total IS 'class=operational; units in all';

COMMENT ON COLUMN public.operation.input IS 'class=operational; ids and settings only';

COMMENT ON COLUMN public.operation.input_ct IS 'class=health; what the work reads, such as an uploaded file, encrypted';

COMMENT ON COLUMN public.operation.cursor IS 'class=operational; where to go on after an interruption';

COMMENT ON COLUMN public.operation.result IS 'class=operational; counts and ids';

COMMENT ON COLUMN public.operation.result_ct IS 'class=health; a result that names people or health, encrypted';

COMMENT ON COLUMN public.operation.problem IS 'class=operational; problem+json of a failure, without values';

COMMENT ON COLUMN public.operation.cancel_requested IS 'class=operational; the next batch does not start';

COMMENT ON COLUMN public.operation.created_by IS 'class=operational; account';

COMMENT ON COLUMN public.operation.created_at IS 'class=operational; when it was asked for';

COMMENT ON COLUMN public.operation.updated_at IS 'class=operational; last progress';

COMMENT ON COLUMN public.operation.revision IS 'class=operational; the ETag';

CREATE TABLE public.organisation_key (
    organisation_id uuid NOT NULL,
    version integer NOT NULL,
    wrapped bytea,
    root_id text NOT NULL,
    root_version integer NOT NULL,
    state text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT organisation_key_check CHECK (((wrapped IS NULL) = (state = 'destroyed'::text))),
    CONSTRAINT organisation_key_state_check CHECK ((state = ANY (ARRAY['active'::text, 'decrypt_only'::text, 'destroyed'::text]))),
    CONSTRAINT organisation_key_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.organisation_key FORCE ROW LEVEL SECURITY;

ALTER TABLE public.organisation_key OWNER TO hp_owner;

COMMENT ON TABLE public.organisation_key IS 'class=operational; the key of an organisation, wrapped by the root key';

COMMENT ON COLUMN public.organisation_key.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.organisation_key.version IS 'class=operational; grows with rotation';

COMMENT ON COLUMN public.organisation_key.wrapped IS 'class=operational; 32 bytes under the root key; null once destroyed';

COMMENT ON COLUMN public.organisation_key.root_id IS 'class=operational; which root key';

COMMENT ON COLUMN public.organisation_key.root_version IS 'class=operational; which version of it';

COMMENT ON COLUMN public.organisation_key.state IS 'class=operational; active wraps and unwraps, decrypt_only unwraps';

COMMENT ON COLUMN public.organisation_key.created_at IS 'class=operational; when it was made';

CREATE TABLE public.patient (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    status text NOT NULL,
    given_name_ct bytea,
    family_name_ct bytea,
    birth_date_ct bytea,
    sex_ct bytea,
    email_ct bytea,
    phone_ct bytea,
    address_ct bytea,
    language_ct bytea,
    email_bidx bytea,
    phone_bidx bytea,
    name_birth_bidx bytea,
    time_zone text NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by uuid NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT patient_status_check CHECK ((status = ANY (ARRAY['active'::text, 'archived'::text, 'erased'::text])))
);

ALTER TABLE ONLY public.patient FORCE ROW LEVEL SECURITY;

ALTER TABLE public.patient OWNER TO hp_owner;

COMMENT ON TABLE public.patient IS 'class=identity; one row a person, readable only with her key';

COMMENT ON COLUMN public.patient.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.patient.id IS 'class=operational; UUIDv7';

COMMENT ON COLUMN public.patient.status IS 'class=operational; archived ones take no new assignments, erased ones are shown to nobody';

COMMENT ON COLUMN public.patient.given_name_ct IS 'class=identity; given names';

COMMENT ON COLUMN public.patient.family_name_ct IS 'class=identity; family name';

COMMENT ON COLUMN public.patient.birth_date_ct IS 'class=identity; ISO date';

COMMENT ON COLUMN public.patient.sex_ct IS 'class=identity; FHIR administrative gender';

COMMENT ON COLUMN public.patient.email_ct IS 'class=identity; e-mail';

COMMENT ON COLUMN public.patient.phone_ct IS 'class=identity; E.164';

COMMENT ON COLUMN public.patient.address_ct IS 'class=identity; postal address as JSON';

COMMENT ON COLUMN public.patient.language_ct IS 'class=identity; BCP 47 tag';

COMMENT ON COLUMN public.patient.email_bidx IS 'class=identity; keyed index of the e-mail';

COMMENT ON COLUMN public.patient.phone_bidx IS 'class=identity; keyed index of the phone number';

COMMENT ON COLUMN public.patient.name_birth_bidx IS 'class=identity; keyed index of surname with birth date';

COMMENT ON COLUMN public.patient.time_zone IS 'class=operational; IANA zone, needed to plan without the key';

COMMENT ON COLUMN public.patient.revision IS 'class=operational; the ETag';

COMMENT ON COLUMN public.patient.created_at IS 'class=operational; when enrolled';

COMMENT ON COLUMN public.patient.created_by IS 'class=operational; account';

COMMENT ON COLUMN public.patient.updated_at IS 'class=operational; last change';

CREATE TABLE public.patient_identifier (
    organisation_id uuid NOT NULL,
    patient_id uuid NOT NULL,
    "position" integer NOT NULL,
    system text NOT NULL,
    value_ct bytea NOT NULL,
    value_bidx bytea NOT NULL
);

ALTER TABLE ONLY public.patient_identifier FORCE ROW LEVEL SECURITY;

ALTER TABLE public.patient_identifier OWNER TO hp_owner;

COMMENT ON TABLE public.patient_identifier IS 'class=identity; record numbers; one is never two persons in an organisation';

COMMENT ON COLUMN public.patient_identifier.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.patient_identifier.patient_id IS 'class=operational; whose';

COMMENT ON COLUMN public.patient_identifier."position" IS 'class=operational; order as given, from 0';

COMMENT ON COLUMN public.patient_identifier.system IS 'class=operational; the namespace, such as a URI of the issuing hospital';

COMMENT ON COLUMN public.patient_identifier.value_ct IS 'class=identity; the number';

COMMENT ON COLUMN public.patient_identifier.value_bidx IS 'class=identity; keyed index of system and number';

CREATE TABLE public.protocol_version (
    organisation_id uuid NOT NULL,
    protocol_id uuid NOT NULL,
    version integer NOT NULL,
    status text NOT NULL,
    content jsonb NOT NULL,
    source_format text,
    source bytea,
    created_at timestamp with time zone NOT NULL,
    created_by uuid NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    published_by uuid,
    CONSTRAINT protocol_version_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'active'::text, 'retired'::text]))),
    CONSTRAINT protocol_version_version_check CHECK ((version >= 1))
);

ALTER TABLE ONLY public.protocol_version FORCE ROW LEVEL SECURITY;

ALTER TABLE public.protocol_version OWNER TO hp_owner;

COMMENT ON TABLE public.protocol_version IS 'class=operational; what a version says; never changes once published';

COMMENT ON COLUMN public.protocol_version.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.protocol_version.protocol_id IS 'class=operational; of which protocol';

COMMENT ON COLUMN public.protocol_version.version IS 'class=operational; from 1';

COMMENT ON COLUMN public.protocol_version.status IS 'class=operational; draft, active (published) or retired';

COMMENT ON COLUMN public.protocol_version.content IS 'class=operational; ProtocolContent';

COMMENT ON COLUMN public.protocol_version.source_format IS 'class=operational; format of an imported source';

COMMENT ON COLUMN public.protocol_version.source IS 'class=operational; the imported source, so that an export loses nothing';

COMMENT ON COLUMN public.protocol_version.created_at IS 'class=operational; when begun';

COMMENT ON COLUMN public.protocol_version.created_by IS 'class=operational; account';

COMMENT ON COLUMN public.protocol_version.updated_at IS 'class=operational; last change of the draft';

COMMENT ON COLUMN public.protocol_version.published_at IS 'class=operational; when it became immutable';

COMMENT ON COLUMN public.protocol_version.published_by IS 'class=operational; account';

CREATE TABLE public.purpose_key (
    organisation_id uuid NOT NULL,
    purpose text NOT NULL,
    version integer NOT NULL,
    key_id uuid NOT NULL,
    wrapped bytea,
    wrapping_version integer NOT NULL,
    state text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT purpose_key_check CHECK (((wrapped IS NULL) = (state = 'destroyed'::text))),
    CONSTRAINT purpose_key_purpose_check CHECK ((purpose ~ '^[a-z][a-z_]{0,39}$'::text)),
    CONSTRAINT purpose_key_state_check CHECK ((state = ANY (ARRAY['active'::text, 'decrypt_only'::text, 'destroyed'::text]))),
    CONSTRAINT purpose_key_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.purpose_key FORCE ROW LEVEL SECURITY;

ALTER TABLE public.purpose_key OWNER TO hp_owner;

COMMENT ON TABLE public.purpose_key IS 'class=operational; data keys of an organisation for what belongs to no single patient';

COMMENT ON COLUMN public.purpose_key.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.purpose_key.purpose IS 'class=operational; what the key is for; index is the root of the blind indexes';

COMMENT ON COLUMN public.purpose_key.version IS 'class=operational; grows with rotation';

COMMENT ON COLUMN public.purpose_key.key_id IS 'class=operational; named in the header of every ciphertext under it';

COMMENT ON COLUMN public.purpose_key.wrapped IS 'class=operational; 32 bytes under the key of the organisation; null once destroyed';

COMMENT ON COLUMN public.purpose_key.wrapping_version IS 'class=operational; version of the organisation key that wraps it';

COMMENT ON COLUMN public.purpose_key.state IS 'class=operational; active, decrypt_only or destroyed';

COMMENT ON COLUMN public.purpose_key.created_at IS 'class=operational; when it was made';

CREATE TABLE public.runtime_setting (
    organisation_id uuid NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    value jsonb,
    variation jsonb,
    reason text NOT NULL,
    changed_by uuid,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT runtime_setting_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 200))),
    CONSTRAINT runtime_setting_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.runtime_setting FORCE ROW LEVEL SECURITY;

ALTER TABLE public.runtime_setting OWNER TO hp_owner;

COMMENT ON TABLE public.runtime_setting IS 'class=operational; every version of every setting that was chosen';

COMMENT ON COLUMN public.runtime_setting.organisation_id IS 'class=operational; tenant; all zeros is the installation';

COMMENT ON COLUMN public.runtime_setting.name IS 'class=operational; a name of the registry in the code';

COMMENT ON COLUMN public.runtime_setting.version IS 'class=operational; grows by one with every change; the ETag';

COMMENT ON COLUMN public.runtime_setting.value IS 'class=operational; null once the own choice was taken back';

COMMENT ON COLUMN public.runtime_setting.variation IS 'class=operational; another value from, until, or for a share of the accounts';

COMMENT ON COLUMN public.runtime_setting.reason IS 'class=operational; why, in words about the setting';

COMMENT ON COLUMN public.runtime_setting.changed_by IS 'class=operational; account; null for an operator';

COMMENT ON COLUMN public.runtime_setting.changed_at IS 'class=operational; when';

CREATE TABLE public.schema_kept (
    number text NOT NULL,
    direction text NOT NULL,
    folder text NOT NULL,
    kept_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schema_kept_direction_check CHECK ((direction = ANY (ARRAY['up'::text, 'down'::text])))
);

ALTER TABLE public.schema_kept OWNER TO hp_owner;

COMMENT ON TABLE public.schema_kept IS 'class=operational; where rows are that were saved before they were taken away';

COMMENT ON COLUMN public.schema_kept.number IS 'class=operational; of which migration';

COMMENT ON COLUMN public.schema_kept.direction IS 'class=operational; down: put back when applied again; up: not finished';

COMMENT ON COLUMN public.schema_kept.folder IS 'class=operational; name of the folder of saved tables';

COMMENT ON COLUMN public.schema_kept.kept_at IS 'class=operational; when';

CREATE TABLE public.schema_revision (
    number text NOT NULL,
    name text NOT NULL,
    phase text NOT NULL,
    checksum text NOT NULL,
    release text NOT NULL,
    backup text,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.schema_revision OWNER TO hp_owner;

COMMENT ON TABLE public.schema_revision IS 'class=operational; the applied migrations, each with the checksum of its file';

COMMENT ON COLUMN public.schema_revision.number IS 'class=operational; 0001 and on';

COMMENT ON COLUMN public.schema_revision.name IS 'class=operational; its name';

COMMENT ON COLUMN public.schema_revision.phase IS 'class=operational; expand, migrate or contract';

COMMENT ON COLUMN public.schema_revision.checksum IS 'class=operational; SHA-256 of the file as it was applied';

COMMENT ON COLUMN public.schema_revision.release IS 'class=operational; version of the code that applied it';

COMMENT ON COLUMN public.schema_revision.backup IS 'class=operational; folder of what was saved first; null when nothing was';

COMMENT ON COLUMN public.schema_revision.applied_at IS 'class=operational; when it was finished';

CREATE TABLE public.schema_step (
    number text NOT NULL,
    direction text NOT NULL,
    step integer NOT NULL,
    checksum text NOT NULL,
    is_done boolean DEFAULT false NOT NULL,
    cursor text[],
    rows_done bigint DEFAULT 0 NOT NULL,
    rows_total bigint,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schema_step_direction_check CHECK ((direction = ANY (ARRAY['up'::text, 'down'::text])))
);

ALTER TABLE public.schema_step OWNER TO hp_owner;

COMMENT ON TABLE public.schema_step IS 'class=operational; the steps of a migration that is half done; empty otherwise';

COMMENT ON COLUMN public.schema_step.number IS 'class=operational; of which migration';

COMMENT ON COLUMN public.schema_step.direction IS 'class=operational; up or down';

COMMENT ON COLUMN public.schema_step.step IS 'class=operational; which statement of the file, from 0';

COMMENT ON COLUMN public.schema_step.checksum IS 'class=operational; SHA-256 of the statement';

COMMENT ON COLUMN public.schema_step.is_done IS 'class=operational; false while its batches run';

COMMENT ON COLUMN public.schema_step.cursor IS 'class=operational; key of the last row of the last finished batch; ids only';

COMMENT ON COLUMN public.schema_step.rows_done IS 'class=operational; rows looked at so far';

COMMENT ON COLUMN public.schema_step.rows_total IS 'class=operational; rows in all, as PostgreSQL estimated at the start';

COMMENT ON COLUMN public.schema_step.updated_at IS 'class=operational; last progress';

CREATE TABLE public.sealed_file (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    purpose text NOT NULL,
    is_complete boolean DEFAULT false NOT NULL,
    media_type text NOT NULL,
    size_bytes bigint DEFAULT 0 NOT NULL,
    digest bytea,
    created_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    announced_bytes bigint,
    mark bytea,
    sha256_ct bytea
);

ALTER TABLE ONLY public.sealed_file FORCE ROW LEVEL SECURITY;

ALTER TABLE public.sealed_file OWNER TO hp_owner;

COMMENT ON TABLE public.sealed_file IS 'class=operational; a file kept for some days; its content is in sealed_file_chunk';

COMMENT ON COLUMN public.sealed_file.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.sealed_file.id IS 'class=operational; UUIDv7; a report has the id of its operation';

COMMENT ON COLUMN public.sealed_file.purpose IS 'class=operational; what it is for, such as upload, report or export';

COMMENT ON COLUMN public.sealed_file.is_complete IS 'class=operational; nothing is added any more';

COMMENT ON COLUMN public.sealed_file.media_type IS 'class=operational; how it is written';

COMMENT ON COLUMN public.sealed_file.size_bytes IS 'class=operational; of the content, as far as it is here';

COMMENT ON COLUMN public.sealed_file.digest IS 'class=operational; keyed hash of the whole content, by which it is known again';

COMMENT ON COLUMN public.sealed_file.created_by IS 'class=operational; account';

COMMENT ON COLUMN public.sealed_file.created_at IS 'class=operational; when it was begun';

COMMENT ON COLUMN public.sealed_file.expires_at IS 'class=operational; when it is deleted';

COMMENT ON COLUMN public.sealed_file.announced_bytes IS 'class=operational; how large it will be, as it is sent; null when nobody said';

COMMENT ON COLUMN public.sealed_file.mark IS 'class=operational; keyed hash of what its sender calls it, by which she finds it unfinished';

COMMENT ON COLUMN public.sealed_file.sha256_ct IS 'class=health; SHA-256 of the whole content, encrypted: unkeyed, it would let a small file be guessed';

CREATE TABLE public.sealed_file_chunk (
    organisation_id uuid NOT NULL,
    file_id uuid NOT NULL,
    begins_at bigint NOT NULL,
    content_ct bytea NOT NULL
);
ALTER TABLE ONLY public.sealed_file_chunk ALTER COLUMN content_ct SET STORAGE EXTERNAL;

ALTER TABLE ONLY public.sealed_file_chunk FORCE ROW LEVEL SECURITY;

ALTER TABLE public.sealed_file_chunk OWNER TO hp_owner;

COMMENT ON TABLE public.sealed_file_chunk IS 'class=health; a part of a file';

COMMENT ON COLUMN public.sealed_file_chunk.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.sealed_file_chunk.file_id IS 'class=operational; of which file';

COMMENT ON COLUMN public.sealed_file_chunk.begins_at IS 'class=operational; the byte of the file with which this part begins';

COMMENT ON COLUMN public.sealed_file_chunk.content_ct IS 'class=health; the part, encrypted with the key for files';

CREATE TABLE public.sealed_file_tally (
    organisation_id uuid NOT NULL,
    size_bytes bigint NOT NULL
);

ALTER TABLE ONLY public.sealed_file_tally FORCE ROW LEVEL SECURITY;

ALTER TABLE public.sealed_file_tally OWNER TO hp_owner;

COMMENT ON TABLE public.sealed_file_tally IS 'class=operational; how much the files of an organisation hold together';

COMMENT ON COLUMN public.sealed_file_tally.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.sealed_file_tally.size_bytes IS 'class=operational; of the content of all its sealed_file, those on their way in included';

CREATE TABLE public.session (
    organisation_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    idle_seconds integer NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    address_ct bytea,
    agent_ct bytea,
    CONSTRAINT session_idle_seconds_check CHECK ((idle_seconds > 0))
);

ALTER TABLE ONLY public.session FORCE ROW LEVEL SECURITY;

ALTER TABLE public.session OWNER TO hp_owner;

COMMENT ON TABLE public.session IS 'class=operational; a signed-in browser or phone; the row goes when it signs out';

COMMENT ON COLUMN public.session.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.session.token_hash IS 'class=operational; SHA-256 of the cookie';

COMMENT ON COLUMN public.session.id IS 'class=operational; UUIDv7, by which a list of sessions names it';

COMMENT ON COLUMN public.session.account_id IS 'class=operational; account';

COMMENT ON COLUMN public.session.created_at IS 'class=operational; when it signed in';

COMMENT ON COLUMN public.session.last_seen_at IS 'class=operational; last use, to the minute';

COMMENT ON COLUMN public.session.idle_seconds IS 'class=operational; ends after this long without use';

COMMENT ON COLUMN public.session.expires_at IS 'class=operational; ends then in any case';

COMMENT ON COLUMN public.session.address_ct IS 'class=identity; network address at sign-in, encrypted with the auth key';

COMMENT ON COLUMN public.session.agent_ct IS 'class=identity; browser at sign-in, encrypted with the auth key';

CREATE TABLE public.sign_in_directory (
    organisation_id uuid NOT NULL,
    lookup bytea NOT NULL,
    account_id uuid NOT NULL
);

ALTER TABLE ONLY public.sign_in_directory FORCE ROW LEVEL SECURITY;

ALTER TABLE public.sign_in_directory OWNER TO hp_owner;

COMMENT ON TABLE public.sign_in_directory IS 'class=identity; from the hash of an e-mail address to its accounts';

COMMENT ON COLUMN public.sign_in_directory.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.sign_in_directory.lookup IS 'class=identity; keyed hash of the e-mail address, the same in all organisations';

COMMENT ON COLUMN public.sign_in_directory.account_id IS 'class=operational; account';

CREATE TABLE public.subject_key (
    organisation_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    version integer NOT NULL,
    key_id uuid NOT NULL,
    wrapped bytea,
    wrapping_version integer NOT NULL,
    state text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT subject_key_check CHECK (((wrapped IS NULL) = (state = 'destroyed'::text))),
    CONSTRAINT subject_key_state_check CHECK ((state = ANY (ARRAY['active'::text, 'decrypt_only'::text, 'destroyed'::text]))),
    CONSTRAINT subject_key_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.subject_key FORCE ROW LEVEL SECURITY;

ALTER TABLE public.subject_key OWNER TO hp_owner;

COMMENT ON TABLE public.subject_key IS 'class=operational; the data key of one patient; destroying it erases all that is under it';

COMMENT ON COLUMN public.subject_key.organisation_id IS 'class=operational; tenant';

COMMENT ON COLUMN public.subject_key.subject_id IS 'class=operational; patient';

COMMENT ON COLUMN public.subject_key.version IS 'class=operational; grows with rotation';

COMMENT ON COLUMN public.subject_key.key_id IS 'class=operational; named in the header of every ciphertext under it';

COMMENT ON COLUMN public.subject_key.wrapped IS 'class=operational; 32 bytes under the key of the organisation; null once destroyed';

COMMENT ON COLUMN public.subject_key.wrapping_version IS 'class=operational; version of the organisation key that wraps it';

COMMENT ON COLUMN public.subject_key.state IS 'class=operational; active, decrypt_only or destroyed';

COMMENT ON COLUMN public.subject_key.created_at IS 'class=operational; when it was made';

ALTER TABLE ONLY pgqueuer.pgqueuer ALTER COLUMN id SET DEFAULT nextval('pgqueuer.pgqueuer_id_seq'::regclass);

ALTER TABLE ONLY pgqueuer.pgqueuer_schedules ALTER COLUMN id SET DEFAULT nextval('pgqueuer.pgqueuer_schedules_id_seq'::regclass);

ALTER TABLE ONLY pgqueuer.pgqueuer_statistics ALTER COLUMN id SET DEFAULT nextval('pgqueuer.pgqueuer_statistics_id_seq'::regclass);

ALTER TABLE ONLY pgqueuer.pgqueuer_log
    ADD CONSTRAINT pgqueuer_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY pgqueuer.pgqueuer
    ADD CONSTRAINT pgqueuer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY pgqueuer.pgqueuer_schedules
    ADD CONSTRAINT pgqueuer_schedules_expression_entrypoint_key UNIQUE (expression, entrypoint);

ALTER TABLE ONLY pgqueuer.pgqueuer_schedules
    ADD CONSTRAINT pgqueuer_schedules_pkey PRIMARY KEY (id);

ALTER TABLE ONLY pgqueuer.pgqueuer_statistics
    ADD CONSTRAINT pgqueuer_statistics_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (organisation_id, id);

ALTER TABLE ONLY public.adherence_cover
    ADD CONSTRAINT adherence_cover_pkey PRIMARY KEY (organisation_id, assignment_id);

ALTER TABLE ONLY public.adherence_day
    ADD CONSTRAINT adherence_day_pkey PRIMARY KEY (organisation_id, assignment_id, day, activity_key);

ALTER TABLE ONLY public.adherence_month
    ADD CONSTRAINT adherence_month_pkey PRIMARY KEY (organisation_id, assignment_id, month);

ALTER TABLE ONLY public.adherence_sum
    ADD CONSTRAINT adherence_sum_pkey PRIMARY KEY (organisation_id, protocol_id, day, activity_key);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.alert
    ADD CONSTRAINT alert_pkey PRIMARY KEY (organisation_id, id);

ALTER TABLE ONLY public.alert_watch
    ADD CONSTRAINT alert_watch_pkey PRIMARY KEY (organisation_id, assignment_id);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (organisation_id, id);

ALTER TABLE ONLY public.assignment
    ADD CONSTRAINT assignment_pkey PRIMARY KEY (organisation_id, id);

ALTER TABLE ONLY public.audit_event
    ADD CONSTRAINT audit_event_pkey PRIMARY KEY (organisation_id, at, id);

ALTER TABLE ONLY public.cache_epoch
    ADD CONSTRAINT cache_epoch_pkey PRIMARY KEY (organisation_id, tag, slot);

ALTER TABLE ONLY public.entry_client
    ADD CONSTRAINT entry_client_pkey PRIMARY KEY (organisation_id, patient_id, client_id);

ALTER TABLE ONLY public.entry_of_protocol
    ADD CONSTRAINT entry_of_protocol_pkey PRIMARY KEY (organisation_id, protocol_id, recorded_at, entry_id) INCLUDE (effective_at, planned_on);

ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (organisation_id, id);

ALTER TABLE ONLY public.flag_outcome
    ADD CONSTRAINT flag_outcome_pkey PRIMARY KEY (organisation_id, rollout_id, at, node, arm);

ALTER TABLE ONLY public.flag
    ADD CONSTRAINT flag_pkey PRIMARY KEY (organisation_id, key);

ALTER TABLE ONLY public.flag_rollout
    ADD CONSTRAINT flag_rollout_pkey PRIMARY KEY (organisation_id, id);

ALTER TABLE ONLY public.flag_rollout_step
    ADD CONSTRAINT flag_rollout_step_pkey PRIMARY KEY (organisation_id, rollout_id, number);

ALTER TABLE ONLY public.flag_use
    ADD CONSTRAINT flag_use_pkey PRIMARY KEY (organisation_id, key);

ALTER TABLE ONLY public.flag_version
    ADD CONSTRAINT flag_version_pkey PRIMARY KEY (organisation_id, key, revision);

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (organisation_id, account_id, key);

ALTER TABLE ONLY public.import_claim
    ADD CONSTRAINT import_claim_pkey PRIMARY KEY (organisation_id, operation_id, claim_bidx);

ALTER TABLE ONLY public.import_claimed_plan
    ADD CONSTRAINT import_claimed_plan_pkey PRIMARY KEY (organisation_id, operation_id, plan_bidx, starts_on);

ALTER TABLE ONLY public.import_key
    ADD CONSTRAINT import_key_pkey PRIMARY KEY (organisation_id, noun, key_bidx);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (organisation_id);

ALTER TABLE ONLY public.live_change
    ADD CONSTRAINT live_change_pkey PRIMARY KEY (organisation_id);

ALTER TABLE ONLY public.operation
    ADD CONSTRAINT operation_pkey PRIMARY KEY (organisation_id, id);

ALTER TABLE ONLY public.organisation_key
    ADD CONSTRAINT organisation_key_pkey PRIMARY KEY (organisation_id, version);

ALTER TABLE ONLY public.organisation
    ADD CONSTRAINT organisation_pkey PRIMARY KEY (organisation_id);

ALTER TABLE ONLY public.patient_identifier
    ADD CONSTRAINT patient_identifier_organisation_id_value_bidx_key UNIQUE (organisation_id, value_bidx);

ALTER TABLE ONLY public.patient_identifier
    ADD CONSTRAINT patient_identifier_pkey PRIMARY KEY (organisation_id, patient_id, "position");

ALTER TABLE ONLY public.patient
    ADD CONSTRAINT patient_pkey PRIMARY KEY (organisation_id, id);

ALTER TABLE ONLY public.protocol
    ADD CONSTRAINT protocol_pkey PRIMARY KEY (organisation_id, id);

ALTER TABLE ONLY public.protocol_version
    ADD CONSTRAINT protocol_version_pkey PRIMARY KEY (organisation_id, protocol_id, version);

ALTER TABLE ONLY public.purpose_key
    ADD CONSTRAINT purpose_key_pkey PRIMARY KEY (organisation_id, purpose, version);

ALTER TABLE ONLY public.runtime_setting
    ADD CONSTRAINT runtime_setting_pkey PRIMARY KEY (organisation_id, name, version);

ALTER TABLE ONLY public.schema_kept
    ADD CONSTRAINT schema_kept_pkey PRIMARY KEY (number, direction);

ALTER TABLE ONLY public.schema_revision
    ADD CONSTRAINT schema_revision_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.schema_step
    ADD CONSTRAINT schema_step_pkey PRIMARY KEY (number, direction, step);

ALTER TABLE ONLY public.sealed_file_chunk
    ADD CONSTRAINT sealed_file_chunk_pkey PRIMARY KEY (organisation_id, file_id, begins_at);

ALTER TABLE ONLY public.sealed_file
    ADD CONSTRAINT sealed_file_pkey PRIMARY KEY (organisation_id, id);

ALTER TABLE ONLY public.sealed_file_tally
    ADD CONSTRAINT sealed_file_tally_pkey PRIMARY KEY (organisation_id);

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (organisation_id, token_hash);

ALTER TABLE ONLY public.sign_in_directory
    ADD CONSTRAINT sign_in_directory_pkey PRIMARY KEY (organisation_id, lookup);

ALTER TABLE ONLY public.subject_key
    ADD CONSTRAINT subject_key_pkey PRIMARY KEY (organisation_id, subject_id, version);

CREATE INDEX pgqueuer_ep_ea_idx ON pgqueuer.pgqueuer USING btree (entrypoint, execute_after) WHERE (status = 'queued'::pgqueuer.pgqueuer_status);

CREATE INDEX pgqueuer_ep_prio_id_idx ON pgqueuer.pgqueuer USING btree (entrypoint, priority DESC, id) WHERE (status = 'queued'::pgqueuer.pgqueuer_status);

CREATE INDEX pgqueuer_log_created ON pgqueuer.pgqueuer_log USING btree (created);

CREATE INDEX pgqueuer_log_job_id_status ON pgqueuer.pgqueuer_log USING btree (job_id, created DESC);

CREATE INDEX pgqueuer_log_not_aggregated ON pgqueuer.pgqueuer_log USING btree ((1)) WHERE (NOT aggregated);

CREATE INDEX pgqueuer_log_status ON pgqueuer.pgqueuer_log USING btree (status);

CREATE INDEX pgqueuer_picked_heartbeat_idx ON pgqueuer.pgqueuer USING btree (heartbeat) WHERE (status = 'picked'::pgqueuer.pgqueuer_status);

CREATE UNIQUE INDEX pgqueuer_picked_slot_idx ON pgqueuer.pgqueuer USING btree (entrypoint, slot) WHERE ((status = 'picked'::pgqueuer.pgqueuer_status) AND (slot IS NOT NULL));

CREATE INDEX pgqueuer_priority_id_id1_idx ON pgqueuer.pgqueuer USING btree (priority, id DESC) INCLUDE (id) WHERE (status = 'queued'::pgqueuer.pgqueuer_status);

CREATE INDEX pgqueuer_queue_manager_id_idx ON pgqueuer.pgqueuer USING btree (queue_manager_id) WHERE (queue_manager_id IS NOT NULL);

CREATE UNIQUE INDEX pgqueuer_statistics_unique_count ON pgqueuer.pgqueuer_statistics USING btree (priority, date_trunc('sec'::text, timezone('UTC'::text, created)), status, entrypoint);

CREATE UNIQUE INDEX pgqueuer_unique_dedupe_key ON pgqueuer.pgqueuer USING btree (dedupe_key) WHERE ((status = ANY (ARRAY['queued'::pgqueuer.pgqueuer_status, 'picked'::pgqueuer.pgqueuer_status])) AND (dedupe_key IS NOT NULL));

CREATE INDEX pgqueuer_updated_id_id1_idx ON pgqueuer.pgqueuer USING btree (updated, id DESC) INCLUDE (id) WHERE (status = 'picked'::pgqueuer.pgqueuer_status);

CREATE INDEX account_created_at ON public.account USING btree (organisation_id, created_at, id);

CREATE UNIQUE INDEX account_email ON public.account USING btree (organisation_id, email_index);

CREATE INDEX account_patient ON public.account USING btree (organisation_id, patient_id) WHERE (patient_id IS NOT NULL);

CREATE INDEX account_role ON public.account USING btree (organisation_id, role, created_at, id);

CREATE INDEX account_status ON public.account USING btree (organisation_id, status, created_at, id);

CREATE INDEX adherence_cover_due ON public.adherence_cover USING btree (organisation_id, next_due_at) WHERE (next_due_at IS NOT NULL);

CREATE INDEX adherence_cover_stale ON public.adherence_cover USING btree (organisation_id, assignment_id) WHERE is_stale;

CREATE INDEX adherence_day_day ON public.adherence_day USING btree (organisation_id, day);

CREATE INDEX adherence_day_patient ON public.adherence_day USING btree (organisation_id, patient_id, day);

CREATE INDEX adherence_day_protocol ON public.adherence_day USING btree (organisation_id, protocol_id, day);

CREATE INDEX adherence_month_month ON public.adherence_month USING btree (organisation_id, month);

CREATE INDEX adherence_sum_day ON public.adherence_sum USING btree (organisation_id, day);

CREATE INDEX alert_activity ON public.alert USING btree (organisation_id, activity_key, opened_at, id) WHERE (activity_key IS NOT NULL);

CREATE INDEX alert_assignment ON public.alert USING btree (organisation_id, assignment_id, opened_at, id);

CREATE INDEX alert_ended_at ON public.alert USING btree (organisation_id, ended_at, id);

CREATE UNIQUE INDEX alert_episode ON public.alert USING btree (organisation_id, assignment_id, rule, COALESCE(activity_key, ''::text)) WHERE (ended_at IS NULL);

CREATE INDEX alert_escalated_at ON public.alert USING btree (organisation_id, escalated_at, id);

CREATE INDEX alert_escalation ON public.alert USING btree (organisation_id, escalate_at) WHERE ((status = 'open'::text) AND (escalated_at IS NULL) AND (escalate_at IS NOT NULL));

CREATE INDEX alert_opened_at ON public.alert USING btree (organisation_id, opened_at, id);

CREATE INDEX alert_patient ON public.alert USING btree (organisation_id, patient_id, opened_at, id);

CREATE INDEX alert_rule ON public.alert USING btree (organisation_id, rule, opened_at, id);

CREATE INDEX alert_status ON public.alert USING btree (organisation_id, status, urgency, opened_at, id);

CREATE INDEX alert_status_id ON public.alert USING btree (organisation_id, status, id);

CREATE INDEX alert_urgency ON public.alert USING btree (organisation_id, urgency, opened_at, id);

CREATE INDEX alert_urgency_id ON public.alert USING btree (organisation_id, urgency, id);

CREATE INDEX alert_watch_due ON public.alert_watch USING btree (organisation_id, next_look_at) WHERE (next_look_at IS NOT NULL);

CREATE INDEX alert_watch_stale ON public.alert_watch USING btree (organisation_id, assignment_id) WHERE is_stale;

CREATE INDEX api_token_account ON public.api_token USING btree (organisation_id, account_id);

CREATE INDEX api_token_created_at ON public.api_token USING btree (organisation_id, created_at, id);

CREATE INDEX api_token_expires_at ON public.api_token USING btree (organisation_id, expires_at, id);

CREATE UNIQUE INDEX api_token_hash ON public.api_token USING btree (organisation_id, token_hash);

CREATE INDEX api_token_lookup ON public.api_token USING btree (token_hash);

CREATE INDEX api_token_name ON public.api_token USING btree (organisation_id, name text_pattern_ops, id);

CREATE INDEX api_token_revoked_at ON public.api_token USING btree (organisation_id, revoked_at, id) WHERE (revoked_at IS NOT NULL);

CREATE INDEX assignment_assigned_at ON public.assignment USING btree (organisation_id, assigned_at, id);

CREATE INDEX assignment_ends_on ON public.assignment USING btree (organisation_id, ends_on, id);

CREATE UNIQUE INDEX assignment_operation ON public.assignment USING btree (organisation_id, operation_id, patient_id) WHERE (operation_id IS NOT NULL);

CREATE INDEX assignment_patient ON public.assignment USING btree (organisation_id, patient_id, id);

CREATE INDEX assignment_protocol ON public.assignment USING btree (organisation_id, protocol_id, id);

CREATE INDEX assignment_starts_on ON public.assignment USING btree (organisation_id, starts_on, id);

CREATE INDEX assignment_status ON public.assignment USING btree (organisation_id, status, id);

CREATE INDEX assignment_updated_at ON public.assignment USING btree (organisation_id, updated_at, id);

CREATE INDEX assignment_version ON public.assignment USING btree (organisation_id, version, id);

CREATE INDEX audit_event_action ON ONLY public.audit_event USING btree (organisation_id, action text_pattern_ops, at, id);

CREATE INDEX audit_event_actor ON ONLY public.audit_event USING btree (organisation_id, actor_id, at, id);

CREATE INDEX audit_event_id ON ONLY public.audit_event USING btree (organisation_id, id);

CREATE INDEX audit_event_kind ON ONLY public.audit_event USING btree (organisation_id, object_type, at, id);

CREATE INDEX audit_event_object_id ON ONLY public.audit_event USING btree (organisation_id, object_id, at, id) WHERE (object_id IS NOT NULL);

CREATE INDEX audit_event_outcome ON ONLY public.audit_event USING btree (organisation_id, outcome, at, id) WHERE (outcome <> 'success'::text);

CREATE INDEX audit_event_request ON ONLY public.audit_event USING btree (organisation_id, request_id);

CREATE INDEX audit_event_role ON ONLY public.audit_event USING btree (organisation_id, actor_role, at, id);

CREATE INDEX audit_event_shown ON ONLY public.audit_event USING gin (subject_ids) WHERE (subject_ids <> '{}'::uuid[]);

CREATE INDEX audit_event_subject ON ONLY public.audit_event USING btree (organisation_id, subject_id, at, id);

CREATE INDEX entry_activity ON ONLY public.entry USING btree (organisation_id, activity_key, recorded_at, id) WHERE (activity_key IS NOT NULL);

CREATE INDEX entry_assignment ON ONLY public.entry USING btree (organisation_id, assignment_id, planned_on, id);

CREATE INDEX entry_effective_at ON ONLY public.entry USING btree (organisation_id, effective_at, id);

CREATE INDEX entry_late ON ONLY public.entry USING btree (organisation_id, recorded_at, id) WHERE late;

CREATE INDEX entry_occurrence ON ONLY public.entry USING btree (organisation_id, occurrence_id) WHERE (occurrence_id IS NOT NULL);

CREATE INDEX entry_outcome ON ONLY public.entry USING btree (organisation_id, outcome, recorded_at, id) WHERE (outcome <> 'completed'::text);

CREATE INDEX entry_patient ON ONLY public.entry USING btree (organisation_id, patient_id, effective_at, id);

CREATE INDEX entry_planned_on ON ONLY public.entry USING btree (organisation_id, planned_on, id) WHERE (planned_on IS NOT NULL);

CREATE INDEX entry_recorded_at ON ONLY public.entry USING btree (organisation_id, recorded_at, id);

CREATE INDEX flag_rollout_key ON public.flag_rollout USING btree (organisation_id, key, started_at);

CREATE UNIQUE INDEX flag_rollout_running ON public.flag_rollout USING btree (organisation_id, key) WHERE (status = 'running'::text);

CREATE INDEX idempotency_created_at ON public.idempotency USING btree (organisation_id, created_at);

CREATE INDEX import_key_row ON public.import_key USING btree (organisation_id, row_id);

CREATE INDEX live_change_changed_in ON public.live_change USING btree (changed_in);

CREATE INDEX operation_created_at ON public.operation USING btree (organisation_id, created_at);

CREATE INDEX patient_created_at ON public.patient USING btree (organisation_id, created_at, id);

CREATE INDEX patient_email_bidx ON public.patient USING btree (organisation_id, email_bidx) WHERE (email_bidx IS NOT NULL);

CREATE INDEX patient_identifier_system ON public.patient_identifier USING btree (organisation_id, system);

CREATE INDEX patient_name_birth_bidx ON public.patient USING btree (organisation_id, name_birth_bidx) WHERE (name_birth_bidx IS NOT NULL);

CREATE INDEX patient_phone_bidx ON public.patient USING btree (organisation_id, phone_bidx) WHERE (phone_bidx IS NOT NULL);

CREATE INDEX patient_status ON public.patient USING btree (organisation_id, status, id);

CREATE INDEX patient_time_zone ON public.patient USING btree (organisation_id, time_zone, id);

CREATE INDEX patient_updated_at ON public.patient USING btree (organisation_id, updated_at, id);

CREATE INDEX protocol_category ON public.protocol USING btree (organisation_id, category, id);

CREATE INDEX protocol_created_at ON public.protocol USING btree (organisation_id, created_at, id);

CREATE INDEX protocol_published_at ON public.protocol USING btree (organisation_id, published_at, id);

CREATE INDEX protocol_status ON public.protocol USING btree (organisation_id, status, id);

CREATE INDEX protocol_title ON public.protocol USING btree (organisation_id, title, id);

CREATE INDEX protocol_title_prefix ON public.protocol USING btree (organisation_id, title text_pattern_ops);

CREATE INDEX protocol_updated_at ON public.protocol USING btree (organisation_id, updated_at, id);

CREATE INDEX protocol_version_number ON public.protocol USING btree (organisation_id, latest_version, id);

CREATE INDEX protocol_wording ON public.protocol USING gin (wording);

CREATE INDEX sealed_file_digest ON public.sealed_file USING btree (organisation_id, digest) WHERE (digest IS NOT NULL);

CREATE INDEX sealed_file_expires_at ON public.sealed_file USING btree (organisation_id, expires_at);

CREATE INDEX session_account ON public.session USING btree (organisation_id, account_id, created_at);

CREATE INDEX session_expires_at ON public.session USING btree (organisation_id, expires_at);

CREATE INDEX sign_in_directory_account ON public.sign_in_directory USING btree (organisation_id, account_id);

CREATE INDEX sign_in_directory_lookup ON public.sign_in_directory USING btree (lookup);

CREATE TRIGGER tg_pgqueuer_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON pgqueuer.pgqueuer FOR EACH STATEMENT EXECUTE FUNCTION pgqueuer.fn_pgqueuer_changed();

CREATE TRIGGER added AFTER INSERT ON public.adherence_day REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.hp_adherence_sums('1');

CREATE TRIGGER corrected AFTER UPDATE ON public.adherence_day REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.hp_adherence_sums('1');

CREATE TRIGGER entry_of_protocol AFTER INSERT ON public.entry REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.hp_entry_of_protocol();

CREATE TRIGGER keep_published BEFORE UPDATE ON public.protocol_version FOR EACH ROW EXECUTE FUNCTION public.hp_keep_published();

CREATE TRIGGER never_changed BEFORE DELETE OR UPDATE ON public.audit_event FOR EACH ROW EXECUTE FUNCTION public.hp_refuse_change();

CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.audit_event FOR EACH STATEMENT EXECUTE FUNCTION public.hp_refuse_change();

CREATE TRIGGER outdated AFTER UPDATE ON public.adherence_day REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.hp_adherence_sums('-1');

CREATE TRIGGER taken_away AFTER DELETE ON public.adherence_day REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.hp_adherence_sums('-1');

CREATE TRIGGER tally_added AFTER INSERT ON public.sealed_file REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.hp_tally_files();

CREATE TRIGGER tally_changed AFTER UPDATE ON public.sealed_file REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.hp_tally_files();

CREATE TRIGGER tally_removed AFTER DELETE ON public.sealed_file REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION public.hp_tally_files();

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(organisation_id);

ALTER TABLE ONLY public.adherence_cover
    ADD CONSTRAINT adherence_cover_organisation_id_assignment_id_fkey FOREIGN KEY (organisation_id, assignment_id) REFERENCES public.assignment(organisation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.alert
    ADD CONSTRAINT alert_organisation_id_assignment_id_fkey FOREIGN KEY (organisation_id, assignment_id) REFERENCES public.assignment(organisation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.alert_watch
    ADD CONSTRAINT alert_watch_organisation_id_assignment_id_fkey FOREIGN KEY (organisation_id, assignment_id) REFERENCES public.assignment(organisation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_organisation_id_account_id_fkey FOREIGN KEY (organisation_id, account_id) REFERENCES public.account(organisation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(organisation_id);

ALTER TABLE ONLY public.assignment
    ADD CONSTRAINT assignment_organisation_id_patient_id_fkey FOREIGN KEY (organisation_id, patient_id) REFERENCES public.patient(organisation_id, id);

ALTER TABLE ONLY public.assignment
    ADD CONSTRAINT assignment_organisation_id_protocol_id_version_fkey FOREIGN KEY (organisation_id, protocol_id, version) REFERENCES public.protocol_version(organisation_id, protocol_id, version);

ALTER TABLE ONLY public.flag_rollout_step
    ADD CONSTRAINT flag_rollout_step_organisation_id_rollout_id_fkey FOREIGN KEY (organisation_id, rollout_id) REFERENCES public.flag_rollout(organisation_id, id);

ALTER TABLE ONLY public.organisation_key
    ADD CONSTRAINT organisation_key_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(organisation_id);

ALTER TABLE ONLY public.patient_identifier
    ADD CONSTRAINT patient_identifier_organisation_id_patient_id_fkey FOREIGN KEY (organisation_id, patient_id) REFERENCES public.patient(organisation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.patient
    ADD CONSTRAINT patient_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(organisation_id);

ALTER TABLE ONLY public.protocol
    ADD CONSTRAINT protocol_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(organisation_id);

ALTER TABLE ONLY public.protocol_version
    ADD CONSTRAINT protocol_version_organisation_id_protocol_id_fkey FOREIGN KEY (organisation_id, protocol_id) REFERENCES public.protocol(organisation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.purpose_key
    ADD CONSTRAINT purpose_key_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(organisation_id);

ALTER TABLE ONLY public.sealed_file_chunk
    ADD CONSTRAINT sealed_file_chunk_organisation_id_file_id_fkey FOREIGN KEY (organisation_id, file_id) REFERENCES public.sealed_file(organisation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_organisation_id_account_id_fkey FOREIGN KEY (organisation_id, account_id) REFERENCES public.account(organisation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(organisation_id);

ALTER TABLE ONLY public.sign_in_directory
    ADD CONSTRAINT sign_in_directory_organisation_id_account_id_fkey FOREIGN KEY (organisation_id, account_id) REFERENCES public.account(organisation_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sign_in_directory
    ADD CONSTRAINT sign_in_directory_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(organisation_id);

ALTER TABLE ONLY public.subject_key
    ADD CONSTRAINT subject_key_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisation(organisation_id);

ALTER TABLE public.account ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.adherence_cover ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.adherence_day ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.adherence_month ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.adherence_sum ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.alert ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.alert_watch ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.api_token ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.assignment ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.audit_event ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.cache_epoch ENABLE ROW LEVEL SECURITY;

CREATE POLICY count_off ON public.cache_epoch FOR SELECT TO hp_owner USING (true);

CREATE POLICY count_off ON public.flag_rollout FOR SELECT TO hp_owner USING ((status = 'running'::text));

CREATE POLICY count_off ON public.organisation FOR SELECT TO hp_owner USING (true);

ALTER TABLE public.entry ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.entry_client ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.entry_of_protocol ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flag ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flag_outcome ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flag_rollout ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flag_rollout_step ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flag_use ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flag_version ENABLE ROW LEVEL SECURITY;

CREATE POLICY followed ON public.live_change FOR SELECT TO hp_app USING (true);

ALTER TABLE public.idempotency ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.import_claim ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.import_claimed_plan ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.import_key ENABLE ROW LEVEL SECURITY;

CREATE POLICY installation ON public.flag FOR SELECT TO hp_app USING ((organisation_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY installation ON public.flag_rollout FOR SELECT TO hp_app USING ((organisation_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY installation ON public.flag_rollout_step FOR SELECT TO hp_app USING ((organisation_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY installation ON public.flag_use FOR SELECT TO hp_app USING ((organisation_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY installation ON public.flag_version FOR SELECT TO hp_app USING ((organisation_id = '00000000-0000-0000-0000-000000000000'::uuid));

ALTER TABLE public.installation ENABLE ROW LEVEL SECURITY;

CREATE POLICY installation ON public.installation FOR SELECT TO hp_app USING ((organisation_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY installation ON public.runtime_setting FOR SELECT TO hp_app USING ((organisation_id = '00000000-0000-0000-0000-000000000000'::uuid));

ALTER TABLE public.live_change ENABLE ROW LEVEL SECURITY;

CREATE POLICY lookup ON public.api_token FOR SELECT TO hp_app USING ((token_hash = ( SELECT decode(NULLIF(current_setting('app.lookup'::text, true), ''::text), 'hex'::text) AS decode)));

CREATE POLICY lookup ON public.sign_in_directory FOR SELECT TO hp_app USING ((lookup = ( SELECT decode(NULLIF(current_setting('app.lookup'::text, true), ''::text), 'hex'::text) AS decode)));

CREATE POLICY never_deleted ON public.flag_rollout_step AS RESTRICTIVE FOR DELETE USING (false);

CREATE POLICY never_deleted ON public.flag_version AS RESTRICTIVE FOR DELETE USING (false);

CREATE POLICY only_added ON public.flag_rollout_step AS RESTRICTIVE FOR UPDATE USING (false);

CREATE POLICY only_added ON public.flag_version AS RESTRICTIVE FOR UPDATE USING (false);

ALTER TABLE public.operation ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.organisation ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.organisation_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.patient ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.patient_identifier ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.protocol ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.protocol_version ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.purpose_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.runtime_setting ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.sealed_file ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.sealed_file_chunk ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.sealed_file_tally ENABLE ROW LEVEL SECURITY;

CREATE POLICY search ON public.audit_event FOR SELECT TO hp_owner USING (true);

CREATE POLICY search ON public.protocol FOR SELECT TO hp_owner USING (true);

ALTER TABLE public.session ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.sign_in_directory ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.subject_key ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON public.account USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.adherence_cover USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.adherence_day USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.adherence_month USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.adherence_sum USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.alert USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.alert_watch USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.api_token USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.assignment USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.audit_event USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.cache_epoch USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.entry USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.entry_client USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.entry_of_protocol USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.flag USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.flag_outcome USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.flag_rollout USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.flag_rollout_step USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.flag_use USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.flag_version USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.idempotency USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.import_claim USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.import_claimed_plan USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.import_key USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.installation USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.live_change USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.operation USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.organisation USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.organisation_key USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.patient USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.patient_identifier USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.protocol USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.protocol_version USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.purpose_key USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.runtime_setting USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.sealed_file USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.sealed_file_chunk USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.sealed_file_tally USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.session USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.sign_in_directory USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

CREATE POLICY tenant ON public.subject_key USING ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant))) WITH CHECK ((organisation_id = ( SELECT public.hp_tenant() AS hp_tenant)));

GRANT USAGE ON SCHEMA pgqueuer TO hp_app;

GRANT ALL ON SCHEMA public TO hp_owner;
GRANT USAGE ON SCHEMA public TO hp_app;

REVOKE ALL ON FUNCTION public.ensure_month_partitions(parent regclass, first_month date, months integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ensure_month_partitions(parent regclass, first_month date, months integer) TO hp_app;

REVOKE ALL ON FUNCTION public.hp_add_partition(parent regclass, partition_name text, bounds text) FROM PUBLIC;

GRANT ALL ON FUNCTION public.hp_tenant() TO hp_app;

GRANT SELECT,INSERT ON TABLE public.audit_event TO hp_app;

REVOKE ALL ON FUNCTION public.hp_audit_of_shown(subject uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.hp_audit_of_shown(subject uuid) TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.cache_epoch TO hp_app;

REVOKE ALL ON FUNCTION public.hp_cache_epochs(organisation_ids uuid[], tags text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.hp_cache_epochs(organisation_ids uuid[], tags text[]) TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.organisation TO hp_app;

REVOKE ALL ON FUNCTION public.hp_organisations() FROM PUBLIC;
GRANT ALL ON FUNCTION public.hp_organisations() TO hp_app;

REVOKE ALL ON FUNCTION public.hp_partition_bound(at timestamp with time zone, by_id boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.hp_protect(protected regclass) FROM PUBLIC;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.protocol TO hp_app;

REVOKE ALL ON FUNCTION public.hp_protocols_tagged(wanted text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.hp_protocols_tagged(wanted text) TO hp_app;

REVOKE ALL ON FUNCTION public.hp_protocols_with_words(wanted text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.hp_protocols_with_words(wanted text) TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.flag_rollout TO hp_app;

REVOKE ALL ON FUNCTION public.hp_running_rollouts() FROM PUBLIC;
GRANT ALL ON FUNCTION public.hp_running_rollouts() TO hp_app;

REVOKE ALL ON FUNCTION public.hp_show_installation(layered regclass) FROM PUBLIC;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE pgqueuer.pgqueuer TO hp_app;

GRANT SELECT,USAGE ON SEQUENCE pgqueuer.pgqueuer_id_seq TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE pgqueuer.pgqueuer_log TO hp_app;

GRANT SELECT,USAGE ON SEQUENCE pgqueuer.pgqueuer_log_id_seq TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE pgqueuer.pgqueuer_schedules TO hp_app;

GRANT SELECT,USAGE ON SEQUENCE pgqueuer.pgqueuer_schedules_id_seq TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE pgqueuer.pgqueuer_statistics TO hp_app;

GRANT SELECT,USAGE ON SEQUENCE pgqueuer.pgqueuer_statistics_id_seq TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.account TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.adherence_cover TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.adherence_day TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.adherence_month TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.adherence_sum TO hp_app;

GRANT SELECT ON TABLE public.alembic_version TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.alert TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.alert_watch TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.api_token TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assignment TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.entry TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.entry_client TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.entry_of_protocol TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.flag TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.flag_outcome TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.flag_rollout_step TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.flag_use TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.flag_version TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.import_claim TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.import_claimed_plan TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.import_key TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.installation TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.live_change TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.operation TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.organisation_key TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.patient TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.patient_identifier TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.protocol_version TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.purpose_key TO hp_app;

GRANT SELECT,INSERT ON TABLE public.runtime_setting TO hp_app;

GRANT SELECT ON TABLE public.schema_kept TO hp_app;

GRANT SELECT ON TABLE public.schema_revision TO hp_app;

GRANT SELECT ON TABLE public.schema_step TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sealed_file TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sealed_file_chunk TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sealed_file_tally TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.session TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sign_in_directory TO hp_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.subject_key TO hp_app;
