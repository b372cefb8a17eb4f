drop table assignment;
