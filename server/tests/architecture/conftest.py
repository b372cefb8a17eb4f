"""Every checker says how much it looked at, at the end of the run."""

from collections.abc import Callable

import pytest

Record = Callable[[int, str], None]


@pytest.fixture
def looked_at(record_property: Callable[[str, object], None], request: pytest.FixtureRequest) -> Record:
    """Return a function (number, of what) that puts a line into the summary of the run."""

    def record(number: int, of_what: str) -> None:
        record_property("looked_at", f"{request.node.name}: {number:,} {of_what}")

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = sorted(
        {
            str(value)
            for report in reports
            if report.when == "call"
            for name, value in report.user_properties
            if name == "looked_at"
        }
    )
    if lines:
        terminalreporter.section("the checkers looked at")
        terminalreporter.write("\n".join(lines) + "\n")
