"""What can stand against a report."""

from healthprotocol.foundation.errors import Unavailable


class TooManyReports(Unavailable):
    """
    Several documents are being set already, which takes a processor for a moment each.

    Remedy: come again after the seconds of Retry-After.
    """

    title = "Documents are being made already"
