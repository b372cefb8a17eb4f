-- 0015_adherence_sums.up.sql
-- Phase: expand
-- Why: a dashboard of 10,000 patients added up a million rows. Two tables keep what is asked for: sums of a protocol by
-- day and activity, and running totals of a plan by day, a row a month, so that any range is a difference of two.
-- Triggers keep both from the counts by day, whatever code writes those: old code neither knows nor harms them. What was
-- counted before is added by the next revision.

create table adherence_sum (
  organisation_id uuid not null,
  protocol_id uuid not null,
  day date not null,
  activity_key text not null,
  completed int not null,
  skipped int not null,
  missed int not null,
  on_time int not null,
  primary key (organisation_id, protocol_id, day, activity_key)
);
comment on table adherence_sum is 'class=operational; counts of a local day and an activity over all assignments of a protocol';
comment on column adherence_sum.organisation_id is 'class=operational; tenant';
comment on column adherence_sum.protocol_id is 'class=operational; of which protocol';
comment on column adherence_sum.day is 'class=operational; local date on which they were planned';
comment on column adherence_sum.activity_key is 'class=operational; of which activity';
comment on column adherence_sum.completed is 'class=operational; count';
comment on column adherence_sum.skipped is 'class=operational; count';
comment on column adherence_sum.missed is 'class=operational; count';
comment on column adherence_sum.on_time is 'class=operational; completed and not late';
create index adherence_sum_day on adherence_sum (organisation_id, day);
select hp_protect('adherence_sum');

create table adherence_month (
  organisation_id uuid not null,
  assignment_id uuid not null,
  month date not null,
  patient_id uuid not null,
  protocol_id uuid not null,
  days date[] not null,
  completed int[] not null,
  skipped int[] not null,
  missed int[] not null,
  on_time int[] not null,
  primary key (organisation_id, assignment_id, month)
);
comment on table adherence_month is 'class=operational; running totals of a month of an assignment, over its activities';
comment on column adherence_month.organisation_id is 'class=operational; tenant';
comment on column adherence_month.assignment_id is 'class=operational; of which assignment';
comment on column adherence_month.month is 'class=operational; its first day';
comment on column adherence_month.patient_id is 'class=operational; whose';
comment on column adherence_month.protocol_id is 'class=operational; of which protocol';
comment on column adherence_month.days is 'class=operational; the days with something to count, in order';
comment on column adherence_month.completed is 'class=operational; by day, from the first of the month up to it';
comment on column adherence_month.skipped is 'class=operational; the same';
comment on column adherence_month.missed is 'class=operational; the same';
comment on column adherence_month.on_time is 'class=operational; the same, of completed ones that are not late';
create index adherence_month_month on adherence_month (organisation_id, month);
select hp_protect('adherence_month');

-- Makes the running totals of these assignments anew, for the months between two days, from the counts by day.
create function hp_adherence_months(tenant uuid, assignments uuid[], first_day date, last_day date) returns void
language plpgsql as $$
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

-- Fires once a statement, with the rows that it added (weight 1) or took away (weight -1); all are of one organisation.
create function hp_adherence_sums() returns trigger
language plpgsql as $$
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

-- Makes the sums of a protocol anew; returns how many there are.
create function hp_adherence_refill_sums(tenant uuid, protocol uuid) returns bigint
language plpgsql as $$
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

-- Makes the running totals of an assignment anew.
create function hp_adherence_refill_months(tenant uuid, assignment uuid) returns void
language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('adherence' || tenant, 0));
  perform hp_adherence_months(tenant, array[assignment], min(d.day), max(d.day))
  from adherence_day d
  where d.organisation_id = tenant and d.assignment_id = assignment;
end
$$;

create trigger added after insert on adherence_day
  referencing new table as changed for each statement execute function hp_adherence_sums('1');
create trigger corrected after update on adherence_day
  referencing new table as changed for each statement execute function hp_adherence_sums('1');
create trigger outdated after update on adherence_day
  referencing old table as changed for each statement execute function hp_adherence_sums('-1');
create trigger taken_away after delete on adherence_day
  referencing old table as changed for each statement execute function hp_adherence_sums('-1');
