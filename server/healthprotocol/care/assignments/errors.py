"""What can stand against an act on an assignment."""

from healthprotocol.foundation.errors import Conflict, NotFound


class AssignmentNotFound(NotFound):
    """
    There is no such assignment that this account may see.

    Remedy: check the id; an assignment of another organisation answers the same.
    """

    title = "No such assignment"


class AlreadyAssigned(Conflict):
    """
    The patient follows, or is about to follow, this care protocol on days that the new assignment would cover.

    Remedy: change or move the open assignment, stop it first, or let the new one start after its last day.
    """

    title = "The patient follows this care protocol already"


class AssignmentClosed(Conflict):
    """
    A completed, stopped or mistaken assignment does not change any more.

    Remedy: assign the protocol anew, or change the patient's open assignment.
    """

    title = "This assignment is closed"


class AssignmentNotStarted(Conflict):
    """
    A proposed assignment must be started before this.

    Remedy: start it first, or mark it as entered in error.
    """

    title = "This assignment has not been started"


class AssignmentAlreadyStarted(Conflict):
    """
    Only a proposed assignment can be started.

    Remedy: read the assignment again; nothing needs doing.
    """

    title = "This assignment has already been started"


class AssignmentAlreadyPaused(Conflict):
    """
    A paused assignment cannot be paused again.

    Remedy: resume it first, or leave it paused.
    """

    title = "This assignment is paused already"


class AssignmentNotPaused(Conflict):
    """
    Only a paused assignment can be resumed.

    Remedy: read the assignment again; nothing needs doing.
    """

    title = "This assignment is not paused"


class PastCannotChange(Conflict):
    """
    A plan changes from the patient's present day on, within the days it runs; what was planned before stays.

    Remedy: choose a day from today to the plan's last day.
    """

    title = "The plan cannot change on that day"


class AlreadyOnVersion(Conflict):
    """
    The assignment follows this version already.

    Remedy: choose another version, or ask for a restart.
    """

    title = "The assignment follows this version already"


class NothingLeftToPlan(Conflict):
    """
    Going on counting, the plan would be past the last day of that version.

    Remedy: move with a restart, or complete the assignment.
    """

    title = "That version would be over already"
