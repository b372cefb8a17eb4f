"""What every place where secrets lie offers, how it says that one cannot be had, and who else may read a file."""

import stat
from pathlib import Path
from typing import Protocol


class SecretUnavailable(Exception):
    """A secret could not be had; the message says why, never with a secret in it, and `remedy` what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class SecretProvider(Protocol):
    """Where secrets lie: `vault.Vault`, `mounted_secrets.MountedSecrets`, and whatever else implements this."""

    def fetch(self, path: str, field: str) -> str:
        """Return a secret. Raises SecretUnavailable."""
        ...


def is_readable_by_others(path: Path) -> bool:
    """Return whether users beside the owner and her group can read or change a file."""
    try:
        return bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:
        return False
