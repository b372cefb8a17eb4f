"""What a migration fails with."""


class MigrationFailed(Exception):
    """
    A revision could not be applied or undone; of a revision in one transaction nothing stands.

    The message names the revision, PostgreSQL's error class and the line; never PostgreSQL's text, which quotes rows.
    """
