"""What can stand against looking at flags and changing them."""

from healthprotocol.foundation.errors import Conflict, NotFound


class FlagUnknown(NotFound):
    """
    The code that runs declares no flag of this key.

    Remedy: look at the list of flags; a flag that was taken out of the code is gone.
    """

    title = "There is no such flag"


class RequirementCycle(Conflict):
    """
    The flag would, by some steps, require itself, and never be on.

    Remedy: take one of the requirements along `cycle` away.
    """

    title = "A flag cannot require itself"


class RolloutRunning(Conflict):
    """
    A gradual rollout of this flag is running, and sets its percentage.

    Remedy: stop the rollout, or wait for its end.
    """

    title = "A rollout of this flag is running"


class RolloutNotRunning(Conflict):
    """
    No gradual rollout of this flag is running here.

    Remedy: start one; one that is for all organisations is the operator's, with `healthprotocol flags rollout`.
    """

    title = "No rollout of this flag is running"


class NeverRolledOut(NotFound):
    """
    There never was a gradual rollout of this flag.

    Remedy: start one for your organisation; an operator starts one for all with `healthprotocol flags rollout start`.
    """

    title = "This flag never had a rollout"


class TooManyRollouts(Conflict):
    """
    As many gradual rollouts are running as can be watched at once.

    Remedy: wait for the end of one, or stop one; a paused one counts, for 14 days at most. An organisation
    may run five, and all of them together leave some to the operators.
    """

    title = "Too many rollouts are running"


class FlagKilled(Conflict):
    """
    The flag is killed: nothing that is decided about it has an effect until it is revived.

    Remedy: find out why it was killed, then revive it.
    """

    title = "The flag is killed"
