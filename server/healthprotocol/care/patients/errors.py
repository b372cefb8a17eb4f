"""What can stand against an act on a patient."""

from healthprotocol.foundation.errors import BadRequest, Conflict, NotFound


class PatientNotFound(NotFound):
    """
    There is no such patient that this account may see.

    Remedy: check the id; a patient of another organisation answers the same.
    """

    title = "No such patient"


class PatientIsArchived(Conflict):
    """
    An archived patient takes no changes and no new plans.

    Remedy: set her status to active again first.
    """

    title = "This patient is archived"


class IdentifierTaken(Conflict):
    """
    Another patient of this organisation has one of these identifiers.

    Remedy: find that patient by the identifier; perhaps it is the same person.
    """

    title = "Another patient has this identifier"


class SearchTooBroad(BadRequest):
    """
    Searching by part of a name reads every name of the organisation, which is done for up to 10,000 patients.

    Remedy: search by e-mail, phone, identifier, or surname with birth date (`Elbe 1950-03-02`), which are indexed.
    """

    title = "Too many patients to search by part of a name"
