"""
What it costs to read a list request: filter, order, token and statement, without a database.

The first request of a shape is parsed and compiled; later ones of the same shape, with other values, find both. Judged
is the time that passes (the best of some rounds: others only ever add to it); the processor's stands beside it.
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from healthprotocol.care.assignments.service import LISTING
from healthprotocol.foundation.crypto.hkdf import Signer
from healthprotocol.foundation.db.listing import Listing
from healthprotocol.foundation.ids import OrganisationId

HERE = OrganisationId(UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
SIGNER = Signer(b"k" * 32)
SELECT, WHERE = "select a.id from assignment a", "a.organisation_id = $1"
ROUNDS = 200
BEST_OF = 60


def parsed(filter_: str, *, token: str | None = None) -> Listing:
    return LISTING.parse(filter=filter_, page_token=token, signer=SIGNER, organisation_id=HERE)


def microseconds(act: Callable[[int], object]) -> tuple[float, float]:
    """Return how long one act takes by the clock on the wall and by that of the processor, both at best."""
    wall = processor = float("inf")
    for _ in range(BEST_OF):
        began, began_processor = time.perf_counter(), time.process_time()
        for number in range(ROUNDS):
            act(number)
        wall = min(wall, time.perf_counter() - began)
        processor = min(processor, time.process_time() - began_processor)
    return wall / ROUNDS * 1e6, processor / ROUNDS * 1e6


def main() -> int:
    budgets = json.loads((Path(__file__).parent / "budgets.json").read_text())["listing"]
    dates = [f"2026-{1 + n % 12:02}-{1 + n % 28:02}" for n in range(ROUNDS)]
    row = {"assigned_at": datetime(2026, 3, 7, tzinfo=UTC), "id": HERE}
    token = parsed("").page([row] * 51).next_page_token

    def usual(number: int) -> None:
        parsed(f'status = "active" AND starts_on >= {dates[number]}').sql(SELECT, WHERE, 2)

    def ranged(number: int) -> None:
        parsed(f"starts_on >= {dates[number]} AND starts_on < today + 7d").sql(SELECT, WHERE, 2)

    def by_patient(_: int) -> None:
        parsed(f'patient_id = "{HERE}"').sql(SELECT, WHERE, 2)

    def next_page(_: int) -> None:
        parsed("", token=token).sql(SELECT, WHERE, 2)

    def unseen(number: int) -> None:
        LISTING.memory.shapes.clear()
        LISTING.memory.statements.clear()
        usual(number)

    measured = {
        "two_fields_us": microseconds(usual),
        "range_us": microseconds(ranged),
        "by_id_us": microseconds(by_patient),
        "next_page_us": microseconds(next_page),
        "unseen_shape_us": microseconds(unseen),
    }
    broken = False
    for name, (wall, processor) in measured.items():
        broken |= wall > budgets[name]
        print(f"{name:20} {wall:8.1f} µs   processor {processor:8.1f} µs   budget {budgets[name]}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
