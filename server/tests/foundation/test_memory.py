"""Looks for cycles leave out what a process has built by its start."""

import subprocess
import sys

_PROGRAM = """
import gc
from healthprotocol.foundation.memory import collect_rarely

kept = [[] for _ in range(20_000)]
collect_rarely(young=5_000)
print(gc.get_freeze_count() > 20_000, gc.get_threshold()[0], len(gc.get_objects()) < 1_000)
"""


def test_what_stands_is_looked_at_no_more() -> None:
    outcome = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)

    assert outcome.stdout.split() == ["True", "5000", "True"]
