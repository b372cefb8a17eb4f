import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.trust.accounts.rules.passwords import faults


def codes(password: str, *context: str) -> list[str]:
    return [fault.code for fault in faults(password, context=context)]


class TestFaults:
    @pytest.mark.parametrize(
        "password",
        [
            "correct-horse-battery-demo",
            "eleven wet llamas hum",
            "плывут по реке облака",
            "🦀🐙🦑🐡🦈🐬🐳🐟🐠🦞🦐🐚🪸🌊🚣 and more words",
            "x7#Kq!vR2$mWp9&Lt",
            "a" * 3 + "river runs under the bridge" + "z" * 90,
        ],
    )
    def test_a_long_unusual_one_is_good(self, password: str) -> None:
        assert codes(password) == []

    @pytest.mark.parametrize(("length", "code"), [(14, "password_too_short"), (129, "password_too_long")])
    def test_length_has_two_ends(self, length: int, code: str) -> None:
        assert codes(("river-stone " * 20)[:length]) == [code]

    @pytest.mark.parametrize("length", [15, 128])
    def test_the_ends_are_good(self, length: int) -> None:
        assert codes(("eleven wet llamas hum over nine old brick walls " * 20)[:length]) == []

    def test_characters_count_and_not_bytes(self) -> None:
        assert codes("ß" * 14) == ["password_too_short"]

    @pytest.mark.parametrize(
        "password",
        [
            "passwordpassword",
            "P@ssw0rdP@ssw0rd1",
            "aaaaaaaaaaaaaaaaaaa",
            "123456789012345678",
            "qwertyuiopasdfghjkl",
            "abcabcabcabcabcabc",
            "Welcome2Hospital2026",
            "administrator-2026",
            "zyxwvutsrqponmlkj",
            "health-protocol-admin",
            "correcthorsebatterystaple",
        ],
    )
    def test_what_others_try_first_is_refused(self, password: str) -> None:
        assert codes(password) == ["password_common"]

    def test_words_of_the_person_and_the_organisation_do_not_count(self) -> None:
        context = ("elbe.strom@nordsee.example", "Elbe Strom", "Nordsee Ambulanz")

        assert codes("Elbe-Strom-Nordsee-4711", *context) == ["password_common"]
        assert codes("nordsee@ambulanz!nordsee", *context) == ["password_common"]
        assert codes("Nordsee, twelve tin whistles", *context) == []

    @given(st.text(max_size=200))
    def test_what_is_wrong_is_said_without_the_password(self, password: str) -> None:
        for fault in faults(password):
            assert fault.pointer == "/password"
            assert len(password) < 6 or password not in fault.detail
