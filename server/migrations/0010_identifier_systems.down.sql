drop index patient_identifier_system;
