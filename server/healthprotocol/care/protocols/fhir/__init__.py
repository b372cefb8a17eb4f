"""Care protocols as FHIR R4, and the door to import and export in every format (`exchange`)."""
