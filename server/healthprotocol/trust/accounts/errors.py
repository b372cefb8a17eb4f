"""What can go wrong with accounts, as the caller is told."""

from healthprotocol.foundation.errors import Conflict, Forbidden, NotFound, TooManyRequests, Unauthenticated


class WrongCredentials(Unauthenticated):
    """
    E-mail address and password do not belong together, or the account may not sign in.

    Remedy: check both. An admin of your organisation can set a new password or enable the account.
    """

    title = "E-mail address or password is wrong"


class TooManyAttempts(TooManyRequests):
    """
    Signing in failed too often.

    Remedy: wait as long as Retry-After says, then try again.
    """

    title = "Too many failed attempts to sign in"


class SignInBusy(TooManyRequests):
    """
    More people sign in at this moment than the server can check.

    Remedy: try again after Retry-After.
    """

    title = "Many people are signing in at the moment"


class AccountNotFound(NotFound):
    """
    There is no such account in your organisation.

    Remedy: check the address.
    """


class TokenNotFound(NotFound):
    """
    There is no such bearer token in your organisation.

    Remedy: check the address.
    """


class EmailTaken(Conflict):
    """
    Another account of this organisation has this e-mail address.

    Remedy: change that account, or use another address.
    """

    title = "This e-mail address has an account already"


class LastAdmin(Conflict):
    """
    The organisation has no other active admin, and without one nobody could make another.

    Remedy: make another account an admin first.
    """

    title = "An organisation needs an active admin"


class AskerGone(Forbidden):
    """
    The account that asked for this was disabled, or has another role by now. What was committed stays.

    Remedy: let somebody who may begin it again.
    """

    title = "Whoever asked for this may not do it any more"


class TokenGone(Forbidden):
    """
    The token that asked for this was revoked, has expired, or has lost a scope. What was committed stays.

    Remedy: begin it again with a token that is good for all of it; what came in already is skipped.
    """

    title = "The token that asked for this may not do it any more"
