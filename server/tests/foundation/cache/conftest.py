"""Nobody in these tests waits for another in vain: what is waited for comes, however busy the machine is."""

import pytest

from healthprotocol.foundation.cache import shared, tenant


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait an hour for a load of another task or process; a test of who does not wait at all bounds it by itself."""
    monkeypatch.setattr(tenant, "WAIT_SECONDS", 3600.0)
    monkeypatch.setattr(tenant, "_OTHERS_SECONDS", 3600.0)
    monkeypatch.setattr(shared, "LOCK_SECONDS", 3600.0)
