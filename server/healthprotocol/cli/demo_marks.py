"""What lies in a data directory whose database has, or may have, the demo data."""

from pathlib import Path

# That it was loaded, and that a loading began which may have been cut off.
LOADED, LOADING = "demo.loaded", "demo.loading"


def holds_demo(data_dir: Path) -> bool:
    """Return whether the demo was loaded, or began to be, into the database that belongs to a data directory."""
    return any((data_dir / name).exists() for name in (LOADED, LOADING))
