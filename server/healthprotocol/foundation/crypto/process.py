"""Keep plaintext keys out of files that the operating system writes on its own."""

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def forbid_memory_dumps() -> None:
    """
    Forbid core dumps of this process and, on Linux, reading its memory by other processes of the same user.

    Wiping keys from memory is not promised: Python copies bytes as it likes.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
