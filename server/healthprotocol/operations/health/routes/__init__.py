"""Health: for everybody on the public port, in detail on the operators'."""

from healthprotocol.operations.health.routes.public import ROUTES

__all__ = ["ROUTES"]
