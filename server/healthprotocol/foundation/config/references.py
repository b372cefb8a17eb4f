"""
What references to secrets stand for: `vault:path#field`, from the provider that HP_VAULT_ADDRESS names.

`https://` and `http://` are a vault's address; `file:///folder` is a folder that an agent fills.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from healthprotocol.foundation.config.faults import Fault
from healthprotocol.foundation.config.mounted_secrets import MountedSecrets
from healthprotocol.foundation.config.secret_provider import SecretProvider, SecretUnavailable
from healthprotocol.foundation.config.vault import TIMEOUT_SECONDS, Vault

_REFERENCE = re.compile(r"vault:(?P<path>[\w./-]{1,500})#(?P<field>[\w.-]{1,100})")


def resolve(references: Mapping[str, str], settings: Mapping[str, Any]) -> tuple[dict[str, str], list[Fault]]:
    """Return what the references (by the variable that holds each) stand for, and a fault for each that is not had."""
    provider = _provider(settings)
    if isinstance(provider, Fault):
        return {}, [provider]
    found: dict[str, str] = {}
    faults: list[Fault] = []
    for name, reference in references.items():
        match = _REFERENCE.fullmatch(reference)
        if match is None:
            faults.append(Fault(f"{name} begins with vault: and is no reference", "write vault:path#field"))
            continue
        try:
            found[name] = provider.fetch(match["path"], match["field"])
        except SecretUnavailable as error:
            faults.append(Fault(f"{name}: {error}", error.remedy))
    return found, faults


def _provider(settings: Mapping[str, Any]) -> SecretProvider | Fault:
    address = settings.get("vault_address")
    if not address:
        return Fault("a setting refers to the vault", "set HP_VAULT_ADDRESS")
    parts = urlsplit(str(address))
    if parts.scheme == "file":
        return MountedSecrets(Path(unquote(parts.path)))
    role_id, secret_id = settings.get("vault_role_id"), settings.get("vault_secret_id")
    try:
        timeout_seconds = float(settings.get("vault_timeout_seconds", TIMEOUT_SECONDS))
    except ValueError:
        timeout_seconds = TIMEOUT_SECONDS
    return Vault(
        str(address),
        sign_in=settings.get("vault_token") or ((str(role_id), str(secret_id)) if role_id and secret_id else None),
        mount=str(settings.get("vault_mount", "secret")),
        namespace=settings.get("vault_namespace"),
        timeout_seconds=timeout_seconds,
    )
