"""Documents to print: `protocols` says which, `typesetting` makes them."""

from healthprotocol.care.reports.service.protocols import print_protocol

__all__ = ["print_protocol"]
