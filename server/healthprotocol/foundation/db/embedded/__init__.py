"""The embedded PostgreSQL: the server of a wheel, run from a directory of ours, never as root."""

from healthprotocol.foundation.db.embedded.failure import EmbeddedServerFailed
from healthprotocol.foundation.db.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "EmbeddedServerFailed"]
