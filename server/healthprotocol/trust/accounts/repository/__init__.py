"""The SQL of accounts, sessions, tokens and organisations. Opened by this slice's service only."""
