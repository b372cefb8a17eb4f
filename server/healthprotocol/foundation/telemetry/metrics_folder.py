"""The folder through which processes add up their metrics. A module of its own: it must come before the client."""

import os
from pathlib import Path

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def prepare(folder: Path) -> None:
    """
    Make the folder, empty it and name it to this process and its children.

    Call it before anything imports `metrics`: the client decides at its import where numbers go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Files of a former run would count their requests again.
    for left_over in folder.glob("*.db"):
        left_over.unlink(missing_ok=True)
    os.environ[FOLDER_VARIABLE] = str(folder)
