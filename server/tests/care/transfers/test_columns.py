"""What people are told of a file's columns is what its lines are held to."""

import msgspec
import pytest

from healthprotocol.care.transfers.model import Noun
from healthprotocol.care.transfers.rules.columns import COLUMNS
from healthprotocol.care.transfers.schemas import AssignmentLine, EntryLine, PatientLine


class TestColumns:
    @pytest.mark.parametrize(
        ("noun", "line"), [("patients", PatientLine), ("assignments", AssignmentLine), ("entries", EntryLine)]
    )
    def test_are_called_needed_where_no_line_does_without(self, noun: Noun, line: type[msgspec.Struct]) -> None:
        needed = {field.name for field in msgspec.structs.fields(line) if field.required}

        assert {column.name for column in COLUMNS[noun] if column.meaning.endswith("; needed")} == needed
