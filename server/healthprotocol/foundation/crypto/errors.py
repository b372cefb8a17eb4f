"""What can go wrong between a stored value and its key."""

from healthprotocol.foundation.errors import NotFound, Problem


class DecryptionFailed(Problem):
    """
    A stored value does not open with the key that its header names: it was altered, or moved from another cell.

    Remedy: none for the caller. Operators restore the row from a backup and look for what wrote to the database.
    """

    title = "A stored value cannot be read"


class KeyUnknown(NotFound):
    """
    There is no data key for this record: it does not exist here, or its key was destroyed to erase it.

    Remedy: check the address; an erased record stays erased.
    """


class RootKeyRefused(Exception):
    """The root key file cannot be used at start: the message is one line that says which file, why and what to do."""
