"""What can stand against an entry."""

from healthprotocol.foundation.errors import Conflict, NotFound


class OccurrenceNotFound(NotFound):
    """
    The patient's plan holds no such occurrence, or no longer.

    Remedy: read the patient's occurrences again; after a change of plan, ids of what it dropped are gone.
    """

    title = "No such occurrence"


class OccurrenceNotApplicable(Conflict):
    """
    The occurrence is not due: the plan was paused or stopped then, or the activity was taken out for this patient.

    Remedy: record what happened as unplanned, with `assignment_id` and `activity_key`.
    """

    title = "This occurrence is not due"


class OccurrenceNotOpenYet(Conflict):
    """
    An entry can be made before the window opens only on the day for which the occurrence is planned.

    Remedy: wait for that day, or record what happened as unplanned.
    """

    title = "This occurrence is not open yet"


class OccurrenceClosed(Conflict):
    """
    The occurrence closed longer ago than entries may be late.

    Remedy: record what happened as unplanned, with `assignment_id` and `activity_key`.
    """

    title = "It is too late to record this occurrence"


class EntryNotFound(NotFound):
    """
    There is no such entry that this account may see.

    Remedy: check the id; an entry of another organisation answers the same.
    """

    title = "No such entry"


class EntryAlreadyReplaced(Conflict):
    """
    Another entry has corrected this one already.

    Remedy: correct the newest entry of the occurrence.
    """

    title = "This entry was corrected already"


class NothingToUndo(Conflict):
    """
    The entry is the undo of another one.

    Remedy: to say after all what happened, record it anew, with a new client_id.
    """

    title = "An undo cannot be undone"


class ClientIdTaken(Conflict):
    """
    An entry with this client_id and other content was recorded before.

    Remedy: to correct it, send a new client_id and name the entry in `replaces`.
    """

    title = "This client_id was used for something else"
