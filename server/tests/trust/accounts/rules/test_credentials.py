from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from healthprotocol.foundation.context import Actor
from healthprotocol.foundation.ids import AccountId, OrganisationId
from healthprotocol.trust.accounts.model import BearerCredential, Session, SessionPolicy
from healthprotocol.trust.accounts.rules.credentials import idle_of, is_live, is_own_site, is_stale, is_valid

NOW = datetime(2026, 3, 7, 13, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
ACTOR = Actor(account_id=AccountId(UUID(int=1)), organisation_id=OrganisationId(UUID(int=2)), role="clinician")
SESSION = Session(
    id=UUID(int=3),
    actor=ACTOR,
    status="active",
    last_seen_at=NOW,
    idle=15 * MINUTE,
    expires_at=NOW + timedelta(hours=12),
)
TOKEN = BearerCredential(
    id=UUID(int=4), actor=ACTOR, status="active", expires_at=NOW + MINUTE, revoked_at=None, last_used_at=None
)


class TestIsLive:
    def test_until_it_rested_too_long(self) -> None:
        assert is_live(SESSION, now=NOW + 15 * MINUTE - TICK)
        assert not is_live(SESSION, now=NOW + 15 * MINUTE)

    def test_until_it_is_too_old_however_busy(self) -> None:
        busy = msgspec.structs.replace(SESSION, last_seen_at=NOW + timedelta(hours=12))

        assert is_live(busy, now=busy.expires_at - TICK)
        assert not is_live(busy, now=busy.expires_at)

    def test_not_when_the_account_is_disabled(self) -> None:
        assert not is_live(msgspec.structs.replace(SESSION, status="disabled"), now=NOW)


class TestIsValid:
    def test_until_it_expires(self) -> None:
        assert is_valid(TOKEN, now=TOKEN.expires_at - TICK)
        assert not is_valid(TOKEN, now=TOKEN.expires_at)

    def test_not_once_revoked_nor_when_the_account_is_disabled(self) -> None:
        assert not is_valid(msgspec.structs.replace(TOKEN, revoked_at=NOW), now=NOW)
        assert not is_valid(msgspec.structs.replace(TOKEN, status="disabled"), now=NOW)


class TestIsStale:
    def test_the_last_use_is_known_to_the_minute(self) -> None:
        assert is_stale(None, now=NOW)
        assert not is_stale(NOW, now=NOW + MINUTE - TICK)
        assert is_stale(NOW, now=NOW + MINUTE)


class TestIdleOf:
    def test_patients_may_rest_longer_than_staff(self) -> None:
        policy = SessionPolicy(
            staff_idle=15 * MINUTE, patient_idle=30 * MINUTE, absolute=timedelta(hours=12), most_sessions=5
        )

        assert idle_of("clinician", policy) == 15 * MINUTE
        assert idle_of("patient", policy) == 30 * MINUTE


class TestIsOwnSite:
    @pytest.mark.parametrize(
        ("origin", "fetch_site", "host", "answer"),
        [
            (None, None, "hp.example", True),
            ("https://hp.example", None, "hp.example", True),
            ("https://hp.example", "same-origin", "hp.example", True),
            (None, "none", "hp.example", True),
            ("https://evil.example", None, "hp.example", False),
            ("https://hp.example.evil.example", None, "hp.example", False),
            ("https://hp.example:8443", None, "hp.example", False),
            ("null", None, "hp.example", False),
            ("https://hp.example", "cross-site", "hp.example", False),
            (None, "same-site", "hp.example", False),
            ("https://public.example", None, "inner:8000", True),
            ("https://hp.example", None, None, False),
        ],
    )
    def test_only_our_own_pages(self, origin: str, fetch_site: str, host: str, answer: bool) -> None:
        own = is_own_site(origin=origin, fetch_site=fetch_site, host=host, own_origins=("https://public.example",))

        assert own is answer
