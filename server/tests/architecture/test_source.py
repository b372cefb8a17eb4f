"""Laws 2, 3 and 5, the budgets, the names and the docstrings: kept by the house, and caught where planted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import checks
from tests.architecture.conftest import Record
from tests.architecture.findings import HOUSE, TESTS, WEB, Findings

Check = Callable[[Path], Findings]

CHECKS: dict[str, tuple[Check, str, int]] = {
    "ten_names": (lambda house: checks.slice_files(house, "care", "trust"), "files and folders of slices", 50),
    "names": (checks.names, "files", 250),
    "file_budget": (lambda house: checks.file_budgets(house, most_lines=checks.MAX_FILE_LINES), "files", 250),
    "function_budget": (checks.function_budgets, "functions", 1_500),
    "health_words": (lambda house: checks.health_words(house / "foundation", house / "api"), "files", 60),
    "purity": (checks.purity, "files of models and rules", 50),
    "sql_places": (checks.sql_places, "files of care and trust", 140),
    "docstrings": (checks.docstrings, "public functions of rules and foundation", 350),
}

# For each checker: a file, its text, and what the finding must say.
PLANTED: list[tuple[str, str, str, str]] = [
    ("ten_names", "care/patients/search.py", "", "care/patients/search.py"),
    ("ten_names", "trust/audit/notes.md", "", "trust/audit/notes.md"),
    ("names", "foundation/db/utils.py", "", "utils.py"),
    ("names", "care/patients/service/key_manager.py", "", "key_manager.py"),
    ("names", "foundation/helpers/text.py", "", "helpers"),
    ("file_budget", "api/long.py", "x = 1\n" * 401, "401 lines"),
    ("function_budget", "api/long.py", "def act():\n" + "    x = 1\n" * 60, "61 lines"),
    ("function_budget", "api/wide.py", "def act(a, b, c, *, d, e, f, g): ...", "7 parameters"),
    ("function_budget", "api/wide.py", "class A:\n async def act(self, tx, a, b, c, d, e, f, *g): ...", "7 parameters"),
    ("health_words", "foundation/db/pool.py", "# keeps the patients apart", "says patient"),
    ("health_words", "api/paging.py", "def page(care_plan_id): ...", "says care_plan"),
    ("purity", "care/protocols/rules.py", "from datetime import datetime\nnow = datetime.now()", "calls datetime.now"),
    ("purity", "care/protocols/rules/when.py", "import datetime as d\nx = d.date.today()", "calls date.today"),
    ("purity", "care/patients/model.py", "identifier = new_id(at)", "calls new_id"),
    ("purity", "trust/accounts/rules.py", "async def decide(): ...", "is asynchronous"),
    ("sql_places", "care/patients/service.py", "async def f(tx): await tx.fetch('select 1')", "service:1 runs SQL"),
    ("sql_places", "trust/audit/routes.py", "async def f(tx): await tx.execute('select 1')", "routes:1 runs SQL"),
    ("docstrings", "care/protocols/rules.py", "def decide(): ...", "decide has no docstring"),
    ("docstrings", "foundation/db/pool.py", "class Pool:\n    def take(self): ...", "take has no docstring"),
]

TIDY = {
    "care/protocols/rules.py": '"""Rules."""\n\n\ndef decide(a, b, c, d, e, f):\n    """Decide."""\n',
    "trust/audit/service/record.py": "x = 1\n" * 400,
    "trust/audit/repository/rows.py": "async def rows(tx):\n    return await tx.fetch('select 1')\n",
    "foundation/db/pool.py": "class Pool:\n    def take(self):\n        '''Take.'''\n    def _give(self): ...\n",
    "api/problem.py": "def page(protocol, entry, health_check): ...\n",
}


def _write(house: Path, path: str, text: str) -> None:
    file = house / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


class TestTheHouse:
    @pytest.mark.parametrize("name", CHECKS)
    def test_keeps(self, name: str, looked_at: Record) -> None:
        check, of_what, minimum = CHECKS[name]

        found = check(HOUSE)

        looked_at(found.looked_at, of_what)
        assert found.trespasses == []
        assert found.looked_at >= minimum

    def test_keeps_the_budget_of_test_files(self, looked_at: Record) -> None:
        found = checks.file_budgets(TESTS, most_lines=checks.MAX_TEST_LINES)

        looked_at(found.looked_at, "test files")
        assert found.trespasses == []
        assert found.looked_at >= 100

    def test_keeps_names_and_function_budgets_in_tests(self, looked_at: Record) -> None:
        found = checks.names(TESTS)
        functions = checks.function_budgets(TESTS)

        looked_at(functions.looked_at, "test functions")
        assert found.trespasses + functions.trespasses == []
        assert functions.looked_at >= 1_000

    def test_keeps_names_and_file_budgets_in_the_web_app(self, looked_at: Record) -> None:
        found = checks.names(WEB)
        lengths = checks.file_budgets(WEB, most_lines=checks.MAX_FILE_LINES)

        looked_at(found.looked_at, "files of the web app")
        assert found.trespasses + lengths.trespasses == []
        assert found.looked_at >= 80


class TestPlantedTrespass:
    @pytest.mark.parametrize(("name", "path", "text", "evidence"), PLANTED)
    def test_is_caught(self, name: str, path: str, text: str, evidence: str, tmp_path: Path) -> None:
        _write(tmp_path, path, text)

        found = CHECKS[name][0](tmp_path)

        assert any(evidence in trespass for trespass in found.trespasses)

    @pytest.mark.parametrize("name", CHECKS)
    def test_and_a_tidy_house_is_not(self, name: str, tmp_path: Path) -> None:
        for path, text in TIDY.items():
            _write(tmp_path, path, text)

        found = CHECKS[name][0](tmp_path)

        assert found.trespasses == []
        assert found.looked_at > 0

    def test_was_planted_for_every_checker(self) -> None:
        assert {name for name, *_ in PLANTED} == set(CHECKS)
