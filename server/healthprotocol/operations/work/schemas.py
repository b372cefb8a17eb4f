"""The shape of long work over HTTP: every route that begins some answers with it, so it lies with the other grammar."""

from healthprotocol.api.operation import OperationOut, operation

__all__ = ["OperationOut", "operation"]
