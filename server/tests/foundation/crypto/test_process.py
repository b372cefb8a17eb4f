import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, resource
from healthprotocol.foundation.crypto.process import forbid_memory_dumps
forbid_memory_dumps()
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


class TestForbidMemoryDumps:
    @pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
    def test_the_system_writes_no_copy_of_the_memory(self) -> None:
        done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)

        assert done.stdout.split() == ["(0,", "0)", "0"]
