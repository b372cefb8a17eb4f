"""
How long a stranger waits: the first `make run` in a fresh clone, with the demo, and a later one.

It clones the checkout that it lies in, into a folder that is gone afterwards; what is not committed is not measured.
Run with: python3 load/start.py
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST_SECONDS = 900


def main() -> int:
    """Print each figure beside its budget; return 1 when one is broken."""
    budgets = json.loads((ROOT / "load" / "budgets.json").read_text("utf-8"))["start"]
    with tempfile.TemporaryDirectory(prefix="hp-start-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        measured = {"first_seconds": serve_once(clone), "later_seconds": serve_once(clone)}
    for name, seconds in measured.items():
        print(f"{name:16} {seconds:7.1f}  budget {budgets[name]}")
    return int(any(seconds > budgets[name] for name, seconds in measured.items()))


def serve_once(clone: Path) -> float:
    """Run `make run` until it serves, end it, and return the seconds until then."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HP_")}
    began = time.monotonic()
    process = subprocess.Popen(["make", "run"], cwd=clone, env=environment | {"HP_PORT": str(port)}, stdout=sys.stderr)
    try:
        while not serves(port):
            if process.poll() is not None or time.monotonic() - began > LONGEST_SECONDS:
                raise SystemExit("make run did not come to serve")
            time.sleep(0.05)
        return time.monotonic() - began
    finally:
        process.terminate()
        process.wait()


def serves(port: int) -> bool:
    """Return whether the server says that it is ready."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200  # noqa: PLR2004 - HTTP's own number
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
