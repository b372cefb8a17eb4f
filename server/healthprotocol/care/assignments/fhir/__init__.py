"""Assignments and the persons they are for, as other systems write them in FHIR R4."""
