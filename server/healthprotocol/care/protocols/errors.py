"""What can stand against an act on a care protocol."""

from healthprotocol.foundation.errors import Conflict, Invalid, NotFound


class ProtocolNotFound(NotFound):
    """
    There is no such care protocol in this organisation.

    Remedy: check the id; one of another organisation answers the same.
    """

    title = "No such care protocol"


class VersionNotFound(NotFound):
    """
    The care protocol has no such version that this account may see.

    Remedy: read the list of versions.
    """

    title = "No such version of this care protocol"


class ProtocolIsRetired(Conflict):
    """
    A retired care protocol is not changed, published or assigned any more.

    Remedy: duplicate it and go on with the copy.
    """

    title = "This care protocol is retired"


class NothingToPublish(Conflict):
    """
    The newest version is published already.

    Remedy: change the protocol first; that begins the next draft.
    """

    title = "There is no draft to publish"


class NotPublished(Conflict):
    """
    Only a published version can be assigned.

    Remedy: publish the draft first.
    """

    title = "This version is not published"


class NotReadyToPublish(Invalid):
    """
    A version must have something to do before patients can follow it.

    Remedy: add a phase with at least one activity.
    """

    title = "The draft is not ready to be published"


class CannotExport(Invalid):
    """
    The format cannot say everything that the version holds; `errors` names each place.

    Remedy: export as FHIR or in the project's own format, which can.
    """

    title = "This format cannot hold all of this protocol"


class NothingImported(Invalid):
    """
    No file holds a care protocol that could be brought in whole; `errors` says why, place by place.

    Remedy: mend those places, or ask with `dry_run` for the whole report first.
    """

    title = "Nothing could be imported"
