"""What an export could not say: the differences between what was wanted and what reads back, each with its pointer."""

from healthprotocol.care.protocols.rules.exchange.documents import Json, escape_pointer
from healthprotocol.care.protocols.rules.exchange.overlay import same
from healthprotocol.foundation.errors import Violation

MAX_VIOLATIONS = 100


def unsaid(wanted: Json, read_back: Json, *, format_name: str) -> list[Violation]:
    """Return a violation for each smallest part of `wanted` that reads back as something else, at most 100."""
    violations: list[Violation] = []
    waiting: list[tuple[str, Json, Json]] = [("", wanted, read_back)]
    while waiting and len(violations) < MAX_VIOLATIONS:
        pointer, want, got = waiting.pop()
        if same(want, got):
            continue
        if isinstance(want, dict) and isinstance(got, dict):
            names = sorted(want.keys() | got.keys(), reverse=True)
            waiting.extend((f"{pointer}/{escape_pointer(name)}", want.get(name), got.get(name)) for name in names)
        elif isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
            waiting.extend((f"{pointer}/{index}", want[index], got[index]) for index in reversed(range(len(want))))
        else:
            violations.append(Violation(pointer, "not_expressible", f"This cannot be said in {format_name}."))
    return violations
