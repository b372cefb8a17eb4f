"""
The roles, made before the first revision.

hp_owner owns everything and cannot sign in; hp_app is what the application is. One sign-in role a database is in it.
"""

import hashlib
import hmac
import os
import re
from base64 import b64encode
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg

from healthprotocol.foundation.db.migrate.failure import MigrationFailed

OWNER = "hp_owner"
_ROLE = re.compile(r"^[a-z_][a-z0-9_]{0,62}$")
# Roles are the cluster's: two databases that migrate at once must not both create them. The number means nothing.
_ROLES_LOCK = 4_242_002
_SCRAM_ITERATIONS = 4096


def app_role(url: str) -> str:
    """Return the sign-in role of the application for the database that `url` names."""
    return "hp_app_" + hashlib.sha256(_database_name(url).encode()).hexdigest()[:8]


def app_url(url: str, *, app_password: str, role: str | None = None) -> str:
    """Return `url` with the application's role and password in place of the administrator's."""
    parts = urlsplit(url)
    host = parts.netloc.rsplit("@", 1)[-1]
    netloc = f"{role or app_role(url)}:{quote(app_password, safe='')}@{host}"
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))


def _database_name(url: str) -> str:
    return unquote(urlsplit(url).path.lstrip("/")) or "postgres"


async def ensure_roles(connection: "asyncpg.Connection[Any]", *, app_role: str, app_password: str) -> None:
    """Make the roles and their grants. `connection` is the administrator's."""
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", _ROLES_LOCK)
        for role in ("hp_owner", "hp_app"):
            await _ensure_role(connection, role, "nologin")
        await _ensure_role(connection, app_role, "login")
        # As a verifier: a server that logs its statements must not learn the password.
        password = _scram_verifier(app_password)
        powers = await connection.fetchval("select rolsuper or rolbypassrls from pg_roles where rolname = $1", app_role)
        # Only a superuser may even say that another is none, and a managed database has no superuser for us.
        powerless = "nosuperuser nobypassrls" if powers else ""
        await connection.execute(f"alter role {app_role} login {powerless} password '{password}'")
        await connection.execute(f"grant hp_app to {app_role}")
        await connection.execute("grant hp_owner to current_user")
        await connection.execute("grant create, usage on schema public to hp_owner")
        await connection.execute("grant usage on schema public to hp_app")
        database = await connection.fetchval("select quote_ident(current_database())")
        await connection.execute(f"grant create, connect on database {database} to hp_owner")


def _scram_verifier(password: str) -> str:
    """Return what PostgreSQL itself would store for a password of ASCII characters. Source: RFC 5802 §3, RFC 7677."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _SCRAM_ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    cells = [b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{cells[0]}${cells[1]}:{cells[2]}"


async def _ensure_role(connection: "asyncpg.Connection[Any]", role: str, login: str) -> None:
    if not _ROLE.match(role):
        message = f"the role name {role!r} is not plain"
        raise MigrationFailed(message)
    if not await connection.fetchval("select exists (select from pg_roles where rolname = $1)", role):
        await connection.execute(f"create role {role} {login} nosuperuser nobypassrls nocreaterole nocreatedb")
