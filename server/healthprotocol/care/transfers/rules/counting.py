"""What became of the lines of a file, added up batch by batch."""

from collections.abc import Sequence

import msgspec

from healthprotocol.care.transfers.model import Counts, FirstFault, Line, Outcome

MOST_SHOWN = 20
"""How many faults a result shows; the report has them all."""

MOST_REPORTED = 100_000
"""How many faulty lines a report holds; further ones are only counted."""


def added_up(before: Counts, lines: Sequence[Line], outcomes: Sequence[Outcome]) -> Counts:
    """Return the counts with one batch more."""
    became = [outcome.became for outcome in outcomes]
    failed = became.count("failed")
    shown = list(before.faults)
    for line, outcome in zip(lines, outcomes, strict=True):
        if len(shown) >= MOST_SHOWN:
            break
        shown += [FirstFault(line.number, one.pointer, one.code, one.detail) for one in outcome.faults]
    return msgspec.structs.replace(
        before,
        lines=before.lines + len(lines),
        created=before.created + became.count("created"),
        updated=before.updated + became.count("updated"),
        skipped=before.skipped + became.count("skipped"),
        failed=before.failed + failed,
        reported=min(before.reported + failed, MOST_REPORTED),
        faults=tuple(shown[:MOST_SHOWN]),
    )
