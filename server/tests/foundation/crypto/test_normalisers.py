from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.foundation.crypto.normalisers import compound, day, email, folded, identifier, phone


class TestFolded:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Müller", "MULLER"),
            ("O\u2019Brien", "o'brien"),
            ("Smith-Jones", "smith  jones"),
            ("  Ñuñez\t", "nunez"),
            ("Straße", "STRASSE"),
            ("ＡＢＣ", "abc"),  # noqa: RUF001 - full-width letters are the point
            ("e\u0301lise", "\u00c9lise"),
        ],
    )
    def test_the_same_name_written_otherwise_is_equal(self, one: str, other: str) -> None:
        assert folded(one) == folded(other)

    @pytest.mark.parametrize(("one", "other"), [("Müller", "Mueller"), ("Anna", "Ana"), ("An na", "Anna")])
    def test_other_names_differ(self, one: str, other: str) -> None:
        assert folded(one) != folded(other)

    def test_names_of_other_scripts_keep_their_letters(self) -> None:
        assert folded("Ольга") == "ольга"
        assert folded("王小明") == "王小明"

    @given(st.text(max_size=40))
    def test_a_folded_name_stays(self, text: str) -> None:
        assert folded(folded(text)) == folded(text)


class TestEmail:
    def test_case_and_the_form_of_the_domain_do_not_matter(self) -> None:
        assert email(" Elbe@BÜCHER.example ") == email("elbe@xn--bcher-kva.example") == "elbe@xn--bcher-kva.example"

    @pytest.mark.parametrize("text", ["", "elbe", "@elbe.example", "elbe@", "elbe@a..b", "elbe@\u2603\ufe0f-.example"])
    def test_what_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="e-mail address"):
            email(text)


class TestPhone:
    def test_is_e164(self) -> None:
        assert phone("+49 (0)30 / 123-456") == phone("0049 30 123456", region="DE") == "+4930123456"

    @pytest.mark.parametrize("text", ["", "elbe", "030 123456", "+49 1", "+49 30 1234567890123456"])
    def test_what_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="telephone number"):
            phone(text)


class TestOtherValues:
    def test_separators_of_an_identifier_do_not_matter(self) -> None:
        assert identifier("urn:mrn", "ab-12 34") == identifier(" urn:mrn", "AB1234")
        assert identifier("urn:a", "1") != identifier("urn:b", "1")

    def test_a_compound_keeps_its_parts_apart(self) -> None:
        assert compound("ab", "c") != compound("a", "bc")

    def test_a_day_is_iso(self) -> None:
        assert day(date(1980, 2, 29)) == "1980-02-29"
