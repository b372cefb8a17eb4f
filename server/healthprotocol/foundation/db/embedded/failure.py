"""What a launcher of PostgreSQL can fail with."""


class EmbeddedServerFailed(Exception):
    """
    The embedded PostgreSQL cannot be had; the message is one line for the person who started it.

    It says what is wrong and what to do, and never quotes a statement or a row.
    """
