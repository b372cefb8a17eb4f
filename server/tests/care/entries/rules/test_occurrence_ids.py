"""The id of an occurrence: one for each, and nothing else is one."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.care.entries.model import OccurrenceRef
from healthprotocol.care.entries.rules.occurrence_ids import id_prefix, occurrence_id, parse_occurrence_id, with_prefix
from tests.support.pure_plans import ISAR, local

keys = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}", fullmatch=True)
locals_ = st.datetimes(datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2300-01-01"))


class TestRoundTrip:
    @given(st.uuids(), keys, locals_, st.integers(1, 100))
    def test_an_id_names_what_it_was_made_of(self, assignment: UUID, key: str, planned: datetime, slot: int) -> None:
        text = occurrence_id(AssignmentId(assignment), key, planned_local=planned, slot=slot)

        assert parse_occurrence_id(text) == OccurrenceRef(AssignmentId(assignment), key, planned, slot)
        assert re.fullmatch(r"[A-Za-z0-9_\-]{36,150}", text)

    @given(keys, locals_, locals_, st.integers(1, 100), st.integers(1, 100))
    def test_two_occurrences_have_two_ids(
        self, key: str, one: datetime, other: datetime, slot: int, other_slot: int
    ) -> None:
        ids = {
            occurrence_id(ISAR, key, planned_local=one, slot=slot),
            occurrence_id(ISAR, key, planned_local=other, slot=other_slot),
        }

        assert len(ids) == len({(one, slot), (other, other_slot)})

    def test_a_prefix_serves_all_occurrences_of_an_activity(self) -> None:
        planned = local("2026-06-01T08:00")

        assert with_prefix(id_prefix(ISAR, "walk"), planned, 1) == occurrence_id(
            ISAR, "walk", planned_local=planned, slot=1
        )

    def test_does_not_change_between_releases(self) -> None:
        text = occurrence_id(ISAR, "walk", planned_local=local("2026-06-01T08:00"), slot=1)

        assert text == "AQGXoAAAAHAAgAAAAAAAAAEEd2FsawAAC0m4BrSdIAAB"


class TestParse:
    @pytest.mark.parametrize("text", ["", "x", "occ_1", "é" * 50, "A" * 44, "A" * 201, "=" * 44, "../../etc/passwd"])
    def test_what_is_no_id_is_none(self, text: str) -> None:
        assert parse_occurrence_id(text) is None

    def test_another_spelling_of_the_same_bytes_is_none(self) -> None:
        text = occurrence_id(ISAR, "walk", planned_local=local("2026-06-01T08:00"), slot=1)

        assert parse_occurrence_id(text + "\n") is None
        assert parse_occurrence_id(text[:10] + "!" + text[10:]) is None

    @pytest.mark.parametrize(
        ("at", "value"),
        [(0, 2), (17, 5), (17, 3), (17, 60), (18, 0xFF), (24, 0xFF), (27, 0xFF)],
    )
    def test_a_byte_that_makes_no_sense_is_none(self, at: int, value: int) -> None:
        text = occurrence_id(ISAR, "walk", planned_local=local("2026-06-01T08:00"), slot=1)
        raw = bytearray(urlsafe_b64decode(text))
        raw[at] = value

        assert parse_occurrence_id(urlsafe_b64encode(raw).decode()) is None

    @given(st.text(max_size=220))
    def test_answers_whatever_it_is_given(self, text: str) -> None:
        assert parse_occurrence_id(text) is None or len(text) >= 36

    @given(st.binary(min_size=27, max_size=120))
    def test_answers_whatever_bytes_it_is_given(self, raw: bytes) -> None:
        text = urlsafe_b64encode(b"\x01" + raw).decode()

        ref = parse_occurrence_id(text)

        assert ref is None or ref.planned_local - ref.planned_local.replace(hour=0) < timedelta(days=1)
