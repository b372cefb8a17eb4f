"""Finds the Chromium for the browser tests, and installs Debian's where it may."""

import os
import shutil
from pathlib import Path

from environment import can_ask_root, have
from steps import StepFailed, quiet

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MACOS = (
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
)


def ensure_chromium() -> str:
    """Return the path of a Chromium. Raises StepFailed with the line that says how to get one."""
    if (found := _find()) is not None:
        return found
    if have("apt-get") and can_ask_root():
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        quiet("Looking up Debian's packages", [*sudo, "apt-get", "update"], environment=environment)
        install = [*sudo, "apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
        quiet("Installing Chromium", install, environment=environment)
        if (found := _find()) is not None:
            return found
    raise StepFailed(
        "The browser tests need Chromium: install it (Debian: sudo apt-get install chromium; "
        "macOS: brew install --cask chromium), or say HP_CHROMIUM=/path/to/it"
    )


def _find() -> str | None:
    if (chosen := os.environ.get("HP_CHROMIUM")) is not None:
        if not os.access(chosen, os.X_OK):
            raise StepFailed(f"HP_CHROMIUM={chosen} is no program that can be run")
        return chosen
    on_path = (shutil.which(name) for name in _NAMES)
    in_applications = (str(path) for path in _MACOS if path.exists())
    return next((path for path in (*on_path, *in_applications) if path), None)
