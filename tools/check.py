"""`make test` and its parts: what CI runs, in the order in which it fails soonest."""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from chromium import ensure_chromium
from environment import (
    PYTHON,
    ROOT,
    SERVER,
    VENV,
    WEB,
    alone,
    ensure_environment,
    ensure_node_modules,
    ensure_web,
    node_environment,
)
from steps import StepFailed, background, end, ending, guarded, shown

_BIN = VENV / "bin"


def lint() -> list[str]:
    """Style, format, types, dependencies and the laws of the architecture; return the names of what failed."""
    code = [SERVER, ROOT / "tools", ROOT / "load"]
    return _failed(
        ("ruff", [_BIN / "ruff", "check", *code], SERVER),
        ("format", [_BIN / "ruff", "format", "--check", *code], SERVER),
        ("types", [_BIN / "basedpyright", "--warnings"], SERVER),
        ("layers", [_BIN / "lint-imports"], SERVER),
        ("dependencies", [_BIN / "deptry", "."], SERVER),
    )


def server(arguments: list[str]) -> list[str]:
    """The tests of the server, with coverage unless `arguments` choose some of them."""
    whole = [
        "-n",
        "2",
        "--dist",
        "loadfile",
        "--cov",
        f"--cov-report=xml:{ROOT / 'build' / 'coverage.xml'}",
        "--cov-fail-under=90",
    ]
    command: list[str | Path] = [PYTHON, "-m", "pytest", *(arguments or whole)]
    return _failed(("server tests", command, SERVER))


def web() -> list[str]:
    """Types, lint, unit tests, lock file and budgets of the web app."""
    return (
        _failed(("web checks", [_BIN / "npm", "run", "-s", "check"], WEB)) if (WEB / "package.json").is_file() else []
    )


def browser() -> list[str]:
    """The main paths in a real Chromium, against a server with the demo data, on a port and in a folder of its own."""
    if not (WEB / "package.json").is_file():
        return []
    chromium = ensure_chromium()
    with _running() as address:
        environment = node_environment() | {"HP_BASE_URL": address, "HP_CHROMIUM": chromium}
        passed = shown("browser tests", [_BIN / "npm", "run", "-s", "e2e"], folder=WEB, environment=environment)
    return [] if passed else ["browser tests"]


@contextmanager
def _running() -> Iterator[str]:
    """Start `healthprotocol up` beside everything else on this machine; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="hp-browser-") as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HP_")}
        environment |= {"HP_PORT": str(port), "HP_DATA_DIR": folder}
        process = background([PYTHON, "-P", "-m", "healthprotocol", "up", "--json"], environment=environment)
        try:
            yield _address(process)
        finally:
            end(process)


def _address(process: "subprocess.Popen[bytes]") -> str:
    line = process.stdout.readline() if process.stdout else b""
    if not line:
        raise StepFailed("The server for the browser tests did not start; what it said is above.")
    return str(json.loads(line)["url"])


def _failed(*checks: tuple[str, list[str | Path], Path]) -> list[str]:
    return [
        name
        for name, command, folder in checks
        if not shown(name, command, folder=folder, environment=node_environment())
    ]


def main() -> None:
    """Prepare the checkout, run what was asked for, all of it even when a part fails, and say what failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["all", "lint", "server", "web", "browser"])
    parser.add_argument("arguments", nargs="*", help="for pytest")
    chosen = parser.parse_args()
    parts: dict[str, Callable[[], list[str]]] = {
        "lint": lint,
        "server": lambda: server(chosen.arguments),
        "web": web,
        "browser": browser,
    }
    with guarded():
        with alone():
            ensure_environment(["base", "web", "dev"])
            if chosen.what != "lint" and (WEB / "package.json").is_file():
                ensure_web()
                ensure_node_modules()
        wanted = parts.values() if chosen.what == "all" else [parts[chosen.what]]
        failed = [name for part in wanted for name in part()]
        if failed:
            print("\n", *map(ending, failed), sep="\n", file=sys.stderr)
            raise StepFailed(f"Failed: {', '.join(failed)}")
    print("\nEverything passed.")


if __name__ == "__main__":
    main()
