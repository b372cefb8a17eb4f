"""Contracts that import-linter does not bring: whose repository it is, and what a pure module may lean on."""

from fnmatch import fnmatchcase

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class RepositoryOfItsServiceContract(Contract):
    """
    A slice's `repository` is imported only by the `service` of the same slice, and by the repository's own parts.

    `slices` are patterns of the slices' package names, where `*` stands for one name.
    """

    type_name = "repository_of_its_service"

    slices = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        repositories = sorted(module for module in graph.modules if self._owner(module))
        trespasses = [
            f"{importer} opens {repository}"
            for repository in repositories
            for importer in sorted(graph.find_modules_that_directly_import(repository))
            if not self._may_open(importer, str(self._owner(repository)))
        ]
        output.verbose_print(verbose, f"Looked at {len(repositories)} repository modules.")
        return ContractCheck(kept=not trespasses, metadata={"trespasses": trespasses, "looked_at": len(repositories)})

    def render_broken_contract(self, check: ContractCheck) -> None:
        _render(check)

    def _owner(self, module: str) -> str | None:
        """Return the slice whose repository (or part of it) this module is, else None."""
        parts = module.split(".")
        if "repository" not in parts:
            return None
        owner = parts[: parts.index("repository")]
        patterns: list[str] = self.slices  # type: ignore[assignment]
        return ".".join(owner) if any(_matches(owner, pattern) for pattern in patterns) else None

    @staticmethod
    def _may_open(importer: str, owner: str) -> bool:
        if not importer.startswith(f"{owner}."):
            return False
        return importer.removeprefix(f"{owner}.").split(".")[0] in {"service", "repository"}


class PureContract(Contract):
    """
    Pure modules import one another, their slices' `errors`, and what two lists allow; nothing else, directly.

    Through an allowed module more may come in; that is why those lists are short and name values only.
    """

    type_name = "pure"

    pure_modules = fields.ListField(subfield=fields.StringField())
    allowed_modules = fields.ListField(subfield=fields.StringField())
    allowed_packages = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        own = sorted(module for module in graph.modules if self._is_pure(module))
        trespasses = [
            f"{module} leans on {imported}"
            for module in own
            for imported in sorted(graph.find_modules_directly_imported_by(module))
            if not self._allows(imported)
        ]
        output.verbose_print(verbose, f"Looked at {len(own)} pure modules.")
        return ContractCheck(kept=not trespasses, metadata={"trespasses": trespasses, "looked_at": len(own)})

    def render_broken_contract(self, check: ContractCheck) -> None:
        _render(check)

    def _is_pure(self, module: str) -> bool:
        patterns: list[str] = self.pure_modules  # type: ignore[assignment]
        parts = module.split(".")
        # A pure module grown into a folder is pure in all its files: compare as many names as the pattern has.
        return any(_matches(parts[: len(pattern.split("."))], pattern) for pattern in patterns)

    def _allows(self, imported: str) -> bool:
        modules: list[str] = self.allowed_modules  # type: ignore[assignment]
        packages: list[str] = self.allowed_packages  # type: ignore[assignment]
        if self._is_pure(imported) or self._is_pure(_sibling(imported)):
            return True
        return imported in modules or imported.split(".", maxsplit=1)[0] in packages


def _sibling(module: str) -> str:
    """Return the model beside an `errors` module, so that errors are allowed where the model is; else the module."""
    parent, _, name = module.rpartition(".")
    return f"{parent}.model" if name == "errors" else module


def _matches(parts: list[str], pattern: str) -> bool:
    wanted = pattern.split(".")
    return len(parts) == len(wanted) and all(fnmatchcase(part, want) for part, want in zip(parts, wanted, strict=True))


def _render(check: ContractCheck) -> None:
    for trespass in check.metadata["trespasses"]:
        output.print_error(f"- {trespass}", bold=False)
