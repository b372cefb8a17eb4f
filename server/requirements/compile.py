"""Pins everything that runs, builds and tests, with hashes, for every Python and system that is supported."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# dev is held to what base and web say, so base and web come first.
SOURCES = {"base.txt": "../pyproject.toml", "web.txt": "web.in", "dev.txt": "dev.in"}

# No index address goes into the files: an installation may come from a mirror.
OPTIONS = ("--universal", "--python-version", "3.11", "--generate-hashes", "--upgrade")
QUIET = ("--quiet", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header")


def main() -> None:
    """Write the three files."""
    uv = Path(sys.executable).with_name("uv")
    for target, source in SOURCES.items():
        command = [uv, "pip", "compile", *OPTIONS, *QUIET, "--output-file", target, source]
        subprocess.run(command, cwd=HERE, check=True)


if __name__ == "__main__":
    main()
