-- 0027_flags_known_since.down.sql
comment on column flag_use.last_at is 'class=operational; when it was last asked for, to half a minute';
comment on column flag_use.first_at is 'class=operational; since when it is known to be asked for';
comment on column flag_use.asked is 'class=operational; how often, over all processes';
