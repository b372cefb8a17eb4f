-- 0027_flags_known_since.up.sql
-- Phase: expand
-- Why: a flag has its row from the moment that a process tells the database of it, asked for or not: the days after
-- which a flag that nobody asks for is stale count from there. Only what the columns are said to hold changes.
-- Old code adds to rows that are there; safe before a deploy.

comment on column flag_use.asked is 'class=operational; how often, over all processes; 0 is never yet';
comment on column flag_use.first_at is 'class=operational; since when this database knows the flag';
comment on column flag_use.last_at is 'class=operational; when it was last asked for, to half a minute; first_at while it never was';
