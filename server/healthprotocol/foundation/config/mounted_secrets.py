"""
Secrets from a folder: a field of a secret is the file of its name, in the folder of the secret's path.

So a vault's agent, Kubernetes' secret volumes and its Secrets Store CSI driver hand them over; this process then needs
neither the network nor a sign-in.
"""

from pathlib import Path

from healthprotocol.foundation.config.secret_provider import SecretUnavailable, is_readable_by_others

_LARGEST_BYTES = 64 * 1024


class MountedSecrets:
    """Secrets in files below `folder`, as they are when asked for; a file that everybody can read is no secret."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, path: str, field: str) -> str:
        """Return what the file says, without the end of its last line. Raises SecretUnavailable."""
        named = f"{path.strip('/')}/{field}"
        file = (self._folder / named).resolve()
        # Links stay possible, because volumes are swapped by them; what they lead to lies in the folder as well.
        if not file.is_relative_to(self._folder.resolve()):
            raise SecretUnavailable(f"{named} lies outside the folder of secrets", "mend the reference")
        try:
            with file.open("rb") as opened:
                raw = opened.read(_LARGEST_BYTES + 1)
        except OSError as error:
            raise SecretUnavailable(
                f"the folder of secrets has no {named} that can be read ({error.strerror})",
                "have it written there, or mend the reference or HP_VAULT_ADDRESS",
            ) from None
        if is_readable_by_others(file):
            raise SecretUnavailable(f"the secret {named} can be read by everybody", "take that right from its file")
        if len(raw) > _LARGEST_BYTES:
            raise SecretUnavailable(f"the secret {named} has more than 64 KiB", "name the file that holds it alone")
        try:
            return raw.decode().strip("\r\n")
        except UnicodeDecodeError:
            raise SecretUnavailable(f"the secret {named} is not UTF-8 text", "name another one") from None
