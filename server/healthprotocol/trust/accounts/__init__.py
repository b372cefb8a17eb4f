"""Who signs in: organisations, people and programs, their passwords, sessions and bearer tokens."""
