"""Laws 1, 4 and 5: who imports whom. Each contract is kept by the house, and breaks when a trespass is planted."""

from pathlib import Path

import pytest

from tests.architecture.conftest import Record
from tests.architecture.findings import HOUSE, source_files
from tests.architecture.imports import check, check_small_house, contracts_of_the_house, faults, module_name

# One planted trespass for each contract: the files, and a word that the evidence must hold.
PLANTED = {
    "floors": [
        ({"api/problem.py": "from HOUSE.care.protocols import model"}, "api.problem"),
        ({"foundation/db.py": "import HOUSE.trust.audit", "trust/audit/model.py": ""}, "foundation.db"),
        ({"operations/health.py": "from HOUSE.care.protocols import model"}, "operations.health"),
        ({"assembly.py": "import HOUSE.app", "app.py": ""}, "assembly"),
        ({"attic/boxes.py": ""}, "attic"),
    ],
    "care": [
        (
            {"care/assignments/service.py": "import HOUSE.care.entries.model", "care/entries/model.py": ""},
            "care.assignments",
        ),
        (
            {"care/protocols/rules.py": "import HOUSE.care.patients.model", "care/patients/model.py": ""},
            "care.protocols",
        ),
        ({"care/gossip/model.py": ""}, "gossip"),
    ],
    "trust": [
        ({"trust/audit/service.py": "import HOUSE.trust.accounts.model", "trust/accounts/model.py": ""}, "trust.audit"),
        ({"trust/gossip/model.py": ""}, "gossip"),
    ],
    "cycles": [
        (
            {"foundation/one.py": "import HOUSE.foundation.two", "foundation/two.py": "import HOUSE.foundation.one"},
            "one",
        ),
    ],
    "repositories": [
        (
            {"care/patients/repository.py": "", "care/entries/service.py": "import HOUSE.care.patients.repository"},
            "care.entries.service opens",
        ),
        (
            {"care/patients/repository.py": "", "care/patients/routes.py": "from . import repository"},
            "care.patients.routes opens",
        ),
        (
            {"care/patients/repository/search.py": "", "cli/demo.py": "import HOUSE.care.patients.repository.search"},
            "cli.demo opens",
        ),
    ],
    "purity": [
        ({"care/protocols/rules.py": "import asyncpg"}, "leans on asyncpg"),
        ({"care/protocols/rules/recurrence.py": "import time"}, "leans on time"),
        (
            {"care/protocols/rules.py": "from HOUSE.foundation.db import pool", "foundation/db/pool.py": ""},
            "foundation.db.pool",
        ),
        (
            {"trust/audit/model.py": "import HOUSE.trust.audit.service", "trust/audit/service.py": ""},
            "leans on small_house",
        ),
    ],
}

KEPT = {
    "repositories": {
        "care/patients/repository/search.py": "import HOUSE.care.patients.repository.rows",
        "care/patients/repository/rows.py": "",
        "care/patients/service/find.py": "import HOUSE.care.patients.repository.search",
    },
    "purity": {
        "care/protocols/errors.py": "",
        "care/protocols/rules/recurrence.py": "import datetime, HOUSE.care.protocols.errors, HOUSE.foundation.ids",
    },
}


class TestTheHouse:
    def test_keeps_every_import_contract(self, looked_at: Record) -> None:
        report = check()

        looked_at(report.module_count, f"modules with {report.import_count:,} imports")
        assert faults(report) == []
        assert report.kept_count == len(contracts_of_the_house())
        assert report.module_count >= 300
        assert report.import_count >= 1_500

    def test_has_no_file_that_the_import_graph_does_not_see(self, looked_at: Record) -> None:
        report = check(only=("floors",))

        files = {module_name(path) for path in source_files(HOUSE, ".py")}

        looked_at(len(files), "source files compared with the import graph")
        assert files - report.graph.modules == set()

    @pytest.mark.parametrize(("contract", "minimum"), [("repositories", 10), ("purity", 50)])
    def test_has_modules_for_the_contracts_of_our_own(self, contract: str, minimum: int, looked_at: Record) -> None:
        ((_, result),) = check(only=(contract,)).get_contracts_and_checks()

        looked_at(result.metadata["looked_at"], f"modules under the contract {contract}")
        assert result.metadata["looked_at"] >= minimum


class TestPlantedTrespass:
    @pytest.mark.parametrize(
        ("contract", "files", "evidence"),
        [(contract, files, evidence) for contract, plants in PLANTED.items() for files, evidence in plants],
    )
    def test_is_caught(
        self, contract: str, files: dict[str, str], evidence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report = check_small_house(tmp_path, files, monkeypatch, contract=contract)

        assert evidence in " ".join(faults(report))

    @pytest.mark.parametrize("contract", PLANTED)
    def test_and_a_tidy_small_house_is_not(
        self, contract: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report = check_small_house(tmp_path, KEPT.get(contract, {}), monkeypatch, contract=contract)

        assert faults(report) == []

    def test_was_planted_for_every_contract(self) -> None:
        assert sorted(PLANTED) == sorted(contracts_of_the_house())
