"""Prepares the checkout for the smaller targets of the Makefile, then runs the rest of its arguments in it, if any."""

import os
import sys
from pathlib import Path

from environment import SERVER, VENV, alone, ensure_environment, ensure_web
from steps import guarded, restore_signals


def main() -> None:
    """Take `web` (build the web app, too) or `tools` (the environment alone), then a program and its arguments."""
    what, *command = sys.argv[1:]
    with guarded():
        with alone():
            ensure_environment(["base", "web", "dev"])
            if what == "web":
                ensure_web()
        if command:
            restore_signals()
            os.chdir(SERVER)
            program = Path(VENV, "bin", command[0])
            os.execv(program, [str(program), *command[1:]])  # noqa: S606 - it is to replace us


if __name__ == "__main__":
    main()
