"""What every place where secrets lie offers, and how it says that one cannot be had."""

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
