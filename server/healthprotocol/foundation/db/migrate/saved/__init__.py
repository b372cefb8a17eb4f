"""Rows saved before they are removed, in sealed files, and put back from there."""

from healthprotocol.foundation.db.migrate.saved.contents import EMPTY, contents
from healthprotocol.foundation.db.migrate.saved.folder import Backups, SavedFolder, SavedTable
from healthprotocol.foundation.db.migrate.saved.restore import restore
from healthprotocol.foundation.db.migrate.saved.save import save, save_again

__all__ = ["EMPTY", "Backups", "SavedFolder", "SavedTable", "contents", "restore", "save", "save_again"]
