"""What can stand against an act on an alert."""

from healthprotocol.foundation.errors import Conflict, NotFound


class AlertNotFound(NotFound):
    """
    There is no such alert that this account may see.

    Remedy: check the id; an alert of another organisation answers the same.
    """

    title = "No such alert"


class AlertIsResolved(Conflict):
    """
    A resolved alert is settled: it is neither acknowledged nor resolved again.

    Remedy: read it again; somebody was quicker, or it settled by itself.
    """

    title = "This alert is resolved"
