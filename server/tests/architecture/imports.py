"""Run the import contracts of `.importlinter`, over the house or over a small house made for a test."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import importlinter.api  # Configures import-linter's ports; without it there is no graph builder.
import pytest
from importlinter.application.ports.reporting import Report
from importlinter.application.use_cases import _register_contract_types, create_report, read_user_options

from tests.architecture.findings import SERVER

CONFIG = SERVER / ".importlinter"
PACKAGE = "healthprotocol"
_TIDY = {"foundation/ids.py": "", "care/protocols/model.py": "", "trust/audit/model.py": ""}
_numbers = itertools.count(1)

assert importlinter.api  # Named so that no tool takes the import for unused.


def contracts_of_the_house() -> list[str]:
    """Return the ids of every contract in `.importlinter`."""
    return [str(options["id"]) for options in read_user_options(str(CONFIG)).contracts_options]


def check(config: Path = CONFIG, *, only: tuple[str, ...] = ()) -> Report:
    """Build the import graph afresh and check the contracts of `config` over it."""
    options = read_user_options(str(config))
    _register_contract_types(options)
    return create_report(options, only, cache_dir=None)


def check_small_house(
    folder: Path, files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, *, contract: str
) -> Report:
    """
    Check one contract of the real `.importlinter` over a house of a few files written into `folder`.

    In file contents `HOUSE` stands for the package, whose name is new for every call: a name once imported would be
    found again by Python's own cache.
    """
    house = f"small_house_{next(_numbers)}"
    for path, text in {**_TIDY, **files}.items():
        file = folder / house / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("HOUSE", house))
    config = folder / "contracts.ini"
    config.write_text(CONFIG.read_text().replace(PACKAGE, house))
    monkeypatch.syspath_prepend(str(folder))
    return check(config, only=(contract,))


def module_name(path: Path) -> str:
    """Return the dotted name of a source file of the house."""
    parts = path.relative_to(SERVER).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def faults(report: Report) -> list[str]:
    """Return what is wrong, as text that names the contract and its evidence."""
    wrong = [f"{name}: {fault}" for name, fault in report.invalid_contract_options.items()]
    for contract, result in report.get_contracts_and_checks():
        if not result.kept:
            wrong.append(f"{contract.name}: {result.metadata}")
    return wrong
