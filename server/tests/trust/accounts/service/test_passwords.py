import asyncio
from collections.abc import Iterator

import pytest

from healthprotocol.trust.accounts.errors import SignInBusy
from healthprotocol.trust.accounts.service.passwords import QUEUE, THREADS, PasswordHasher
from tests.trust.accounts.conftest import PASSWORD, quick_hasher


@pytest.fixture
def hasher() -> Iterator[PasswordHasher]:
    made = quick_hasher()
    yield made
    made.close()


class TestHash:
    async def test_is_argon2id_at_the_costs_of_today(self) -> None:
        usual = PasswordHasher()
        password_hash = await usual.hash(PASSWORD)
        usual.close()

        assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")

    async def test_is_salted(self, hasher: PasswordHasher) -> None:
        assert await hasher.hash(PASSWORD) != await hasher.hash(PASSWORD)


class TestVerify:
    async def test_knows_the_password_to_the_byte(self, hasher: PasswordHasher) -> None:
        password_hash = await hasher.hash("caf\u00e9 by the river bank")

        assert (await hasher.verify("caf\u00e9 by the river bank", password_hash)).matches
        for wrong in ("cafe\u0301 by the river bank", "Caf\u00e9 by the river bank", ""):
            assert not (await hasher.verify(wrong, password_hash)).matches

    @pytest.mark.parametrize("password_hash", [None, "", "plain", "$argon2id$broken"])
    async def test_nobodys_or_a_broken_hash_never_matches(
        self, hasher: PasswordHasher, password_hash: str | None
    ) -> None:
        assert not (await hasher.verify(PASSWORD, password_hash)).matches

    async def test_says_when_the_costs_have_changed(self, hasher: PasswordHasher) -> None:
        stronger = PasswordHasher(memory_kib=16, passes=1)
        password_hash = await hasher.hash(PASSWORD)

        assert not (await hasher.verify(PASSWORD, password_hash)).needs_rehash
        assert (await stronger.verify(PASSWORD, password_hash)).needs_rehash
        stronger.close()


class TestTheQueue:
    async def test_takes_fifty_and_turns_the_rest_away(self, hasher: PasswordHasher) -> None:
        asked = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(THREADS + QUEUE + 5)]
        results = await asyncio.gather(*asked, return_exceptions=True)

        assert sum(isinstance(result, SignInBusy) for result in results) == 5
        assert await hasher.hash(PASSWORD)
