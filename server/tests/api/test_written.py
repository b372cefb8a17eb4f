"""A client's position in the log: told after a write, read back from header or cookie, and never trusted further."""

from types import SimpleNamespace
from typing import Any

import pytest

from healthprotocol.api.written import COOKIE, HEADER, position_of, told


def request(*, header: str | None = None, cookie: str | None = None) -> Any:
    headers = {} if header is None else {HEADER: header}
    return SimpleNamespace(headers=headers, cookies={} if cookie is None else {COOKIE: cookie})


class TestPosition:
    def test_comes_back_as_it_was_told(self) -> None:
        headers = told(2**40 + 7, seconds=2.0, is_https=True)

        assert position_of(request(header=headers[HEADER])) == 2**40 + 7
        assert position_of(request(cookie=headers[HEADER])) == 2**40 + 7

    def test_is_told_for_as_long_as_a_replica_may_be_behind(self) -> None:
        cookie = told(255, seconds=2.0, is_https=True)["set-cookie"]

        assert cookie == f"{COOKIE}=ff; Path=/api; Max-Age=4; HttpOnly; SameSite=Strict; Secure"
        assert "Secure" not in told(255, seconds=2.0, is_https=False)["set-cookie"]

    @pytest.mark.parametrize("said", [None, "", "x", "-1", "0x1f", "FF", "1" * 17, "1 ", "é"])
    def test_that_cannot_be_read_is_none(self, said: str | None) -> None:
        assert position_of(request(header=said)) == 0
