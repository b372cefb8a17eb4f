"""Care protocols from and to files: documents with exact numbers, the report of an import, RADAR and our own format."""
