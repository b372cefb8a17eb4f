"""What the person at the terminal is told when a command fails, and the exit code that goes with it."""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from healthprotocol.foundation.config.faults import Fault

FAILED, USED_WRONGLY = 1, 2


class CommandFailed(Exception):
    """The command could not do its work; the message is the one line that says why and what now."""


class FaultsFound(CommandFailed):
    """A check found faults: each is told on a line of its own, what is wrong and what to do; before them `heading`."""

    def __init__(self, faults: "Sequence[Fault]", *, heading: str = "") -> None:
        """Take at least one."""
        super().__init__("\n".join([*filter(None, [heading]), *map(str, faults)]))
        self.faults = faults


class UsedWrongly(Exception):
    """The command was called or configured in a way that cannot work; the message is the line that says how."""


def say_failure(error: Exception, *, as_json: bool, stream: TextIO | None = None) -> int:
    """Write `error`, a line for each fault or one JSON object, to `stream` (stderr when None); return the exit code."""
    target = stream or sys.stderr
    line = _line(error)
    if line is None:
        line = f"failed unexpectedly ({type(error).__name__})"
        # Its text may hold a value from the database, so only a developer on a machine of his own gets to see it.
        if os.environ.get("HP_ENVIRONMENT", "development") == "development":
            traceback.print_exception(error, file=target)
    code = USED_WRONGLY if isinstance(error, UsedWrongly) or _is_of_what_was_given(error) else FAILED
    lines = line.splitlines() or [line]
    if as_json:
        document: dict[str, object] = {"error": "; ".join(lines), "exit_code": code}
        if isinstance(error, FaultsFound):
            document["faults"] = [{"problem": one.problem, "remedy": one.remedy} for one in error.faults]
        elif places := getattr(error, "violations", ()):
            document["faults"] = [{"place": one.pointer, "code": one.code, "problem": one.detail} for one in places]
        target.write(f"{json.dumps(document)}\n")
    else:
        target.writelines(f"healthprotocol: {one}\n" for one in lines)
    target.flush()
    return code


def _is_of_what_was_given(error: Exception) -> bool:
    """Return whether a problem lies in the words of the command: a value, a filter, the name of what is not there."""
    from healthprotocol.foundation.errors import BadRequest, Invalid, NotFound

    return isinstance(error, BadRequest | Invalid | NotFound)


def _line(error: Exception) -> str | None:
    """Return the words of an error that was made for people, a line for each fault; None for any other."""
    # Loaded here: a command that succeeds needs none of them.
    from healthprotocol.foundation.crypto.errors import RootKeyRefused
    from healthprotocol.foundation.db.embedded import EmbeddedServerFailed
    from healthprotocol.foundation.db.migrate import MigrationFailed
    from healthprotocol.foundation.errors import Problem
    from healthprotocol.foundation.processes import DirectoryInUse

    if isinstance(error, Problem):
        places = [f"{violation.pointer}: {violation.detail}" for violation in error.violations]
        # The bare title says what it is; what to do about it is the second half of it.
        remedies = [error.remedy()] if error.detail is None and not places else []
        return "\n".join([str(error), *places, *filter(None, remedies)])
    if isinstance(error, DirectoryInUse):
        return f"{error.path.parent} is in use by process {error.holder.get('pid', 'unknown')}"
    made_for_people = (CommandFailed, UsedWrongly, EmbeddedServerFailed, MigrationFailed, RootKeyRefused)
    if isinstance(error, made_for_people):
        return str(error)
    if isinstance(error, ConnectionError | TimeoutError):
        return f"the database does not answer ({type(error).__name__}); see `healthprotocol doctor`"
    return None
