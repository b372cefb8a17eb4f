"""What can stand against a file."""

from healthprotocol.foundation.errors import BadRequest, Forbidden, Invalid, NotFound, PayloadTooLarge


class FileUnreadable(Invalid):
    """
    The file cannot be read as CSV or NDJSON of this kind.

    Remedy: `errors` says what is wrong; the guide on import and export lists the columns.
    """

    title = "The file cannot be read"


class AskerGone(Forbidden):
    """
    The account that asked for this was disabled, or has another role by now. What was committed stays.

    Remedy: let somebody who may begin it again.
    """

    title = "Whoever asked for this may not do it any more"


class NoReport(NotFound):
    """
    There is no such import of yours, or its report was deleted with its time.

    Remedy: send the file again; with `dry_run` nothing is written.
    """

    title = "No report"


class NoExport(NotFound):
    """
    There is no such finished export of yours, or its file was deleted with its time.

    Remedy: read the operation until it has succeeded, or begin another.
    """

    title = "No export"


class UploadsFull(PayloadTooLarge):
    """
    The files that the organisation has sent and that are still kept fill its space.

    Remedy: wait until files have had their time, or ask the operator to raise `upload_quota_bytes`.
    """

    title = "There is no space for more files"


class UploadCutOff(BadRequest):
    """
    The file ended before it was whole: fewer bytes came than were announced, or another SHA-256.

    Remedy: send it again.
    """

    title = "The file was cut off"
