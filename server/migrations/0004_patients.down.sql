drop table patient_identifier;
drop table patient;
