"""The product with its demo data, as `healthprotocol up` starts it, for as long as a block lasts."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# With the demo data, which is most of it.
LONGEST_START_SECONDS = 180
_LONGEST_STOP_SECONDS = 60


@contextmanager
def product(data_dir: Path, *, port: int) -> Iterator[None]:
    """Serve on `port` from a data directory of its own. Raises SystemExit when it does not come to serve in time."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HP_")}
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "healthprotocol", "up", "--json"],
        env=clean | {"HP_DATA_DIR": str(data_dir), "HP_PORT": str(port), "HP_OPERATIONS_PORT": "0"},
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    too_late = threading.Timer(LONGEST_START_SECONDS, child.kill)
    too_late.start()
    try:
        # It says so in one line when it serves, and nothing when it does not come to that.
        if not child.stdout.readline():
            raise SystemExit("the product did not come to serve")
        too_late.cancel()
        yield
    finally:
        too_late.cancel()
        child.terminate()
        child.wait(_LONGEST_STOP_SECONDS)
