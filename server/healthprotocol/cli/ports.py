"""The address that an installation serves on, and whether it can have it."""

import socket
from typing import cast

from healthprotocol.cli.failures import CommandFailed
from healthprotocol.foundation.config.settings import Settings

# Where to ask a server that listens on all addresses.
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104


def local_host(settings: Settings) -> str:
    """Return the host under which this machine itself reaches the server."""
    return _ANY_HOST.get(settings.host, settings.host)


def address(settings: Settings) -> str:
    """Return the URL to open in a browser of this machine."""
    host = local_host(settings)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def require_free(settings: Settings) -> None:
    """Raise CommandFailed when something else listens where the server is to."""
    if not is_free(settings.host, settings.port):
        raise CommandFailed(
            f"port {settings.port} of {settings.host} is taken by another program; stop it or choose another HP_PORT"
        )


def free_operations_port(settings: Settings) -> int:
    """
    Return the operations port: the chosen one, which must be free, else any free one when the default is taken.

    So two installations on one machine need no choice of theirs for a port that a laptop seldom looks at.
    """
    host, port = settings.host, settings.operations_port
    if port != 0 and is_free(host, port):
        return port
    if port != 0 and "operations_port" in settings.model_fields_set:
        raise CommandFailed(f"port {port} of {host} is taken by another program; choose another HP_OPERATIONS_PORT")
    with _socket(host) as probe:
        probe.bind((host, 0))
        return cast("int", probe.getsockname()[1])


def is_answering(settings: Settings) -> bool:
    """Return whether somebody listens where the server is to."""
    try:
        with socket.create_connection((local_host(settings), settings.port), timeout=1):
            return True
    except OSError:
        return False


def is_free(host: str, port: int) -> bool:
    """Return whether a server could listen there. Raises CommandFailed when this machine can never have it."""
    try:
        with _socket(host) as probe:
            probe.bind((host, port))
    except socket.gaierror:
        raise CommandFailed(f"HP_HOST {host} is not an address of this machine") from None
    except PermissionError:
        raise CommandFailed(f"port {port} needs more rights than this user has; choose an HP_PORT over 1023") from None
    except OSError:
        return False
    return True


def _socket(host: str) -> socket.socket:
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    # As the server does it: connections of an earlier one that linger do not keep the port.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return probe
