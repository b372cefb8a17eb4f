"""What can stand against one request of a batch, beside what would stand against it alone."""

from healthprotocol.foundation.errors import PayloadTooLarge, Problem, Unavailable


class DependencyFailed(Problem):
    """
    The request uses the answer of another request of its batch, and that one failed.

    Remedy: mend the request that `failed_request` names, and send both again.
    """

    status = 424
    title = "A request that this one needs has failed"


class AnswersTooLarge(PayloadTooLarge):
    """
    The answers of a batch are larger than 8 MiB together; this one was left out.

    Remedy: send this request alone or in another batch, or ask for a smaller page.
    """

    title = "The answers of this batch are too large"


class BatchTooLong(Unavailable):
    """
    The time of an atomic batch was over before its last request was done: nothing of it was kept.

    Remedy: send fewer requests in a batch, fewer than stand before the one that `errors` names; or send them with the
    mode `independent`, where what was done by then stays.
    """

    title = "The batch took too long; nothing of it was kept"


class NotBegun(Unavailable):
    """
    The time of the batch was over before it was this request's turn: nothing of it was done.

    Remedy: send it in another batch, of fewer requests; or the whole batch again with the same Idempotency-Key: then
    what was done is not done twice.
    """

    title = "The batch took too long; this request was not begun"


class BrokenOff(Unavailable):
    """
    The time of the batch was over while this request was under way; hardly ever it was done all the same.

    Remedy: look whether it was done, or send it with the same Idempotency-Key again: then it is done once.
    """

    title = "The batch took too long; this request was broken off"
