"""
A pytest plugin for the previous release's own tests: its template database is made by this code's migrations.

Loaded with `-p previous_release` in a checkout of that release; HP_NEW_SERVER is the folder of this one.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_MIGRATE = """
import asyncio, sys
from healthprotocol.foundation.db import migrate
asyncio.run(migrate.up(sys.argv[1], app_password=sys.argv[2]))
"""


def pytest_configure() -> None:
    import healthprotocol  # noqa: PLC0415 - only now is it the old release's
    from healthprotocol.care.protocols.rules import units  # noqa: PLC0415
    from tests.support import postgresql  # noqa: PLC0415

    # That release builds its table of units in a thread, and refuses a unit that is asked for meanwhile.
    units.are_convertible("kPa", "mm[Hg]")

    old, new = Path(healthprotocol.__file__).resolve(), Path(os.environ["HP_NEW_SERVER"]).resolve()
    assert not old.is_relative_to(new), "the tests would run this code, not the release before it"

    async def made(cluster: Any) -> None:
        await postgresql._admin(cluster, f"create database {postgresql.TEMPLATE}")
        url = cluster.admin_url(postgresql.TEMPLATE)
        with tempfile.TemporaryDirectory() as elsewhere:
            await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", _MIGRATE, url, postgresql.APP_PASSWORD],
                env=os.environ | {"PYTHONPATH": str(new)},
                cwd=elsewhere,
                check=True,
            )

    postgresql._make_template = made
