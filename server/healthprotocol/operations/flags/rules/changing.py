"""A state after a change."""

import msgspec

from healthprotocol.foundation.errors import Invalid, Violation
from healthprotocol.foundation.flags.model import Stage, State
from healthprotocol.operations.flags.model import Change

MOST_RULES = 50
MOST_NAMES = 1_000
MOST_REQUIREMENTS = 10


def changed(before: State, change: Change) -> State:
    """Return the state with what the change names. Raises Invalid when it is more than anybody can oversee."""
    named = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET}
    after = msgspec.structs.replace(before, **named)
    violations: list[Violation] = []
    if len(after.rules) > MOST_RULES:
        violations.append(Violation("/rules", "too_many", f"At most {MOST_RULES} rules."))
    if len(after.requires) > MOST_REQUIREMENTS:
        violations.append(Violation("/requires", "too_many", f"At most {MOST_REQUIREMENTS} requirements."))
    for number, rule in enumerate(after.rules):
        if len(rule.organisations) + len(rule.roles) + len(rule.accounts) > MOST_NAMES:
            violations.append(Violation(f"/rules/{number}", "too_many", f"At most {MOST_NAMES} names in a rule."))
    if violations:
        raise Invalid(violations=violations)
    return after


def killed(before: State) -> State:
    """Return the state killed; what was decided is kept for a revival. A rollout ends with it."""
    return msgspec.structs.replace(before, is_killed=True, rollout=None)


def revived(before: State) -> State:
    """Return the state as it was before the kill."""
    return msgspec.structs.replace(before, is_killed=False)


def at_stage(before: State, stage: Stage | None) -> State:
    """Return the state with a rollout in another stage, None without one."""
    return msgspec.structs.replace(before, rollout=stage)


def rolled_out(before: State, variant: str) -> State:
    """Return the state that gives everybody what was rolled out."""
    return msgspec.structs.replace(before, rollout=None, default=variant)
