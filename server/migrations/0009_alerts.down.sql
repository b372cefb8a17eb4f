drop table alert_watch;
drop table alert;
