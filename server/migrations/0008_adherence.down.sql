drop table adherence_cover;
drop table adherence_day;
