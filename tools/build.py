"""`make build`: the wheel, with the built web app and the migrations inside, in build/wheel."""

import shutil

from environment import PYTHON, ROOT, SERVER, alone, ensure_environment, ensure_web
from steps import guarded, quiet


def main() -> None:
    """Build the wheel with the pinned tools: nothing is fetched while it is built."""
    with guarded():
        with alone():
            ensure_environment(["base", "web", "dev"])
            ensure_web()
        target = ROOT / "build" / "wheel"
        shutil.rmtree(target, ignore_errors=True)
        command = [PYTHON, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, SERVER]
        quiet("Building the wheel", command)
        for wheel in target.glob("*.whl"):
            print(f"  {wheel.relative_to(ROOT)} ({wheel.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
