"""What makes demographics sound, and how a search reads."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from healthprotocol.care.patients.model import Demographics, Identifier, PatientId, PersonName, Roster
from healthprotocol.care.patients.rules import MAX_IDENTIFIERS, found, read_search, roster, settle

TODAY = date(2026, 3, 7)


def settled(**fields: Any) -> tuple[Demographics, set[tuple[str, str]]]:
    whole: dict[str, Any] = {"given_name": "Anna", "family_name": "Elbe", "birth_date": date(1950, 3, 2), **fields}
    value, faults = settle(Demographics(**whole), today=TODAY)
    return value, {(fault.pointer, fault.code) for fault in faults}


class TestSettle:
    @pytest.mark.parametrize(
        ("given", "kept"), [("  Anna ", "Anna"), ("Anna\u00a0Maria", "Anna Maria"), ("نیم\u200cروز", "نیم\u200cروز")]
    )
    def test_names_are_kept_as_they_are_written(self, given: str, kept: str) -> None:
        value, faults = settled(given_name=given)

        assert (value.given_name, faults) == (kept, set())

    @pytest.mark.parametrize("name", ["<b>", "A\x07", "A\u202eB"])
    def test_names_with_what_is_no_name_are_refused(self, name: str) -> None:
        assert settled(family_name=name)[1] == {("/family_name", "not_allowed")}

    @pytest.mark.parametrize("name", ["", " ", "--"])
    def test_a_name_has_a_letter(self, name: str) -> None:
        assert settled(given_name=name)[1] == {("/given_name", "required")}

    @pytest.mark.parametrize(
        ("field", "value", "code"),
        [
            ("birth_date", date(1889, 12, 31), "out_of_range"),
            ("birth_date", date(2026, 3, 8), "out_of_range"),
            ("time_zone", "Mars/Base", "unknown_code"),
            ("language", "deutsch!", "unknown_code"),
            ("email", "a@b@c", "format"),
            ("phone", "030 123", "format"),
        ],
    )
    def test_a_field_that_does_not_fit_is_named(self, field: str, value: object, code: str) -> None:
        assert settled(**{field: value})[1] == {(f"/{field}", code)}

    def test_identifiers_are_of_a_number_not_blank_and_not_double(self) -> None:
        one = Identifier(system="urn:a", value="a-1")
        many = tuple(Identifier(system="urn:a", value=str(n)) for n in range(MAX_IDENTIFIERS + 1))

        assert settled(identifiers=many)[1] == {("/identifiers", "too_many")}
        assert settled(identifiers=(one, Identifier(system="urn:a", value="A-1 ")))[1] == {
            ("/identifiers/1", "repeated")
        }
        assert settled(identifiers=(Identifier(system=" ", value="1"),))[1] == {("/identifiers/0", "required")}


class TestReadSearch:
    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("Elbe 1950-03-02", "name_birth"),
            ("Elbe, 1950-03-02", "name_birth"),
            ("Elbe 1950-02-30", "name"),
            ("anna@river.example", "email"),
            ("+49 30 123456", "phone"),
            ("Elbe", "name"),
            ("", "name"),
        ],
    )
    def test_the_text_decides_how_it_is_served(self, text: str, kind: str) -> None:
        assert read_search(text).kind == kind


def everybody(*, with_birth_date: bool) -> Roster:
    names = [("Jan", "Öder"), ("Anna Maria", "Elbe"), ("Žofie", "O'Der"), ("Ana", "Elbe-Saale")]
    return roster(
        PersonName(
            id=PatientId(UUID(int=number)),
            given_name=given,
            family_name=family,
            birth_date=date(1950, 3, number) if with_birth_date else None,
        )
        for number, (given, family) in enumerate(names, start=1)
    )


class TestRoster:
    @pytest.mark.parametrize(
        ("text", "numbers"),
        [
            ("", [2, 4, 1, 3]),
            ("el", [2, 4]),
            ("an", [2, 4]),
            ("an elbe", [2, 4]),
            ("elbe mar", [2]),
            ("saale", [4]),
            ("lbe", []),
            ("oder", [1, 3]),
            ("zofie oder", [3]),
            ("elbe oder", []),
        ],
    )
    def test_finds_whose_names_words_begin_like_that_in_order(self, text: str, numbers: list[int]) -> None:
        ids = [UUID(int=number) for number in numbers]

        assert found(everybody(with_birth_date=False), text) == found(everybody(with_birth_date=True), text) == ids

    @pytest.mark.parametrize(
        ("text", "numbers"), [("1950 03 02", [2]), ("1950 03 02 elbe", [2]), ("1950 03 02 oder", []), ("1950", [])]
    )
    def test_a_birth_date_is_of_whom_it_is(self, text: str, numbers: list[int]) -> None:
        assert found(everybody(with_birth_date=True), text) == [UUID(int=number) for number in numbers]

    @pytest.mark.parametrize("text", ["Łukasz Sørlie-Æske", "lukasz sorlie", "LUKASZ aeske", "sørl", "łuk aesk"])
    def test_letters_without_an_accent_are_found_as_others_spell_them_and_as_they_are(self, text: str) -> None:
        people = [
            PersonName(id=PatientId(UUID(int=number)), given_name=given, family_name=family, birth_date=None)
            for number, (given, family) in enumerate([("Łukasz", "Sørlie-Æske"), ("Lukas", "Sorger")])
        ]

        assert found(roster(people), read_search(text).text) == [UUID(int=0)]
