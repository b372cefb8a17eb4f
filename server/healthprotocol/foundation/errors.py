"""Error kinds. Each carries its HTTP status, a public title and public fields; the private text goes to the log."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

_REMEDY = re.compile(r"^\s*Remedy: (.+)", re.DOTALL | re.MULTILINE)


class Violation(msgspec.Struct, frozen=True):
    """One fault of an input: `pointer` is an RFC 6901 JSON pointer into it; `detail` never quotes the value."""

    pointer: str
    code: str
    detail: str


class Problem(Exception):
    """
    Something the caller is told of, as RFC 9457 problem+json.

    The class is the error type: its name in kebab case ends the type URI, and its docstring (fact, then remedy) is the
    page behind that URI; the remedy is sent, too. `public` becomes extension members of the body; `private` is logged
    and never sent.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something failed on our side"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str | None = None,
        *,
        violations: Sequence[Violation] = (),
        public: Mapping[str, object] | None = None,
        private: str = "",
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.violations = tuple(violations)
        self.public = dict(public or {})
        self.private = private
        self.retry_after_seconds = retry_after_seconds

    @classmethod
    def named(cls, joint: str = "-") -> str:
        """Return the name of the class as words in lower case: the end of its type URI, or with "_" a code."""
        return re.sub(r"(?<!^)(?=[A-Z])", joint, cls.__name__).lower()

    @classmethod
    def remedy(cls) -> str:
        """Return what to do about it, in sentences: the second part of the docstring; empty when it has none."""
        found = _REMEDY.search(cls.__doc__ or "")
        text = " ".join(found.group(1).split()) if found else ""
        return text[:1].upper() + text[1:]


class BadRequest(Problem):
    """
    The request cannot be read: broken JSON, invalid UTF-8, an unknown filter field or page token.

    Remedy: mend the place that `errors` names.
    """

    status = 400
    title = "The request cannot be read"


class Unauthenticated(Problem):
    """
    No valid session cookie or bearer token came with the request.

    Remedy: sign in again, or send a token that is not revoked or expired.
    """

    status = 401
    title = "Sign in to continue"


class Forbidden(Problem):
    """
    The account's role does not include this act.

    Remedy: ask an admin of your organisation for a role that does.
    """

    status = 403
    title = "Your role does not allow this"


class NotFound(Problem):
    """
    There is nothing here that this account may see.

    Remedy: check the address; what belongs to another organisation answers the same.
    """

    status = 404
    title = "Not found"


class Conflict(Problem):
    """
    The state of the resource does not allow this act.

    Remedy: read it again and decide anew.
    """

    status = 409
    title = "This is not possible in the present state"


class PreconditionFailed(Problem):
    """
    The resource changed since it was read.

    Remedy: read it again, apply the change to what it is now, and send the new ETag in If-Match.
    """

    status = 412
    title = "It was changed by somebody else in the meantime"


class PayloadTooLarge(Problem):
    """
    The body is larger than this route takes.

    Remedy: send less at once; lists can be sent in batches.
    """

    status = 413
    title = "The body is too large"


class Invalid(Problem):
    """
    The input was read but breaks rules; `errors` lists every one with its place.

    Remedy: mend each place; nothing was written.
    """

    status = 422
    title = "Some values need mending"


class PreconditionRequired(Problem):
    """
    An update must say which state it changes.

    Remedy: send the ETag of the last read in If-Match.
    """

    status = 428
    title = "Send If-Match with the ETag you read"


class TooManyRequests(Problem):
    """
    Too many requests in a short time.

    Remedy: wait as long as Retry-After says.
    """

    status = 429
    title = "Too many requests"
    retryable = True


class Unavailable(Problem):
    """
    A part that is needed does not answer at the moment.

    Remedy: try again after Retry-After; nothing was written.
    """

    status = 503
    title = "Not available at the moment"
    retryable = True


class Contended(Unavailable):
    """
    Two changes waited for each other, and this one gave way.

    Remedy: try again after Retry-After; nothing was written.
    """

    title = "Somebody else changes the same at the moment"


class CommitUnanswered(Unavailable):
    """
    The database went away while it was saving, so it is not known whether this was written.

    Remedy: send the same request with the same Idempotency-Key again: it is done once, and answered as the first time.
    """

    title = "It is not known whether this was saved"
