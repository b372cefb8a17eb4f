"""
What a checkout needs before it runs, made from nothing but Python: the virtual environment and the built web app.

Each part carries a stamp of what it was made from, so that a later run only compares. A `.venv` or `node_modules` that
is a link is somebody else's, and maybe shared with other checkouts: it is used as it is, and nothing is written there.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from steps import ROOT, StepFailed, quiet

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
SERVER = ROOT / "server"
WEB = ROOT / "web"
BUILT_WEB = SERVER / "healthprotocol" / "web"

_REQUIREMENTS = SERVER / "requirements"
_STAMPS = ROOT / "build" / "stamps" if VENV.is_symlink() else VENV / ".stamps"

# What the build of the web app does not read.
_NOT_BUILT_FROM = frozenset({"node_modules", "screenshots", "e2e", "README.md"})


@contextmanager
def alone() -> Iterator[None]:
    """Let one `make` at a time prepare this checkout; another waits for it and then finds everything done."""
    with Path(__file__).open("rb") as here:
        try:
            fcntl.flock(here, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  another make is preparing this checkout; waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(here, fcntl.LOCK_EX)
        yield


def ensure_environment(names: Sequence[str]) -> None:
    """
    Have the virtual environment with the requirements files `names` installed, and this checkout's package in it.

    One that is a link is taken for complete; what is started from here then finds this checkout by PYTHONPATH.
    """
    if VENV.is_symlink():
        if not PYTHON.exists():
            raise StepFailed(f"{VENV} is a link to where no Python is. Remove the link: make then makes its own.")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(SERVER), os.environ.get("PYTHONPATH")]))
        return
    _ensure_venv()
    for name in names:
        _ensure_requirements(name)
    _ensure_package()


def ensure_web() -> None:
    """Have the web app built from the sources as they are. Needs the requirements `web`."""
    if not (WEB / "package.json").is_file():
        return
    stamp, pack = _STAMPS / "web-app", BUILT_WEB / "pack.json"
    inputs = _digest(_files(WEB))
    # With what came of it: a build by hand from other sources is not taken for this one.
    if pack.is_file() and _read(stamp) == f"{inputs} {_digest([pack])}":
        return
    ensure_node_modules()
    quiet("Building the web app", [VENV / "bin" / "npm", "run", "build"], folder=WEB, environment=node_environment())
    _write(stamp, f"{inputs} {_digest([pack])}")


def ensure_node_modules() -> None:
    """Have what the lock file of the web app pins."""
    if (WEB / "node_modules").is_symlink():
        return
    stamp = WEB / "node_modules" / ".stamp"
    lock = _digest([WEB / "package.json", WEB / "package-lock.json"])
    if _read(stamp) != lock:
        npm = [VENV / "bin" / "npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"]
        quiet("Installing what builds the web app", npm, folder=WEB, environment=node_environment())
        stamp.write_text(lock)


def node_environment() -> dict[str, str]:
    """Return the environment in which `node` and `npm` are those of the wheel."""
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    # Node brings its own list of authorities; a company's proxy is in the system's.
    return {"NODE_USE_SYSTEM_CA": "1"} | os.environ | {"PATH": path}


def _ensure_venv() -> None:
    # A checkout that was moved, or whose Python is gone, has scripts that point nowhere.
    made_for = f"{VENV} {_version_of(PYTHON)}"
    if _read(_STAMPS / "venv") == made_for:
        return
    if VENV.exists() and not _is_usable():
        shutil.rmtree(VENV)
    if not VENV.exists():
        quiet("Making the virtual environment", [sys.executable, "-m", "venv", VENV])
    _write(_STAMPS / "venv", f"{VENV} {_version_of(PYTHON)}")


def _is_usable() -> bool:
    config = _read(VENV / "pyvenv.cfg") or ""
    script = _read(VENV / "bin" / "pip") or ""
    return bool(config) and str(VENV) in script and _version_of(PYTHON) == _running_version()


def _running_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _version_of(python: Path) -> str:
    # From the layout, not by asking it: starting a Python costs more than all else that a later run does.
    found = sorted((VENV / "lib").glob("python3.*/site-packages")) if python.exists() else []
    return found[-1].parent.name.removeprefix("python") if found else "none"


def _ensure_requirements(name: str) -> None:
    path = _REQUIREMENTS / f"{name}.txt"
    wanted = _digest([path])
    if _read(_STAMPS / name) == wanted:
        return
    if not (VENV / "bin" / "pip").exists():
        raise StepFailed("This Python has no pip for its environments (Debian: apt-get install python3-venv).")
    what = {"base": "Installing the application", "web": "Installing Node", "dev": "Installing the tools"}
    total = len(re.findall(r"^[a-zA-Z0-9_.-]+==", path.read_text("utf-8"), re.MULTILINE))
    command = [PYTHON, "-m", "pip", "install", "--require-hashes", "--no-deps", "--no-input", "-r", path]
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0", "PYTHONUNBUFFERED": "1"}
    quiet(
        what[name], command, environment=environment, counting=(r"^(?:Collecting|Requirement already.*?:) (\S+)", total)
    )
    _write(_STAMPS / name, wanted)


def _ensure_package() -> None:
    """Make the checkout importable, and the command callable, without a build."""
    site = next((VENV / "lib").glob("python3.*/site-packages"))
    _write_when_other(site / "healthprotocol.pth", f"{SERVER}\n")
    # A shebang may not be long; a shell finds the interpreter whatever the length of its path.
    script = '#!/bin/sh\nexec "$(dirname "$0")/python" -P -m healthprotocol "$@"\n'
    command = VENV / "bin" / "healthprotocol"
    _write_when_other(command, script)
    command.chmod(0o755)


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - _NOT_BUILT_FROM)
        yield from (Path(parent, name) for name in sorted(set(files) - _NOT_BUILT_FROM))


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _write_when_other(path: Path, text: str) -> None:
    if _read(path) != text:
        _write(path, text)


def have(program: str) -> bool:
    """Return whether a program can be found on the PATH."""
    return shutil.which(program) is not None


def can_ask_root() -> bool:
    """Return whether this user may install packages of the system without being asked for a password."""
    if os.geteuid() == 0:
        return True
    return bool(os.environ.get("CI")) and have("sudo") and subprocess.call(["sudo", "-n", "true"]) == 0
