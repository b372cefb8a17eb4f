drop function hp_show_installation(regclass);
drop table live_change;
