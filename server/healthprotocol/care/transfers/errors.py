"""What can stand against a file."""

from healthprotocol.foundation.errors import BadRequest, Conflict, Invalid, NotFound, PayloadTooLarge


class FileUnreadable(Invalid):
    """
    The file cannot be read as CSV or NDJSON of this kind.

    Remedy: `errors` says what is wrong; the guide on import and export lists the columns.
    """

    title = "The file cannot be read"


class NotReady(Conflict):
    """
    The work that writes this file is under way.

    Remedy: read the operation until it is over, and then ask again; `done` of `total` is how far it is.
    """

    title = "The file is not ready"


class EndedEarly(Conflict):
    """
    The work that was to write this file failed or was cancelled: there is no whole file.

    Remedy: the operation says why; begin it again.
    """

    title = "The file was not finished"


class NoReport(NotFound):
    """
    There is no such import of yours, or its report was deleted with its time.

    Remedy: send the file again; with `dry_run` nothing is written.
    """

    title = "No report"


class NoExport(NotFound):
    """
    There is no such export of yours, or its file was deleted with its time.

    Remedy: check the id, or begin another.
    """

    title = "No export"


class FilesFull(PayloadTooLarge):
    """
    The files that are kept of the organisation fill its space: those it sent, reports of faults, and exports.

    Remedy: wait until files have had their time, or ask the operator to raise `upload_quota_bytes`.
    """

    title = "There is no space for more files"


class OffsetMismatch(Conflict):
    """
    A part of a file does not begin where the file ends so far: `offset_bytes` says where that is.

    Remedy: read the upload and go on from its `received_bytes`.
    """

    title = "This part does not begin where the file ends"


class MoreThanAnnounced(PayloadTooLarge):
    """
    More bytes came than were announced when the upload was begun. What fits was kept.

    Remedy: begin another upload with the size that the file has now.
    """

    title = "The file is larger than was announced"


class PackedInParts(Invalid):
    """
    A packed file cannot be sent in parts: only its whole can be unpacked.

    Remedy: send it unpacked, or whole with `POST /api/v1/uploads`.
    """

    title = "A packed file cannot be sent in parts"


class UploadCutOff(BadRequest):
    """
    The file ended before it was whole: fewer bytes came than were announced, or another SHA-256.

    Remedy: send it again.
    """

    title = "The file was cut off"
