"""`make run`: prepares the checkout, then becomes `healthprotocol up`."""

import os

from environment import PYTHON, ROOT, alone, ensure_environment, ensure_web
from steps import guarded, restore_signals


def main() -> None:
    """Prepare, and start. DEMO=0 starts without demo data."""
    parent = os.getppid()
    with guarded():
        with alone():
            ensure_environment(["base", "web"])
            ensure_web()
        os.environ.setdefault("HP_DATA_DIR", str(ROOT / "var"))
        flags = {"DEMO=0": "--no-demo", "JSON=1": "--json"}
        chosen = [flag for word, flag in flags.items() if os.environ.get(word.split("=")[0]) == word.split("=")[1]]
        arguments = ["up", "--with-parent", str(parent), *chosen]
        # The same process goes on: make's signals reach it, and nothing stands in between.
        restore_signals()
        os.execv(PYTHON, [str(PYTHON), "-P", "-m", "healthprotocol", *arguments])  # noqa: S606 - it is to replace us


if __name__ == "__main__":
    main()
