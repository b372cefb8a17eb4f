"""The tables of units are built once, however many ask at once before they are there."""

import subprocess
import sys

ASKING_AT_ONCE = """
import threading
from healthprotocol.care.protocols.rules import units

together = threading.Barrier(4)
answers = []

def ask():
    together.wait()
    answers.append(units.are_convertible("kPa", "mm[Hg]") and units.are_convertible("Cel", "[degF]"))

threads = [threading.Thread(target=ask) for _ in range(4)]
for one in threads:
    one.start()
for one in threads:
    one.join()
print(answers)
"""


class TestAtOnce:
    def test_everybody_gets_the_same_answer(self) -> None:
        # In a process of its own: here the tables may be built already.
        asked = subprocess.run([sys.executable, "-c", ASKING_AT_ONCE], capture_output=True, text=True, check=True)

        assert asked.stdout.strip() == "[True, True, True, True]"
