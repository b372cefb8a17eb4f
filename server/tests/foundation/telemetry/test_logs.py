"""A log line says what happened, and never whose name was in it."""

import io
import logging
import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
import structlog

from healthprotocol.foundation.errors import Conflict, Unavailable
from healthprotocol.foundation.telemetry import logs
from healthprotocol.foundation.telemetry.errors import describe
from healthprotocol.foundation.telemetry.logs import configure_logging

NAME = "Guadalquivir"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, structlog.get_config())
    stream = io.StringIO()
    configure_logging("test", stream=stream)
    yield stream
    root.handlers[:], _, sys.excepthook = before[0], root.setLevel(before[1]), before[2]
    logging.captureWarnings(capture=False)
    structlog.configure(**before[3])


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in written.getvalue().splitlines()]


class TestOurLogs:
    def test_are_json_with_a_time_a_level_and_a_component(self, written: io.StringIO) -> None:
        structlog.get_logger("jobs").warning("job.failed", job="count.boats", attempt=2)

        [line] = lines(written)
        assert line.pop("timestamp", "").endswith("Z")
        assert line == {"event": "job.failed", "level": "warning", "logger": "jobs", "job": "count.boats", "attempt": 2}

    def test_a_key_outside_the_list_is_dropped_by_name(self, written: io.StringIO) -> None:
        structlog.get_logger("jobs").info("job.failed", given_name=NAME)

        assert lines(written)[0]["dropped"] == ["given_name"]
        assert NAME not in written.getvalue()

    def test_a_sentence_is_no_event(self, written: io.StringIO) -> None:
        structlog.get_logger("jobs").info(f"could not find {NAME}")

        assert lines(written)[0]["event"] == "unnamed"
        assert NAME not in written.getvalue()

    def test_an_exception_is_its_type_and_places(self, written: io.StringIO) -> None:
        try:
            int(NAME)
        except ValueError:
            structlog.get_logger("jobs").exception("job.failed")

        assert str(lines(written)[0]["error"]).startswith("ValueError at tests/foundation/telemetry/test_logs.py:")
        assert NAME not in written.getvalue()

    def test_a_structure_is_only_its_type(self, written: io.StringIO) -> None:
        structlog.get_logger("jobs").info("job.failed", reason={"name": NAME}, component=[UUID(int=7), {"name": NAME}])

        assert lines(written)[0]["reason"] == "dict"
        assert lines(written)[0]["component"] == [str(UUID(int=7)), "dict"]

    def test_a_line_break_stays_inside_its_line(self, written: io.StringIO) -> None:
        structlog.get_logger("jobs").info("job.failed", reason='a\n{"event": "forged"}')

        assert len(lines(written)) == 1

    def test_less_than_the_level_is_not_written(self, written: io.StringIO) -> None:
        structlog.get_logger("jobs").debug("job.failed")

        assert written.getvalue() == ""

    def test_a_crash_of_the_process_is_told_without_its_message(self, written: io.StringIO) -> None:
        sys.excepthook(ValueError, ValueError(NAME), None)

        assert lines(written)[0]["event"] == "process.crashed"
        assert NAME not in written.getvalue()

    def test_a_refused_request_is_quieter_than_a_failed_one(self, written: io.StringIO) -> None:
        logs.log_problem(Conflict(private="already closed"), request_id="r")
        logs.log_problem(Unavailable(), request_id="r")
        logs.log_exception(ValueError(NAME), request_id="r")

        assert [line["level"] for line in lines(written)] == ["info", "warning", "error"]
        assert "[already closed]" in str(lines(written)[0]["error"])
        assert NAME not in written.getvalue()


class TestLibrariesLogs:
    def test_keep_their_template_and_lose_their_arguments(self, written: io.StringIO) -> None:
        logging.getLogger("library").warning("cannot reach %s", NAME)

        line = lines(written)[0]
        assert (line["event"], line["logger"], line["template"]) == ("library.log", "library", "cannot reach %s")
        assert NAME not in written.getvalue()

    def test_a_finished_sentence_is_only_its_place(self, written: io.StringIO) -> None:
        sentence = f"cannot reach {NAME}"
        logging.getLogger("library").error(sentence)

        assert str(lines(written)[0]["where"]).startswith("test_logs:")
        assert NAME not in written.getvalue()

    def test_an_exception_is_its_type_and_places(self, written: io.StringIO) -> None:
        try:
            int(NAME)
        except ValueError:
            logging.getLogger("library").exception("failed")

        assert "ValueError" in str(lines(written)[0]["error"])
        assert NAME not in written.getvalue()

    def test_a_closed_stream_disturbs_nobody(self, written: io.StringIO) -> None:
        written.close()

        logging.getLogger("library").warning("late")


class TestDescribe:
    def test_names_what_it_came_from(self) -> None:
        def fail() -> None:
            try:
                int(NAME)
            except ValueError as cause:
                raise KeyError(NAME) from cause

        with pytest.raises(KeyError) as caught:
            fail()

        said = describe(caught.value)

        assert said.startswith("KeyError at ")
        assert " <- ValueError at " in said
        assert NAME not in said

    def test_a_suppressed_cause_stays_suppressed(self) -> None:
        def fail() -> None:
            try:
                int(NAME)
            except ValueError:
                raise KeyError(NAME) from None

        with pytest.raises(KeyError) as caught:
            fail()

        assert "ValueError" not in describe(caught.value)

    def test_a_databases_error_is_its_code_and_constraint(self) -> None:
        error: Any = asyncpg.UniqueViolationError(f"Key (email)=({NAME}) already exists.")
        error.sqlstate = "23505"
        error.constraint_name = "account_email"

        assert describe(error) == "asyncpg.exceptions.UniqueViolationError [23505 account_email]"

    def test_a_group_is_told_by_its_first(self) -> None:
        assert describe(ExceptionGroup(NAME, [ValueError(NAME)])) == "ExceptionGroup <- ValueError"

    def test_paths_of_the_machine_are_cut(self) -> None:
        with pytest.raises(msgspec.DecodeError) as caught:
            msgspec.json.decode(b"{")

        said = describe(caught.value)
        assert "at tests/" in said
