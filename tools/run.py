"""`make run`: prepares the checkout, then becomes `healthprotocol up`."""

import os

from environment import PYTHON, ROOT, alone, ensure_environment, ensure_web
from steps import guarded, restore_signals


def main() -> None:
    """Prepare, and start. DEMO=0 starts without demo data."""
    with guarded():
        with alone():
            ensure_environment(["base", "web"])
            ensure_web()
        os.environ.setdefault("HP_DATA_DIR", str(ROOT / "var"))
        arguments = ["up", "--with-parent", *(["--no-demo"] if os.environ.get("DEMO") == "0" else [])]
        # The same process goes on: make's signals reach it, and nothing stands in between.
        restore_signals()
        os.execv(PYTHON, [str(PYTHON), "-P", "-m", "healthprotocol", *arguments])  # noqa: S606 - it is to replace us


if __name__ == "__main__":
    main()
