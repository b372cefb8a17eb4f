"""
Secrets from HashiCorp Vault or OpenBao: a field of a KV version 2 secret.

It signs in with a token or as an AppRole. Nothing that fails is ever replaced by something else: whoever asked is told
what could not be had, and what to do. Source: Vault HTTP API, /v1/{mount}/data/{path}, /v1/auth/approle/login.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from healthprotocol.foundation.config.secret_provider import SecretUnavailable

TRIES = 3
_PAUSE_SECONDS = 0.2
TIMEOUT_SECONDS = 2.0
_BUSY = {412, 429, 472, 473, 500, 502, 503, 504}


class Vault:
    """
    A KV version 2 engine over HTTP, `mount` being where it is mounted.

    `sign_in` is a token, or the role id and secret id of an AppRole. Each request has `timeout_seconds`, and what is
    busy or does not answer is asked three times in all. Each path is asked for once.
    """

    def __init__(
        self,
        address: str,
        *,
        sign_in: str | tuple[str, str] | None = None,
        mount: str = "secret",
        namespace: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = address.rstrip("/")
        self._token = sign_in if isinstance(sign_in, str) else None
        self._approle = sign_in if isinstance(sign_in, tuple) else None
        self._mount = mount.strip("/")
        self._namespace = namespace
        self._timeout_seconds = timeout_seconds
        self._sleep = sleep
        self._known: dict[str, Mapping[str, Any]] = {}
        self._refusal: SecretUnavailable | None = None

    def fetch(self, path: str, field: str) -> str:
        """Return a field of the newest version of a secret. Raises SecretUnavailable."""
        if path not in self._known:
            if self._refusal is not None:
                raise self._refusal
            body = self._ask("GET", f"{self._mount}/data/{path.strip('/')}", missing=path)
            self._known[path] = (body.get("data") or {}).get("data") or {}
        value = self._known[path].get(field)
        if not isinstance(value, str):
            raise SecretUnavailable(
                f"the secret {path} has no text in {field}", "write it there, or name another field"
            )
        return value

    def _ask(self, method: str, path: str, *, missing: str, json: Any = None) -> dict[str, Any]:
        import httpx2  # noqa: PLC0415 - only who has a vault pays for the client

        is_login = json is not None
        headers = {} if is_login else {"x-vault-token": self._signed_in()}
        if self._namespace:
            headers["x-vault-namespace"] = self._namespace
        why = ""
        for attempt in range(TRIES):
            if attempt:
                self._sleep(_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                answer = httpx2.request(
                    method,
                    f"{self._address}/v1/{path}",
                    headers=headers,
                    json=json,
                    timeout=self._timeout_seconds,
                    follow_redirects=False,
                )
            except httpx2.HTTPError as error:
                why = type(error).__name__
                continue
            if answer.status_code not in _BUSY:
                return self._understood(answer, missing=missing, is_login=is_login)
            why = f"status {answer.status_code}"
        # The next secret would wait as long for nothing.
        self._refusal = SecretUnavailable(
            f"the vault does not answer ({why})", "start or unseal it, or mend HP_VAULT_ADDRESS; nothing starts without"
        )
        raise self._refusal

    def _understood(self, answer: Any, *, missing: str, is_login: bool) -> dict[str, Any]:
        if answer.status_code == 404:  # noqa: PLR2004 - HTTP's own number
            raise SecretUnavailable(f"the vault has no secret {missing}", "write it there, or mend the reference")
        if answer.status_code in {400, 401, 403}:
            what = "the sign-in" if is_login else f"to read {missing}"
            raise SecretUnavailable(
                f"the vault refuses {what} (status {answer.status_code})",
                "mend HP_VAULT_TOKEN, or HP_VAULT_ROLE_ID and HP_VAULT_SECRET_ID, or the policy of their role",
            )
        if not answer.is_success:
            raise SecretUnavailable(
                f"the vault answers with status {answer.status_code}", "mend HP_VAULT_ADDRESS and HP_VAULT_MOUNT"
            )
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise SecretUnavailable("what answers is no vault", "mend HP_VAULT_ADDRESS")
        return body

    def _signed_in(self) -> str:
        if self._token is None:
            if self._approle is None:
                raise SecretUnavailable(
                    "nobody to sign in to the vault as",
                    "set HP_VAULT_TOKEN, or HP_VAULT_ROLE_ID and HP_VAULT_SECRET_ID",
                )
            role_id, secret_id = self._approle
            body = self._ask(
                "POST", "auth/approle/login", missing="auth/approle", json={"role_id": role_id, "secret_id": secret_id}
            )
            token = (body.get("auth") or {}).get("client_token")
            if not isinstance(token, str):
                raise SecretUnavailable("the vault gave no token for the role", "mend HP_VAULT_ROLE_ID")
            self._token = token
        return self._token
