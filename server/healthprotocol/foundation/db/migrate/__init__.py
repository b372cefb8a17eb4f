"""
Migrations: pairs of plain SQL files, NNNN_name.up.sql and NNNN_name.down.sql, run in phases under live traffic.

docs/guides/migrations.md says how to write one, and how an upgrade and a way back go.
"""

from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.files import PHASES, Phase, Revision, migrations_folder, releases, revisions
from healthprotocol.foundation.db.migrate.locks import ADVISORY_LOCK, Limits
from healthprotocol.foundation.db.migrate.pace import PaceLimits
from healthprotocol.foundation.db.migrate.roles import app_role, app_url
from healthprotocol.foundation.db.migrate.runner import MigrationStatus, Options, down, status, up

__all__ = [
    "ADVISORY_LOCK",
    "PHASES",
    "Limits",
    "MigrationFailed",
    "MigrationStatus",
    "Options",
    "PaceLimits",
    "Phase",
    "Revision",
    "app_role",
    "app_url",
    "down",
    "migrations_folder",
    "releases",
    "revisions",
    "status",
    "up",
]
