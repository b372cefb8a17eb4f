"""The documents name what stands: every link leads somewhere, every path and every page that is cited exists."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.conftest import Record
from tests.architecture.findings import HOUSE, ROOT, SERVER, Findings, source_files

MAX_PAGE_LINES = 120
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_CITED = re.compile(r"docs/[a-z]+/[\w.-]+\.md")
_PATH = re.compile(r"`((?:server|web|docs|load|tools|tests|api|care|trust|cli|foundation|fhir|operations)/[\w./<>-]+)`")


def documents(root: Path) -> Iterator[Path]:
    """Yield the documents of the house: those at the root and in docs."""
    yield from sorted(root.glob("*.md"))
    yield from sorted((root / "docs").rglob("*.md"))


def dead_links(root: Path) -> Findings:
    """Links to files that do not exist."""
    found = Findings()
    for page in documents(root):
        for target in _LINK.findall(page.read_text()):
            if "://" in target or target.startswith("mailto:"):
                continue
            found.looked_at += 1
            if not (page.parent / target).exists():
                found.trespasses.append(f"{page.name} links to {target}")
    return found


def dead_paths(root: Path) -> Findings:
    """Paths in code quotes that exist neither from the root, nor in server/ or the package. `<noun>` is any name."""
    found = Findings()
    for page in documents(root):
        for path in _PATH.findall(page.read_text()):
            found.looked_at += 1
            pattern = re.sub(r"<\w+>", "*", path).rstrip("/")
            bases = (root, root / "server", root / "server" / "healthprotocol")
            if not any(any(base.glob(pattern)) for base in bases):
                found.trespasses.append(f"{page.name} names {path}")
    return found


def dead_citations(root: Path, *folders: Path) -> Findings:
    """Pages that code cites and that do not exist."""
    found = Findings()
    for folder in folders:
        for file in source_files(folder, ".py", ".sql", ".ts", ".tsx"):
            for page in _CITED.findall(file.read_text()):
                found.looked_at += 1
                if not (root / page).exists():
                    found.trespasses.append(f"{file.relative_to(folder)} cites {page}")
    return found


class TestTheHouse:
    def test_has_no_dead_link(self, looked_at: Record) -> None:
        found = dead_links(ROOT)

        looked_at(found.looked_at, "links in documents")
        assert found.trespasses == []
        assert found.looked_at >= 40

    def test_names_no_path_that_is_gone(self, looked_at: Record) -> None:
        found = dead_paths(ROOT)

        looked_at(found.looked_at, "paths in documents")
        assert found.trespasses == []
        assert found.looked_at >= 50

    def test_cites_no_page_that_is_missing(self, looked_at: Record) -> None:
        found = dead_citations(ROOT, HOUSE, SERVER / "migrations", ROOT / "web" / "src")

        looked_at(found.looked_at, "citations of pages in code")
        assert found.trespasses == []
        assert found.looked_at >= 1

    def test_lists_every_decision(self) -> None:
        index = (ROOT / "docs" / "decisions" / "README.md").read_text()

        pages = [path.name for path in (ROOT / "docs" / "decisions").glob("0*.md")]

        assert len(pages) >= 9
        assert [page for page in pages if page not in index] == []

    def test_keeps_the_architecture_on_one_page(self) -> None:
        assert (ROOT / "ARCHITECTURE.md").read_text().count("\n") <= MAX_PAGE_LINES


class TestPlantedTrespass:
    def test_is_caught(self, tmp_path: Path) -> None:
        (tmp_path / "README.md").write_text("[gone](docs/gone.md) and `care/gone/rules.py`, [here](README.md)")
        (tmp_path / "one.py").write_text("# docs/decisions/9999-gone.md")

        assert dead_links(tmp_path).trespasses == ["README.md links to docs/gone.md"]
        assert dead_paths(tmp_path).trespasses == ["README.md names care/gone/rules.py"]
        assert dead_citations(tmp_path, tmp_path).trespasses == ["one.py cites docs/decisions/9999-gone.md"]
