"""
What each process of an installation says of itself, in small files beside the metrics, for the operators' door.

Numbers add up in metrics; who holds a connection, and from which line, does not. Nothing here may name a person.
"""

import os
from pathlib import Path

from healthprotocol.foundation.telemetry.metrics_folder import FOLDER_VARIABLE

MOST_READ = 256


def say(topic: str, body: bytes) -> None:
    """Put `body` in the place of what this process said of the topic before; without a folder do nothing."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return
    path = Path(folder) / f"{topic}-{os.getpid()}.json"
    growing = path.with_suffix(".new")
    try:
        growing.write_bytes(body)
        growing.rename(path)
    except OSError:
        # A full disk takes the operators' page, and must not take more.
        return


def said(topic: str) -> dict[int, bytes]:
    """Return what living processes said of a topic, by their ids."""
    folder = os.environ.get(FOLDER_VARIABLE)
    found: dict[int, bytes] = {}
    for path in sorted(Path(folder).glob(f"{topic}-*.json"))[:MOST_READ] if folder else ():
        pid = int(path.stem.rpartition("-")[2])
        if not _is_alive(pid):
            path.unlink(missing_ok=True)
            continue
        try:
            found[pid] = path.read_bytes()
        except FileNotFoundError:
            continue
    return found


def forget_ended() -> None:
    """Take the gauges of processes that ended out of the sums; what they counted stays."""
    folder = os.environ.get(FOLDER_VARIABLE)
    for path in Path(folder).glob("gauge_live*_*.db") if folder else ():
        if not _is_alive(int(path.stem.rpartition("_")[2])):
            path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
