"""
Migrations: pairs of plain SQL files, NNNN_name.up.sql and NNNN_name.down.sql, run in phases under live traffic.

docs/guides/migrations.md says how to write one, and how an upgrade and a way back go.
"""

from healthprotocol.foundation.db.migrate.failure import MigrationFailed
from healthprotocol.foundation.db.migrate.files import PHASES, Phase, Revision, migrations_folder, releases, revisions
from healthprotocol.foundation.db.migrate.locks import ADVISORY_LOCK, Limits
from healthprotocol.foundation.db.migrate.pace import PaceLimits
from healthprotocol.foundation.db.migrate.planning import Planned, plan
from healthprotocol.foundation.db.migrate.repairing import Damage, Repaired, damage, repair
from healthprotocol.foundation.db.migrate.roles import app_role, app_url
from healthprotocol.foundation.db.migrate.runner import MigrationStatus, Options, down, status, up
from healthprotocol.foundation.db.migrate.saved import Backups

__all__ = [
    "ADVISORY_LOCK",
    "PHASES",
    "Backups",
    "Damage",
    "Limits",
    "MigrationFailed",
    "MigrationStatus",
    "Options",
    "PaceLimits",
    "Phase",
    "Planned",
    "Repaired",
    "Revision",
    "app_role",
    "app_url",
    "damage",
    "down",
    "migrations_folder",
    "plan",
    "releases",
    "repair",
    "revisions",
    "status",
    "up",
]
