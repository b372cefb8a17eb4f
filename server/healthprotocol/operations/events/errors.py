"""What can stand against listening."""

from healthprotocol.foundation.errors import TooManyRequests, Unavailable


class TooManyStreams(Unavailable):
    """
    The process that was asked serves as many event streams as it may.

    Remedy: come again after the seconds of Retry-After; read lists meanwhile.
    """

    title = "Too many listen"


class TooManyOwnStreams(TooManyRequests):
    """
    The account has as many event streams open as one may.

    Remedy: close the pages or programs that listen and are not needed.
    """

    title = "Too many streams of this account"
