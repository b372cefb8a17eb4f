"""
Feature flags: declared in code, decided in the database, evaluated in memory.

`model` says what a flag is, `evaluation` compiles what was decided into tables, `runtime` is what a process asks,
`guard` watches a gradual rollout, `provider` is the same for who speaks OpenFeature. Nothing here knows of a database:
a process is given its tables.
"""
